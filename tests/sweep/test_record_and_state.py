"""What is recorded of a sweep, and how a run's state is found out."""

import json
import os
import socket
from pathlib import Path

import pytest

from asr.errors import InputError
from asr.sweep.process import name_of
from asr.sweep.record import Entry, changing, is_alive, read_record, this_process
from asr.sweep.state import view_run
from asr.training.run_folder import RunFolder
from tests.training.test_run_folder import hold
from tests.warm import WARM

SELF = name_of(os.getpid())
GONE = f"{socket.gethostname()}:{2**22 + 1}:7"  # above the largest pid of Linux


def add(home: Path, start: int) -> None:
    for index in range(start, start + 20):
        with changing(home) as record:
            record.runs[str(index)] = Entry([f"seed={index}"])


def test_two_processes_lose_nothing(tmp_path: Path) -> None:
    writers = [WARM.Process(target=add, args=(tmp_path, start)) for start in (0, 20)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    record = read_record(tmp_path)
    assert sorted(map(int, record.runs)) == list(range(40))
    assert record.runs["3"] == Entry(["seed=3"])


def test_a_damaged_record_is_told(tmp_path: Path) -> None:
    assert read_record(tmp_path).runs == {}
    (tmp_path / "sweep.json").write_text('{"runs": []}')
    with pytest.raises(InputError, match="submit the sweep again"):
        read_record(tmp_path)


def test_processes_that_live() -> None:
    assert this_process() == SELF
    assert is_alive(SELF)
    assert not is_alive(GONE)
    assert not is_alive(f"{SELF}1"), "another process got the pid of one that ended"
    assert not is_alive(None)
    assert is_alive("another-host:1:7"), "there is no way to see it"


@pytest.mark.parametrize(
    ("said", "entry", "living", "state", "told"),
    [
        ("done", Entry([]), (), "done", "why"),
        ("failed", Entry([]), (), "failed", "why"),
        ("preempted", Entry([]), (), "preempted", "why"),
        ("preempted", Entry([], job="7"), ("7",), "queued", "why"),  # requeued
        ("queued", Entry([], job="7"), ("7",), "queued", "why"),
        ("queued", Entry([], job="7"), (), "preempted", "nobody"),
        ("queued", Entry([], controller=SELF), (), "queued", "why"),
        ("queued", Entry([], controller=GONE), (), "preempted", "nobody"),
        ("running", Entry([]), (), "preempted", "without a word"),
        ("running", Entry([], job="7"), ("7",), "running", ""),
    ],
)
def test_states_of_runs_that_no_process_of_this_host_holds(
    tmp_path: Path, said: str, entry: Entry, living: tuple[str, ...], state: str, told: str
) -> None:
    status = {"state": said, "reason": "why", "host": socket.gethostname(), "pid": 1, "step": 3}
    (tmp_path / "status.json").write_text(json.dumps(status))
    view = view_run(tmp_path, entry, living)
    assert (view.state, view.step) == (state, 3)
    assert (told in view.reason) if told else view.reason == ""


def test_a_run_that_a_process_holds_is_running(tmp_path: Path) -> None:
    ready, release = WARM.Event(), WARM.Event()
    owner = WARM.Process(target=hold, args=(tmp_path, ready, release))
    owner.start()
    assert ready.wait(30)
    here = f"on {socket.gethostname()}, pid {owner.pid}"
    # None yet, as it was queued, and as another node left it.
    for status in (None, {"state": "queued"}, {"state": "running", "host": "node7", "pid": 1}):
        if status is not None:
            (tmp_path / "status.json").write_text(json.dumps(status))
        view = view_run(tmp_path, None, ())
        assert (view.state, view.where) == ("running", here)
    RunFolder(tmp_path, {}).write_status("running", 1, 0)
    release.set()
    owner.join(30)
    assert view_run(tmp_path, None, ()).state == "preempted"


def test_time_left_and_last_rates_by_hand(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, {})
    run.facts = {"total_steps": 400, "seconds": 30.0}
    run.write_status("preempted", 100, 2)
    rows = ["step,cer,wer", "10,0.5,0.9", "20,,", "30,0.25,0.5", "40,,"]
    run.metrics.write_text("\n".join(rows))
    view = view_run(tmp_path, None, ())
    assert view.seconds_left == 90.0
    assert (view.cer, view.wer) == (0.25, 0.5)
    assert view.last_lines == []
    (tmp_path / "output.log").write_text("".join(f"line {n}\n\n" for n in range(30)))
    run.write_status("failed", 100, 2, "ValueError: x")
    assert view_run(tmp_path, None, ()).last_lines == [f"line {n}" for n in range(22, 30)]
