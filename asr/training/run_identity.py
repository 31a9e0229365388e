"""Which run a configuration is: its keys, its folder, and the run it waits for."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.data.manifest import manifest_sha256
from asr.errors import InputError
from asr.evaluation.run import finished_run
from asr.training.run_folder import read_status
from asr.training.run_key import DENSE, RunKeys, run_keys


@dataclass(frozen=True)
class RunIdentity:
    """A run, whether it exists or not."""

    keys: RunKeys
    folder: Path
    settings: dict[str, Any]  # the resolved configuration, with the dense run's folder filled in
    dense_folder: Path  # of the dense run of these settings and seed: finished, or where it belongs
    needs_dense: bool  # whether this one takes its thresholds from that one

    def in_status(self) -> dict[str, Any]:
        """What every status of the run repeats."""
        return {
            "run_key": self.keys.run_key,
            "group_key": self.keys.group_key,
            "baseline_key": self.keys.baseline_key,
            "seed": self.settings["seed"],
            "experiment": self.settings["experiment_name"],
        }


def identify(settings: Mapping[str, Any], *, needs_dense_run: bool) -> RunIdentity:
    """The run of a resolved configuration.

    Args:
        settings: plain data. `sparsity.dense_run: auto` becomes the folder of the dense run of the
            same settings and seed, whether that is finished or not.
        needs_dense_run: whether the sparsity method asks for a dense run's weights.

    Raises:
        InputError: a manifest is missing, a run that it names is not done, or its experiment is
            no folder's name.
    """
    name = settings["experiment_name"]
    if name in ("", ".", "..") or "/" in name:  # runs are looked for in RUNS/*/RUN_KEY
        raise InputError(
            "experiment_name",
            expected="the name of one folder, without a slash",
            got=repr(name),
            remedy="Folders above it belong to runs: runs=runs/may experiment_name=blocks.",
        )
    manifests = {
        path: manifest_sha256(path)
        for path in (*settings["data"]["train"], *settings["data"]["validation"])
    }
    parents = {}
    if origin := settings["init_from"]:
        parents[origin] = _keys_of(origin)
    before = run_keys(settings, manifests, parents)
    dense_folder = _dense_folder(settings, before.dense_key)
    filled = {**settings, "sparsity": dict(settings["sparsity"])}
    automatic = settings["sparsity"].get("dense_run") == "auto"
    if automatic:
        filled["sparsity"]["dense_run"] = str(dense_folder) if needs_dense_run else None
    if dense_run := filled["sparsity"].get("dense_run"):
        # That run has these keys whether it is finished or not.
        own = before.dense_key, before.baseline_key
        parents[dense_run] = own if Path(dense_run) == dense_folder else _keys_of(dense_run)
    keys = run_keys(filled, manifests, parents)
    folder = Path(settings["runs"]) / name / keys.run_key
    waits = bool(dense_run) and Path(str(dense_run)) == dense_folder
    return RunIdentity(keys, folder, filled, dense_folder, waits)


def dense_settings(identity: RunIdentity) -> dict[str, Any]:
    """The configuration of the dense run that a run is compared with, in that run's folder."""
    return {
        **identity.settings,
        "experiment_name": identity.dense_folder.parent.name,
        "sparsity": dict(DENSE),
        "trial": None,  # of a study: it is the sparse run, not this one
    }


def _dense_folder(settings: Mapping[str, Any], key: str) -> Path:
    """Of the finished dense run, whatever the experiment; else where it would be trained."""
    runs = Path(settings["runs"])
    for status in sorted(runs.glob(f"*/{key}/status.json")):
        with suppress(InputError):  # a damaged one is not known to be done
            if read_status(status.parent).get("state") == "done":
                return status.parent
    return runs / str(settings["experiment_name"]) / key


def _keys_of(folder: str) -> tuple[str, str]:
    run = finished_run(folder)
    return run.run_key, run.group_key


def require_dense_run(identity: RunIdentity) -> None:
    """Raise InputError where a run starts from a dense run that is not done."""
    if not identity.needs_dense:
        return
    if read_status(identity.dense_folder).get("state") != "done":
        raise InputError(
            "sparsity.dense_run=auto",
            expected="a finished dense run of the same settings and seed, "
            f"{identity.settings['runs']}/*/{identity.keys.dense_key}",
            got="none",
            remedy="Train it with the same command and sparsity=dense, or name another run's "
            "folder. A sweep (-m) trains it first by itself.",
        )
