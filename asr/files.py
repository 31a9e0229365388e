"""Files that are either whole or absent, the hash of their content, the way to them, and YAML."""

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import takewhile
from pathlib import Path
from typing import IO, Any

from asr.errors import InputError

# What a disk says for itself, and what is a path's fault. Anything else may be a bug, and keeps its
# traceback.
_REFUSALS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)
_OF_THE_PATH = (
    errno.EACCES, errno.EPERM, errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG,
    errno.ELOOP,
)  # fmt: skip
LEFTOVERS = ".*.tmp"  # what killed writers leave; only who owns a folder knows that none is alive


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Make a disk that is full or read-only an InputError about `path`, whatever raised it."""
    try:
        yield
    except (OSError, RuntimeError) as error:  # torch makes the latter of the former
        refusal = _refusal(error)
        if refusal is None:
            raise
        raise InputError(
            str(path),
            expected="a disk that takes it",
            got=refusal,
            remedy="Make room, or make it writable, and give the same command again; what was "
            "saved before is whole.",
        ) from error


def _refusal(error: BaseException | None) -> str | None:
    """What the disk said that led to an error, if it said anything."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _REFUSALS:
            return os.strerror(error.errno)
        error = error.__cause__ or error.__context__
    return None


@contextmanager
def _placing(path: Path) -> Iterator[None]:
    """Make a path that no file can have an InputError."""
    try:
        yield
    except OSError as error:
        if error.errno not in _OF_THE_PATH:
            raise
        in_the_way = next((one for one in path.parents if os.path.isfile(one)), None)
        raise InputError(
            str(path),
            expected="a file that can be written",
            got=f"one below the file {in_the_way}" if in_the_way else str(error.strerror),
            remedy="Name another path, or change what is there or its permissions.",
        ) from error


def _begin(path: Path, mode: str) -> tuple[Path, IO[Any]]:
    """The temporary file beside `path`, open; its folder is made where there is none."""
    with writing(path), _placing(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # see LEFTOVERS
        return temporary, open(temporary, mode, encoding=None if "b" in mode else "utf-8")


def require_writable(path: str | Path) -> None:
    """Raise InputError where `atomic_write` would, before the minutes of work behind it.

    Nothing is left behind: folders that were made for it are removed again.
    """
    path = Path(path)
    with writing(path):
        missing = list(takewhile(lambda parent: not parent.exists(), path.parents))
    temporary, file = _begin(path, "w")
    file.close()
    temporary.unlink()
    for parent in missing:
        with suppress(OSError):  # another process has put something there
            parent.rmdir()


@contextmanager
def atomic_write(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path`; rename it to `path` only if the block ends well.

    A killed process or a full disk leaves the old content, never half of the new.

    Raises:
        InputError: the disk is full or read-only, or no file can have this path.
    """
    path = Path(path)
    temporary, opened = _begin(path, mode)
    with writing(path):
        try:
            with opened as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)


def walk(top: str | Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """`os.walk` in order and through links, each folder once, whatever leads back to it.

    A folder goes by its own name, and by a link's only where nothing else leads to it.

    Raises:
        InputError: a folder cannot be read.
    """
    seen: set[str] = set()
    waiting = [str(top)]
    while waiting:
        for folder, folders, files in os.walk(waiting.pop(0), onerror=_unreadable):
            if (real := os.path.realpath(folder)) in seen:
                folders.clear()
                continue
            seen.add(real)
            folders.sort()
            yield folder, folders, sorted(files)
            below = (os.path.join(folder, name) for name in folders)
            waiting.extend(filter(os.path.islink, below))


def _unreadable(error: OSError) -> None:
    if isinstance(error, FileNotFoundError):  # removed since its parent was read
        return
    raise InputError(
        str(error.filename),
        expected="a folder that can be read",
        got=error.strerror or str(error),
        remedy="Change its permissions, or name the folders beside it instead of one above it.",
    ) from error


def files_below(top: str | Path) -> Iterator[Path]:
    """All files under a folder, through links too, each folder's once."""
    return (Path(folder, name) for folder, _, files in walk(top) for name in files)


def sha256(path: str | Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def parse_yaml(text: str) -> Any:
    """What a YAML text holds, by libyaml where PyYAML has it: ten times as fast."""
    import yaml  # here: commands that read none, such as asr.transcribe, start sooner

    return yaml.load(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
