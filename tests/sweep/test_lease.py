"""A lease holds as long as a process that inherited it, and no longer."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr.errors import InputError
from asr.sweep.lease import VARIABLE, folder, holders, lease


@pytest.fixture(autouse=True)
def apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Leases of the test's own."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "leases"))
    return tmp_path / "leases"


def sleeper(descriptors: tuple[int, ...]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["sleep", "60"], pass_fds=descriptors)


def test_what_is_leased_is_not_leased_again() -> None:
    first = lease([3, 5, 7], 2, ["GPU-a", "GPU-b"], 1)
    assert first is not None
    assert (first.cores, first.gpus) == ((3, 5), ("GPU-a",))
    second = lease([3, 5, 7], 1, ["GPU-a", "GPU-b"], 1)
    assert second is not None
    assert (second.cores, second.gpus) == ((7,), ("GPU-b",))
    assert lease([3, 5, 7], 1, [], 0) is None
    second.close()
    first.close()


def test_too_few_leases_nothing() -> None:
    first = lease([0], 1, [], 0)
    assert first is not None
    assert lease([0, 1, 2], 3, [], 0) is None
    assert lease([1], 1, ["GPU-a"], 2) is None
    rest = lease([0, 1, 2], 2, ["GPU-a"], 1)  # what was tried for is free again
    assert rest is not None
    assert rest.cores == (1, 2)
    rest.close()
    first.close()


def test_nothing_wanted_is_always_there(apart: Path) -> None:
    none = lease([], 0, [], 0)
    assert none is not None
    assert none.descriptors == ()
    assert not apart.exists()


def test_the_heir_keeps_it_until_it_is_killed() -> None:
    mine = lease([0], 1, [], 0)
    assert mine is not None
    heir = sleeper(mine.descriptors)
    mine.sign("runs/x/abc, pid 7")
    mine.close()
    assert lease([0], 1, [], 0) is None
    assert holders([0, 1], ["GPU-a"]) == ["runs/x/abc, pid 7"]
    heir.send_signal(signal.SIGKILL)
    heir.wait()
    again = lease([0], 1, [], 0)
    assert again is not None
    assert holders([0], []) == ["runs/x/abc, pid 7"]  # not signed anew yet
    again.sign("new")
    assert holders([0], []) == ["new"]
    again.close()
    assert holders([0], []) == []


def test_a_forked_worker_keeps_it_too() -> None:
    # As a loader's worker does: it works on the core for as long as it lives.
    mine = lease([0], 1, [], 0)
    assert mine is not None
    script = "import os, time\nif os.fork() == 0: time.sleep(60)\nelse: time.sleep(0.2)"
    parent = subprocess.Popen(
        [sys.executable, "-S", "-c", script], pass_fds=mine.descriptors, start_new_session=True
    )
    mine.close()
    parent.wait()
    assert lease([0], 1, [], 0) is None
    os.killpg(parent.pid, signal.SIGKILL)
    deadline = time.monotonic() + 5
    while (again := lease([0], 1, [], 0)) is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert again is not None
    again.close()


def test_the_folder_is_locked_against_cleaning(apart: Path) -> None:
    # systemd-tmpfiles asks for an exclusive lock of a folder before it clears it, as flock(1) does.
    command = ["flock", "--exclusive", "--nonblock", str(apart), "true"]
    mine = lease([0], 1, [], 0)
    assert mine is not None
    assert subprocess.run(command).returncode == 1
    mine.close()
    assert subprocess.run(command).returncode == 0


def test_many_askers_never_share(tmp_path: Path) -> None:
    # Each adds a file of its own for every core it has: two at once would find the other's.
    script = f"""
import os, time
from asr.sweep.lease import lease
for _ in range(100):
    while (mine := lease([0, 1, 2], 2, [], 0)) is None:
        time.sleep(0.001)
    for core in mine.cores:
        os.mkdir({str(tmp_path)!r} + f"/{{core}}")
    time.sleep(0.001)
    for core in mine.cores:
        os.rmdir({str(tmp_path)!r} + f"/{{core}}")
    mine.close()
"""
    askers = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    assert [asker.wait(timeout=60) for asker in askers] == [0, 0, 0]


def test_a_folder_that_is_somebody_elses(apart: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = apart.with_name("elsewhere")
    real.mkdir()
    apart.symlink_to(real)
    with pytest.raises(InputError, match=r"expected a folder of yours.*got a link.*ASR_LEASES="):
        folder()
    apart.unlink()
    apart.mkdir()
    monkeypatch.setattr(os, "getuid", lambda: 12345)
    with pytest.raises(InputError, match=re.escape(f"got one of user {apart.stat().st_uid}")):
        folder()
    monkeypatch.setenv(VARIABLE, "/proc/leases")
    with pytest.raises(InputError, match="expected a folder of yours"):
        folder()


def test_the_same_folder_whatever_tmpdir_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setenv("TMPDIR", "/var/tmp")
    monkeypatch.setattr(tempfile, "tempdir", None)  # where an earlier answer is remembered
    assert folder() == Path(f"/tmp/asr-leases-{os.getuid()}")
