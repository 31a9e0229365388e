"""What a sweep remembers of its last submission, so that what is known needs no second look.

Composing a configuration takes a twentieth of a second and more. A run that was planned before is
the same run as long as the files that Hydra reads, what of the environment these name, its command
line and the content of its manifests are.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from asr.data.manifest import manifest_sha256
from asr.errors import InputError
from asr.files import sha256
from asr.sweep.plan import Planned, as_yaml
from asr.sweep.process import status_of
from asr.sweep.record import Record
from asr.training import run_identity, run_key

_IDENTITY = ("run_key", "group_key", "baseline_key", "seed", "experiment")
_VARIABLE = re.compile(r"oc\.env\s*:([^,}]*)")  # up to a default value or the end


def stamp(configurations: Iterable[Path], *choices: str) -> str:
    """A hash of all that turns a command line into a run.

    Args:
        configurations: folders that Hydra searches.
        choices: other things that it depends on.
    """
    digest = hashlib.sha256(repr(choices).encode())
    variables: set[str] = set()
    for folder in configurations:
        for path in sorted(folder.rglob("*.yaml")):
            content = path.read_bytes()
            digest.update(f"\0{path.relative_to(folder)}\0".encode() + content)
            variables.update(_VARIABLE.findall(content.decode(errors="replace")))
    names = {variable.strip(" \t\r\n'\"\\") for variable in variables}
    if any("$" in name for name in names):  # a name that is itself looked up: it may be any
        names |= os.environ.keys()
    digest.update(repr([(name, os.environ.get(name)) for name in sorted(names)]).encode())
    for module in (run_key, run_identity):
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()


class Memory:
    """The plans of an earlier submission that still hold.

    Args:
        record: of the sweep.
        current_stamp: of the configuration as it is now.
        directory: that paths are relative to now.
    """

    def __init__(self, record: Record, current_stamp: str, directory: str) -> None:
        holds = record.plans.get("stamp") == current_stamp and record.directory == directory
        self.stamp = current_stamp
        self.runs: dict[str, Any] = dict(record.plans["runs"]) if holds else {}
        self._digest = cache(_digest)

    def recall(self, overrides: Sequence[str]) -> list[Planned] | None:
        """The runs that a command line stands for, its baseline first; None if not known."""
        known = self.runs.get(" ".join(overrides))
        if known is None or any(
            self._digest(path) != digest for path, digest in known["manifests"].items()
        ):
            return None
        plans = []
        for run in known["plans"]:
            folder = Path(run["folder"])
            status = status_of(folder)
            if not status.keys() >= set(_IDENTITY) or not (folder / "config.yaml").is_file():
                return None
            # What names no run, such as the hardware, may have been another's in between.
            if status["state"] != "done" and sha256(folder / "config.yaml") != run["config"]:
                return None
            after = Path(run["after"]) if run["after"] else None
            identity = {name: status[name] for name in _IDENTITY}
            plans.append(Planned(folder, None, identity, overrides, after, run["baseline"]))
        return plans

    def note(self, overrides: Sequence[str], plans: Sequence[Planned]) -> None:
        """Remember what a command line stands for."""
        settings = plans[-1].settings
        assert settings is not None
        dense_run = settings["sparsity"].get("dense_run")
        if any("oc.env" in word for word in overrides):
            return
        if settings["init_from"] or (dense_run and plans[-1].after is None):
            return  # its key is also that of another run, which may be trained anew
        paths = (*settings["data"]["train"], *settings["data"]["validation"])
        self.runs[" ".join(overrides)] = {
            "plans": [
                {
                    "folder": str(plan.folder),
                    "after": str(plan.after) if plan.after else None,
                    "baseline": plan.baseline,
                    "config": hashlib.sha256(as_yaml(plan.settings or {}).encode()).hexdigest(),
                }
                for plan in plans
            ],
            "manifests": {path: self._digest(path) for path in paths},
        }


def _digest(path: str) -> str:
    try:
        return manifest_sha256(path)
    except InputError:
        return ""
