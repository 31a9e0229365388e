"""What a submitted run does when it is told to stop, in submitit's own local jobs."""

import math
import os
import re
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from asr.errors import InputError
from asr.sweep import local_submitit
from asr.sweep.interruption import SweepInterruptedError
from asr.sweep.job import Job
from asr.sweep.local_submitit import LocalSubmitit
from asr.sweep.submitted_run import STOPPING
from asr.training import checkpoints
from asr.training.run_folder import read_status
from tests.slurm.endings import ToldRun
from tests.slurm.planned import queued_run


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(local_submitit, "SubmittedRun", ToldRun)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def engine(**changes: Any) -> LocalSubmitit:
    usual = {"parallelism": 4, "timeout_min": 1, "signal_delay_s": 1, "max_requeues": 1}
    return LocalSubmitit(**{**usual, **changes})


def starts(folder: Path) -> int:
    return len(list(folder.glob("start-*")))


def log(folder: Path) -> str:
    return (folder / "output.log").read_text()


def test_ends_that_a_run_can_have(runs: Path) -> None:
    names = ("done", "refused", "bug", "killed", "cancelled", "sparse", "waits", "pruned")
    folders = {name: queued_run(runs, name) for name in names}
    after = {"sparse": folders["bug"], "waits": folders["cancelled"]}
    ids: dict[str, str] = {}
    engine().run(
        [Job(folders[name], after.get(name)) for name in names],
        lambda path, job: ids.update({path.name: job}),
    )
    said = {name: read_status(folder) for name, folder in folders.items()}
    reasons = {name: status["reason"] for name, status in said.items()}
    assert {name: status["state"] for name, status in said.items()} == {
        "done": "done", "refused": "failed", "bug": "failed", "killed": "failed",
        "cancelled": "preempted", "sparse": "failed", "waits": "preempted",
        "pruned": "preempted",
    }  # fmt: skip
    assert reasons["refused"].startswith("error: data.train: expected a manifest")
    assert reasons["bug"] == "ZeroDivisionError: a bug"
    assert "without a word" in reasons["killed"]
    assert reasons["pruned"] == "HopelessTrialError: pruned by the study: it is behind"
    assert reasons["cancelled"].startswith("SIGTERM, job")
    assert reasons["sparse"] == "its dense run bug failed: ZeroDivisionError: a bug"
    assert reasons["waits"].startswith("its dense run cancelled is not done: SIGTERM")
    assert ids.keys() == set(names) - {"sparse", "waits"}
    assert [starts(folder) for folder in folders.values()] == [1, 0, 1, 1, 1, 0, 0, 1]
    assert log(folders["done"]) == "start 1\n"
    assert (folders["done"] / "planned").read_text() == str(folders["done"])
    assert 'raise ZeroDivisionError("a bug")' in log(folders["bug"])
    assert log(folders["refused"]).count("expected a manifest") == 1
    submitit = runs / "default" / "submitit"
    assert any("output.log" in path.read_text() for path in submitit.glob("*_0_log.out"))


def test_at_the_end_of_its_time_it_saves_and_comes_back(runs: Path) -> None:
    began = time.monotonic()
    engine().run([Job(queued_run(runs, "done"))], lambda *_: None)
    start = time.monotonic() - began  # of a run, on this machine; below, three start at once
    names = ("saves", "elsewhere", "endless")
    folders = [queued_run(runs, name) for name in names]
    delay = math.ceil(start)
    limited = engine(timeout_min=(4 * start + delay) / 60, signal_delay_s=delay)
    limited.run([Job(folder) for folder in folders], lambda *_: None)
    saves, elsewhere, endless = folders
    for folder in (saves, elsewhere):  # in training, and where it handles no signals itself
        assert read_status(folder)["state"] == "done"
        assert starts(folder) == 2
        assert "start 2" in log(folder)
    status = read_status(endless)
    assert status["state"] == "failed"
    assert "SIGUSR2, after 1 requeues, which is all that max_requeues allows" in status["reason"]
    assert starts(endless) == 2


@pytest.mark.parametrize("name", ["endless", "long batch"])
def test_a_sweep_that_is_stopped_lets_its_runs_save(runs: Path, name: str) -> None:
    first, second = queued_run(runs, name), queued_run(runs, "done")

    def stop() -> None:
        while read_status(first).get("state") != "running":  # before, it takes no signals
            time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    local, handed = engine(parallelism=1), dict[Job, str]()
    with pytest.raises(SweepInterruptedError, match="SIGTERM"):
        local.run([Job(first), Job(second)], lambda path, name: handed.update({Job(path): name}))
    assert read_status(first)["state"] == "preempted"
    if name == "long batch":
        assert (first / "told").read_text() == "1"
    assert starts(second) == 0
    assert local.settle(handed) == {}


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"parallelism": 0}, "parallelism: expected a whole number from 1, got 0"),
        ({"timeout_min": "1h"}, "timeout_min: expected a number from 0, got '1h'"),
        ({"signal_delay_s": 60}, "signal_delay_s: expected less than the 60 s of timeout_min"),
        ({"max_requeues": -1}, "max_requeues: expected a whole number from 0, got -1"),
    ],
)
def test_settings_that_cannot_be(setting: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=rf"^hydra\.launcher\.{re.escape(expected)}"):
        engine(**setting)


def test_the_signals_are_those_that_training_stops_on() -> None:
    assert STOPPING == checkpoints.STOPPING


def test_nothing_slow_is_imported_before_signals_are_handled() -> None:
    """Until then a signal ends the job as failed."""
    import subprocess

    code = (
        "import sys, asr.sweep.submitted_run; print({'torch', 'hydra', 'yaml'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert ended.stdout == "set()\n", ended.stderr
