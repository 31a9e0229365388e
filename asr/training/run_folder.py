"""A run's folder on disk: one process owns it, and `status.json` alone says how far it is."""

import errno
import fcntl
import json
import os
import re
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Literal

from asr.errors import InputError
from asr.files import LEFTOVERS, atomic_write, writing

State = Literal["queued", "running", "done", "failed", "preempted"]
# struct flock of Linux on 64 bits: type, whence, start, length, pid.
_FLOCK = "hhqqi4x"
_HELD = (errno.EACCES, errno.EAGAIN)  # POSIX lets systems answer by either: another has the lock
_OWNER = re.compile(r"host (.+), pid (\d+)")  # as `acquire` writes it into the lock

# Of a terminal, of any scheduler, and those that submitit and Lightning ask SLURM to send: training
# saves and stops on them.
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
TRAIN = Path(__file__).resolve().parents[2] / "train.py"  # trains a run, from whichever folder
OUTPUT = "output.log"  # in a run folder: what a run of a sweep printed
PRUNED = "pruned by the study"  # in the reason of a run that will not be gone on with


class TrainingInterruptedError(Exception):
    """Training has saved and stopped on a signal; the same command continues it."""

    farewell = "saved; the same command continues"

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


class RunFolder:
    """`runs/<experiment>/<run_key>/`, see docs/runs.md.

    Args:
        path: of the folder; made if it is not there.
        identity: what every status repeats: keys, seed, experiment.
        leader: False in all but the first process of a run: those neither lock nor write.
    """

    def __init__(self, path: str | Path, identity: dict[str, Any], leader: bool = True) -> None:
        self.path = Path(path)
        self.identity, self.leader = identity, leader
        self.facts: dict[str, Any] = {}  # what training adds to every status that it writes
        self._lock: IO[str] | None = None

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def metrics(self) -> Path:
        return self.path / "metrics.csv"

    @property
    def masks(self) -> Path:
        return self.path / "masks"

    @contextmanager
    def owned(self, progress: Callable[[], tuple[int, int]]) -> Iterator[None]:
        """Own the folder for a block; how the block ends becomes the status.

        Args:
            progress: gives the optimizer step and the epoch so far.
        """
        self.acquire()
        try:
            yield
        except BaseException as error:
            stopped = isinstance(error, TrainingInterruptedError | KeyboardInterrupt)
            state: State = "preempted" if stopped else "failed"
            with suppress(InputError):  # a full disk has no room for this either
                self.write_status(state, *progress(), reason=f"{type(error).__name__}: {error}")
            raise
        else:
            self.write_status("done", *progress())
        finally:
            self.release()

    def acquire(self) -> None:
        """Own the folder until `release`, or until this process ends, however it ends.

        The kernel drops a POSIX record lock with its process, on the same or another host, so
        there is no stale lock to clean up; a forked loader worker does not inherit it.
        """
        if not self.leader:
            return
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = open(self.path / "lock", "a+", encoding="utf-8")  # noqa: SIM115 - kept open
        except OSError as error:
            raise InputError(
                str(self.path),
                expected="a folder that can be written",
                got=error.strerror or str(error),
                remedy="Set runs=FOLDER to one that can.",
            ) from error
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in _HELD:
                file.close()
                raise no_locks(self.path, error) from error
            file.seek(0)
            owner = file.read().strip() or "another process"
            file.close()
            raise InputError(
                str(self.path),
                expected="no other process on this run",
                got=f"a lock held by {owner}",
                remedy="Wait for it, or end it; the lock goes with its process.",
            ) from error
        for folder in (self.path, self.checkpoints, self.masks):
            for stranded in folder.glob(LEFTOVERS):
                stranded.unlink()
        self._lock = file
        with writing(self.path / "lock"):
            os.truncate(file.fileno(), 0)
            os.write(file.fileno(), f"host {socket.gethostname()}, pid {os.getpid()}".encode())

    def release(self) -> None:
        """Let another run of this process, or another process, have the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def status(self) -> dict[str, Any]:
        """The last status written; empty for a new run."""
        return read_status(self.path)

    def write_status(self, state: State, step: int, epoch: int, reason: str = "") -> None:
        if not self.leader:
            return
        now, before = _now(), self.status()
        if "seconds" not in self.facts:  # training has not gone on yet, or had nothing left to do
            step = max(step, before.get("step", 0))
            epoch = max(epoch, before.get("epoch", 0))
        carried: dict[str, Any] = {
            name: before[name] for name in ("total_steps", "seconds") if name in before
        }
        status = {
            **self.identity,
            "state": state,
            "step": step,
            "epoch": epoch,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started": before.get("started") or now,
            "updated": now,
            "reason": reason,
        }
        _write(self.path, {**status, **carried, **self.facts})

    def queue(self) -> None:
        """Say that the run waits for its turn; its first `running` will be its start."""
        self.path.mkdir(parents=True, exist_ok=True)
        before = {"step": 0, "epoch": 0, "started": None}
        with suppress(InputError):  # a damaged one says nothing
            before |= self.status()
        progress = ("step", "epoch", "started", "total_steps", "seconds")
        kept = {key: before[key] for key in progress if key in before}
        _write(
            self.path,
            {**self.identity, "state": "queued", **kept, "updated": _now(), "reason": ""},
        )


def no_locks(folder: Path, error: OSError) -> InputError:
    """What a file system that refused to lock a file of a folder is told as."""
    return InputError(
        str(folder),
        expected="a file system that can lock files",
        got=error.strerror or str(error),
        remedy="Mount it with locks, or set runs=FOLDER to another (docs/faults.md).",
    )


def restate(folder: Path, state: State, reason: str) -> None:
    """Correct the state of a run whose process could not, such as one that was killed."""
    _write(folder, {**read_status(folder), "state": state, "updated": _now(), "reason": reason})


def owned_elsewhere(folder: Path) -> bool:
    """Whether a process holds the run's lock, here or, where the file system tells, elsewhere."""
    return owner_of(folder) is not None


def owner_of(folder: Path) -> int | None:
    """The pid of the process that holds the run's lock, on the host where that runs.

    Asks without taking the lock, so that a run that starts at this moment is not refused. Not for
    the owner itself: closing any descriptor of the file would drop its lock.
    """
    try:
        with open(folder / "lock", encoding="utf-8") as file:
            question = struct.pack(_FLOCK, fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
            answer = fcntl.fcntl(file, fcntl.F_GETLK, question)
    except FileNotFoundError:
        return None
    kind, *_, pid = struct.unpack(_FLOCK, answer)
    return None if kind == fcntl.F_UNLCK else int(pid)


def last_owner(folder: Path) -> tuple[str, int] | None:
    """Host and pid of the process that has the run's lock, or had it last, by its own word.

    They stand in the lock before that process has written its first status.
    """
    try:
        said = _OWNER.fullmatch((folder / "lock").read_text(encoding="utf-8", errors="replace"))
    except FileNotFoundError:
        return None
    return (said[1], int(said[2])) if said else None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _write(folder: Path, status: dict[str, Any]) -> None:
    with atomic_write(folder / "status.json") as file:
        json.dump(status, file, indent=2)
        file.write("\n")


def read_status(folder: Path) -> dict[str, Any]:
    """The status in a run folder; empty where there is none. Raises InputError if it is damaged."""
    path = folder / "status.json"
    if not path.is_file():
        return {}
    try:
        status = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:  # bad JSON or bad UTF-8
        status = error
    if not isinstance(status, dict):
        raise InputError(
            str(path),
            expected="a JSON object with the state of the run",
            got=str(status) if isinstance(status, ValueError) else type(status).__name__,
            remedy="The file is damaged: remove it, and the same command goes on from the last "
            "checkpoint.",
        )
    return status
