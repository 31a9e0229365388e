"""What scoring needs to know of a run: its keys and its own test sets, from its plain files."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from asr.errors import InputError


@dataclass(frozen=True, slots=True)
class Run:
    """A run folder as its `status.json` and `config.yaml` describe it."""

    folder: Path
    experiment: str
    run_key: str
    group_key: str
    baseline_key: str | None
    seed: int
    state: str  # queued, running, done, failed or preempted
    test: tuple[Path, ...]  # the manifests that its configuration names for testing


def read_run(folder: str | Path) -> Run:
    """Read a run folder; raises InputError where it is none, or where its files are damaged."""
    folder = Path(folder)
    status = _mapping(folder, "status.json", json.loads)
    test = (_mapping(folder, "config.yaml", yaml.safe_load).get("data") or {}).get("test") or ()
    try:
        return Run(
            folder=folder,
            experiment=str(status["experiment"]),
            run_key=str(status["run_key"]),
            group_key=str(status["group_key"]),
            baseline_key=status.get("baseline_key"),
            seed=int(status["seed"]),
            state=str(status["state"]),
            test=tuple(map(Path, [test] if isinstance(test, str) else test)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            str(folder / "status.json"),
            expected="the keys experiment, run_key, group_key, seed and state",
            got=f"{type(error).__name__} {error}",
            remedy="It was edited or written by another version: train the run again.",
        ) from error


def unfinished(run: Run) -> list[str]:
    """What to say of a run whose weights are used before it is done; nothing of one that is."""
    return [] if run.state == "done" else [f"the run is not done, its state is {run.state!r}"]


def finished_run(folder: str | Path) -> Run:
    """Read a run folder to start another run from; raises InputError unless it is done."""
    run = read_run(folder)
    if run.state != "done":
        raise InputError(
            f"a run to start from, {folder}",
            expected="a run that is done",
            got=f"one that is {run.state}",
            remedy="Finish it first: what it ends with would otherwise depend on the moment.",
        )
    return run


def _mapping(folder: Path, name: str, parse: Any) -> dict[str, Any]:
    path = folder / name
    try:
        content = parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            str(folder),
            expected="a run folder, with config.yaml, status.json and checkpoints",
            got=f"{name}: {error.strerror}",
            remedy="Give the folder of one run: runs/<experiment>/<run_key>.",
        ) from error
    except (ValueError, yaml.YAMLError) as error:
        raise InputError(
            str(path),
            expected="a readable file",
            got=str(error),
            remedy="The file is damaged: restore it, or train the run again.",
        ) from error
    if not isinstance(content, dict):
        raise InputError(
            str(path),
            expected="a mapping of keys to values",
            got=type(content).__name__,
            remedy="The file is damaged: restore it, or train the run again.",
        )
    return content
