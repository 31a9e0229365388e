import errno
import fcntl
import os
import signal
from pathlib import Path

import pytest

from asr.errors import InputError
from asr.files import atomic_write
from asr.sweep.record import changing
from asr.training.metrics_csv import MetricsCsv
from asr.training.run_folder import (
    RunFolder,
    TrainingInterruptedError,
    owned_elsewhere,
    read_status,
    restate,
)
from tests.warm import WARM

IDENTITY = {"run_key": "k", "experiment": "e"}


def hold(path: Path, ready, release) -> None:  # type: ignore[no-untyped-def]
    folder = RunFolder(path, IDENTITY)
    folder.acquire()
    ready.set()
    release.wait(20)


def test_a_second_process_is_refused_with_the_first_ones_name(tmp_path: Path) -> None:
    ready, release = WARM.Event(), WARM.Event()
    first = WARM.Process(target=hold, args=(tmp_path, ready, release))
    first.start()
    assert ready.wait(30)
    with pytest.raises(InputError, match=f"host .*, pid {first.pid}"):
        RunFolder(tmp_path, IDENTITY).acquire()
    first.kill()  # no clean-up: the lock must go with the process
    first.join()
    second = RunFolder(tmp_path, IDENTITY)
    second.acquire()
    assert f"pid {os.getpid()}" in (tmp_path / "lock").read_text()
    second.release()


def test_a_file_system_without_locks_is_no_other_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "lockf", refuse)
    told = "expected a file system that can lock files, got No locks available"
    with pytest.raises(InputError, match=told):
        RunFolder(tmp_path, IDENTITY).acquire()
    with pytest.raises(InputError, match=told), changing(tmp_path):
        pass


def save_and_be_killed(path: Path) -> None:
    for name in ("checkpoints/last.ckpt", "status.json", "masks/updates.csv"):
        writer = atomic_write(path / name)
        writer.__enter__().write("half")
        # No clean-up, as if the process had been killed in the middle.
        os.kill(os.getpid(), signal.SIGKILL) if name.startswith("masks") else LIVING.append(writer)


LIVING: list[object] = []  # a writer that is collected would clean up


def test_what_killed_writers_leave_is_removed_by_the_next_owner(tmp_path: Path) -> None:
    killed = WARM.Process(target=save_and_be_killed, args=(tmp_path,))
    killed.start()
    killed.join(30)
    assert killed.exitcode == -signal.SIGKILL
    kept = [tmp_path / "checkpoints/last.ckpt", tmp_path / "eval/x/.result.json.1.tmp"]
    for path in kept:  # the second one's writer needs no lock, and may be alive
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("whole")
    assert len(list(tmp_path.rglob(".*.tmp"))) == 4
    RunFolder(tmp_path, IDENTITY, leader=False).acquire()
    assert len(list(tmp_path.rglob(".*.tmp"))) == 4
    folder = RunFolder(tmp_path, IDENTITY)
    folder.acquire()
    files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert files == sorted([*kept, tmp_path / "lock"])
    folder.release()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[]", b"null"])
def test_a_damaged_status_is_told_with_its_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "status.json").write_bytes(content)
    with pytest.raises(InputError, match=r"status\.json: expected a JSON object .*remove it"):
        RunFolder(tmp_path, IDENTITY).status()


def test_status_keeps_the_start_and_the_identity(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, IDENTITY)
    assert folder.status() == {}
    folder.write_status("running", 3, 1)
    started = folder.status()["started"]
    folder.write_status("failed", 5, 1, reason="why")
    status = folder.status()
    assert (status["state"], status["step"], status["reason"]) == ("failed", 5, "why")
    assert (status["started"], status["run_key"]) == (started, "k")


def test_a_process_that_ends_before_it_trains_leaves_how_far_the_run_is(tmp_path: Path) -> None:
    before = RunFolder(tmp_path, IDENTITY)
    before.facts |= {"total_steps": 9, "seconds": 60.0}
    before.write_status("preempted", 5, 2)
    again = RunFolder(tmp_path, IDENTITY)
    again.write_status("failed", 0, 0, reason="no manifest")
    kept = {"step": 5, "epoch": 2, "total_steps": 9, "seconds": 60.0, "state": "failed"}
    assert kept.items() <= again.status().items()
    # Once it trains its own word counts, from an older checkpoint too.
    again.facts |= {"total_steps": 9, "seconds": 30.0}
    again.write_status("running", 3, 1)
    assert {"step": 3, "epoch": 1, "seconds": 30.0}.items() <= again.status().items()


def test_how_a_run_ends_is_its_status(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, IDENTITY)
    for error, state in (
        (TrainingInterruptedError(signal.SIGTERM), "preempted"),
        (ValueError("broken"), "failed"),
    ):
        with pytest.raises(type(error)), folder.owned(lambda: (7, 2)):
            raise error
        assert (folder.status()["state"], folder.status()["step"]) == (state, 7)
    assert folder.status()["reason"] == "ValueError: broken"
    with folder.owned(lambda: (9, 3)):
        pass
    assert (folder.status()["state"], folder.status()["reason"]) == ("done", "")


def test_metrics_survive_a_resume(tmp_path: Path) -> None:
    path = tmp_path / "metrics.csv"
    first = MetricsCsv(path)
    first.log_metrics({"loss": 3.0}, 0)
    first.log_metrics({"loss": 2.0}, 1)
    first.log_metrics({"wer": 0.5}, 1)
    again = MetricsCsv(path)
    again.forget_after(1)
    again.log_metrics({"loss": 1.5, "lr": 0.1}, 1)
    assert [(row["step"], row["loss"], row["lr"]) for row in again.rows()] == [
        ("0", "3.0", ""),
        ("1", "1.5", "0.1"),
    ]


def test_who_asks_for_the_owner_takes_nothing(tmp_path: Path) -> None:
    assert not owned_elsewhere(tmp_path)
    ready, release = WARM.Event(), WARM.Event()
    owner = WARM.Process(target=hold, args=(tmp_path, ready, release))
    owner.start()
    assert ready.wait(30)
    assert owned_elsewhere(tmp_path)
    with pytest.raises(InputError, match="a lock held by"):  # still
        RunFolder(tmp_path, IDENTITY).acquire()
    release.set()
    owner.join(30)
    assert not owned_elsewhere(tmp_path)


def test_a_queued_run_keeps_how_far_it_was_and_starts_when_it_runs(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, IDENTITY)
    folder.queue()
    assert read_status(tmp_path)["started"] is None
    assert read_status(tmp_path)["state"] == "queued"
    folder.write_status("running", 7, 1)
    started = read_status(tmp_path)["started"]
    assert started
    restate(tmp_path, "preempted", "killed")
    folder.queue()
    again = read_status(tmp_path)
    assert (again["state"], again["step"], again["epoch"]) == ("queued", 7, 1)
    assert again["started"] == started
    assert again["run_key"] == IDENTITY["run_key"]
