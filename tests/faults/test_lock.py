"""Two trainings of one run: the second one refuses by name; what a dead one left stops nobody."""

import json
import signal
import socket
import time
from pathlib import Path

import pytest

from tests.commands import tiny_run
from tests.faults.ended_run import assert_same, only_run, status
from tests.warm import Command, run

pytestmark = pytest.mark.faults


def test_the_second_refuses_with_host_and_process_of_the_first(tones: Path, tmp_path: Path) -> None:
    runs, alone = tmp_path / "runs", tmp_path / "alone"
    assert run(tiny_run(tones, alone)[1:], tmp_path / "log")[0] == 0
    command = tiny_run(tones, runs)[1:]
    first = Command(command, tmp_path / "first")
    first.wait_until(lambda: status(runs).get("step", -1) >= 0)
    first.signal(signal.SIGSTOP)  # for as long as the second one takes
    before = {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()}
    code, said = run(command, tmp_path / "second")
    assert code == 1
    assert "expected no other process on this run" in said
    assert f"got a lock held by host {socket.gethostname()}, pid {first.pid}." in said
    assert "Traceback" not in said
    assert {path: path.read_bytes() for path in runs.rglob("*") if path.is_file()} == before
    first.signal(signal.SIGCONT)
    assert first.wait() == 0, first.said()
    assert_same(runs, alone)


def test_a_lock_file_of_a_dead_host_stops_nobody(tones: Path, tmp_path: Path) -> None:
    """Its kernel held the lock and is gone; the file alone is a name."""
    runs, alone = tmp_path / "runs", tmp_path / "alone"
    assert run(tiny_run(tones, alone)[1:], tmp_path / "log")[0] == 0
    command = tiny_run(tones, runs, "hardware.checkpoint_minutes=0")[1:]
    training = Command(command, tmp_path / "log")
    training.wait_until(lambda: status(runs).get("step", -1) > 2)
    training.signal(signal.SIGKILL)
    training.wait()
    folder = only_run(runs)
    (folder / "lock").write_text("host node17.cluster, pid 1")  # alive, on this host
    gone = {"host": "node17.cluster", "pid": 1, "state": "running"}
    (folder / "status.json").write_text(json.dumps(status(runs) | gone))
    code, said = run(command, tmp_path / "log")
    assert code == 0, said
    assert "continuing from step" in said
    assert_same(runs, alone)


def test_a_killed_training_leaves_no_process_and_no_lock(tones: Path, tmp_path: Path) -> None:
    """Its loader's workers end with it, and have no part of the lock."""
    runs = tmp_path / "runs"
    command = tiny_run(tones, runs, "hardware.workers=2", "training.epochs=30")[1:]
    training = Command(command, tmp_path / "log")
    training.wait_until(lambda: len(children(training.pid)) == 2)
    workers = children(training.pid)
    training.signal(signal.SIGKILL)
    training.wait()
    second = Command(command, tmp_path / "log")  # at once
    second.wait_until(lambda: "training set" in second.said())
    second.signal(signal.SIGTERM)
    assert second.wait() in (-signal.SIGTERM, 128 + signal.SIGTERM), second.said()
    deadline = time.monotonic() + 15  # torch's workers look for their parent every 5 s
    while any(map(lives, workers)):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def lives(pid: int) -> bool:
    """Whether it still runs; a process that has ended may wait for its parent as a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in found.read_text().split()] if found.exists() else []
