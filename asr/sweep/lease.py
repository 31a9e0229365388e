"""Cores and GPUs of this machine, leased so that no two runs share one, whichever sweep has them.

A lease is an flock on a file per core or GPU. The lock belongs to the open file, which the run's
process inherits: it ends with the last process that holds it, however that ends, and outlives a
sweep that was killed. There is nothing stale to clean up.
"""

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from asr.errors import InputError

VARIABLE = "ASR_LEASES"  # the folder of the lock files, for containers that share cores but no /tmp


@dataclass(frozen=True)
class Lease:
    """What one run may use. Give `descriptors` to its process, then close these copies."""

    cores: tuple[int, ...]
    gpus: tuple[str, ...]
    descriptors: tuple[int, ...]  # locked files; the last one is the folder

    def sign(self, holder: str) -> None:
        """Write into the lock files who has them, for those who wait."""
        for descriptor in self.descriptors[:-1]:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, holder.encode(), 0)

    def close(self) -> None:
        """Let go of this process's copies; what inherited them keeps the lease."""
        for descriptor in self.descriptors:
            os.close(descriptor)


def folder() -> Path:
    """Where the lock files of this user on this machine lie; made if it is not there.

    Not below TMPDIR: two shells may have different ones, and would not see each other's leases.

    Raises:
        InputError: it cannot be made, or is somebody else's.
    """
    path = Path(os.environ.get(VARIABLE) or f"/tmp/asr-leases-{os.getuid()}")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = path.lstat().st_uid
        # A link would let its owner choose which files are locked and written.
        trouble = "a link" if path.is_symlink() else f"one of user {owner}"
        if owner == os.getuid() and not path.is_symlink():
            return path
    except OSError as error:
        trouble = error.strerror or str(error)
    raise InputError(
        str(path),
        expected="a folder of yours, for the leases of cores and GPUs",
        got=trouble,
        remedy=f"Set {VARIABLE}=FOLDER to one on this machine, the same for all your sweeps.",
    )


def lease(
    cores: Sequence[int], cores_wanted: int, gpus: Sequence[str], gpus_wanted: int
) -> Lease | None:
    """Lease as many of the cores and GPUs as wanted, the first that are free; None if too few are.

    Does not wait, and takes all or nothing.
    """
    if not cores_wanted and not gpus_wanted:
        return Lease((), (), ())
    home = folder()
    taken: list[int] = []
    found: dict[str, list[str]] = {"core": [], "gpu": []}
    with _turn(home):
        for kind, names, wanted in (
            ("core", [str(core) for core in cores], cores_wanted),
            ("gpu", gpus, gpus_wanted),
        ):
            for name in names:
                if len(found[kind]) == wanted:
                    break
                descriptor = _lock(_file(home, kind, name))
                if descriptor is not None:
                    taken.append(descriptor)
                    found[kind].append(name)
        if (len(found["core"]), len(found["gpu"])) != (cores_wanted, gpus_wanted):
            for descriptor in taken:
                os.close(descriptor)
            return None
        # systemd-tmpfiles clears old files out of /tmp, but not of a folder that is locked.
        directory = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
        fcntl.flock(directory, fcntl.LOCK_SH)
    return Lease(
        tuple(int(core) for core in found["core"]), tuple(found["gpu"]), (*taken, directory)
    )


def holders(cores: Sequence[int], gpus: Sequence[str]) -> list[str]:
    """Who has leased some of the cores and GPUs, each once, as they signed."""
    home = folder()
    signed: dict[str, None] = {}
    files = [_file(home, "core", str(core)) for core in cores]
    files += [_file(home, "gpu", gpu) for gpu in gpus]
    with _turn(home):
        for path in files:
            descriptor = _lock(path)
            if descriptor is None:
                signed[path.read_text(encoding="utf-8") or "a run that starts"] = None
            else:
                os.close(descriptor)
    return list(signed)


@contextmanager
def _turn(home: Path) -> Iterator[None]:
    """One asks at a time: two that each get half of what they want would both give up."""
    with open(home / "asking", "a", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _file(home: Path, kind: str, name: str) -> Path:
    return home / f"{kind}-{name.replace('/', '_')}"  # names of MIG devices had slashes once


def _lock(path: Path) -> int | None:
    """An open file that is locked; None if another one is."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor
