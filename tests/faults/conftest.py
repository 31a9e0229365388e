"""Disks that a test may fill, in a mount namespace that ends with the tests."""

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.warm import end_all, run

_NEW_MOUNTS = 0x20000  # CLONE_NEWNS of sched.h


class Disk:
    """A file system of its own in memory.

    Args:
        folder: where it is mounted.
        size: of it, as mount takes it.
    """

    def __init__(self, folder: Path, size: str) -> None:
        folder.mkdir()
        self.folder = folder
        self._mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs")

    def resize(self, size: str) -> None:
        """Make it larger or smaller."""
        self._mount("-o", f"remount,size={size}")

    def make_read_only(self) -> None:
        """By a second mount in its place: the first one refuses while a file is open to write."""
        self._mount("--bind", str(self.folder))
        self._mount("-o", "remount,ro,bind")

    def make_writable(self) -> None:
        """Undo `make_read_only`."""
        subprocess.run(["umount", "-l", self.folder], check=True, capture_output=True)

    def free(self) -> int:
        """Bytes."""
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def fill(self, left: int = 0) -> None:
        """Leave so many bytes."""
        with open(self.folder / "filler", "ab") as file:
            os.posix_fallocate(file.fileno(), 0, max(self.free() - left, 1))

    def empty(self) -> None:
        """Take the filling away."""
        (self.folder / "filler").unlink()

    def _mount(self, *arguments: str) -> None:
        subprocess.run(["mount", *arguments, self.folder], check=True, capture_output=True)


@pytest.fixture(scope="session", autouse=True)
def private_mounts() -> str:
    """Why mounts cannot be private; empty where they are. Before any process is started."""
    if os.geteuid() != 0:
        return "needs root to mount a small disk"
    if ctypes.CDLL(None, use_errno=True).unshare(_NEW_MOUNTS) != 0:
        return f"no mount namespace of its own: {os.strerror(ctypes.get_errno())}"
    done = subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, text=True)
    return done.stderr.strip()


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    """Whatever a test's end."""
    yield
    end_all()


@pytest.fixture(scope="module")
def undisturbed(
    request: pytest.FixtureRequest, tones: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The runs folder of a test file's own `command`, which nothing disturbed."""
    runs = tmp_path_factory.mktemp("undisturbed")
    code, said = run(request.module.command(tones, runs), runs.with_suffix(".log"))
    assert code == 0, said
    return runs


@pytest.fixture
def disk(private_mounts: str, tmp_path: Path) -> Iterator[Callable[[str], Disk]]:
    """Make a disk of a size; the test skips where there is no right to."""
    if private_mounts:
        pytest.skip(private_mounts)
    made: list[Disk] = []

    def make(size: str) -> Disk:
        made.append(Disk(tmp_path / f"disk{len(made)}", size))
        return made[-1]

    yield make
    for one in made:
        subprocess.run(["umount", "-l", one.folder], check=True, capture_output=True)
