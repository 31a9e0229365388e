"""`sweep.json` of an experiment's folder: which runs its sweeps asked for, and who has them."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from asr.errors import InputError
from asr.files import atomic_write
from asr.sweep.process import living_pid, name_of
from asr.training.run_folder import no_locks

NAME = "sweep.json"


@dataclass
class Entry:
    """What is known of a run besides its folder's own `status.json`."""

    overrides: list[str]  # of the command line; a baseline's are those of a run compared with it
    baseline: bool = False  # asked for by what is compared with it
    after: str | None = None  # name of the run that must be done before
    launcher: str = ""  # name in `Record.launchers`
    job: str | None = None  # the launcher's id of the process, once it was handed over
    controller: str | None = None  # process of the sweep that has it in its queue


@dataclass
class Record:
    """All sweeps of an experiment, as one list of runs.

    A run's name is its path from the experiment's folder, which may be moved: KEY, or
    ../EXPERIMENT/KEY of a dense run that another experiment has.
    """

    home: Path  # the experiment's folder
    directory: str = ""  # that paths in configurations are relative to
    launchers: dict[str, dict[str, Any]] = field(default_factory=dict)  # engine and its arguments
    runs: dict[str, Entry] = field(default_factory=dict)  # by name
    plans: dict[str, Any] = field(default_factory=dict)  # see asr/sweep/memory.py

    def name(self, folder: Path) -> str:
        """The name of the run in a folder, the same from every directory."""
        return os.path.relpath(folder.parent.resolve() / folder.name, self.home.resolve())

    def folder(self, name: str) -> Path:
        """Where the run of a name lies now."""
        return Path(os.path.normpath(self.home.resolve() / name))

    def entry(self, folder: Path) -> Entry | None:
        """What is known of the run in a folder; None of one that was started by hand."""
        return self.runs.get(self.name(folder))


def read_record(folder: Path) -> Record:
    """The record in an experiment's folder; empty where there is none.

    Raises:
        InputError: it is damaged.
    """
    path = folder / NAME
    if not path.is_file():
        return Record(folder)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        runs = (_as_named_now(name, Entry(**entry)) for name, entry in content.pop("runs").items())
        return Record(folder, runs=dict(runs), **content)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            str(path),
            expected="the record of a sweep",
            got=f"{type(error).__name__}: {error}",
            remedy="Remove the file and submit the sweep again: runs that are done stay done.",
        ) from error


@contextmanager
def changing(folder: Path) -> Iterator[Record]:
    """Read, change and write the record, alone among the processes that do.

    Raises:
        InputError: it is damaged, or its file system cannot lock files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / f".{NAME}.lock", "a", encoding="utf-8") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise no_locks(folder, error) from error
        record = read_record(folder)
        yield record
        content = {**vars(record), "runs": {name: vars(e) for name, e in record.runs.items()}}
        del content["home"]  # the file's own place says it
        with atomic_write(folder / NAME) as file:
            json.dump(content, file, indent=1)


def _as_named_now(name: str, entry: Entry) -> tuple[str, Entry]:
    """A run and its name; an older record has absolute paths, of where the folder was then."""
    if not os.path.isabs(name):
        return name, entry
    home, key = os.path.split(name)
    return key, replace(entry, after=entry.after and os.path.relpath(entry.after, home))


def this_process() -> str:
    """Name of this process, as in `Entry.controller`."""
    return name_of(os.getpid())


def is_alive(process: str | None) -> bool:
    """Whether a process that `this_process` named lives; one of another host is taken to."""
    if process is None:
        return False
    return process.partition(":")[0] != socket.gethostname() or living_pid(process) is not None
