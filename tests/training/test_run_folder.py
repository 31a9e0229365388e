import multiprocessing
import os
from pathlib import Path

import pytest

from asr.errors import InputError
from asr.training.metrics_csv import MetricsCsv
from asr.training.run_folder import RunFolder

IDENTITY = {"run_key": "k", "experiment": "e"}


def hold(path: Path, ready, release) -> None:  # type: ignore[no-untyped-def]
    RunFolder(path, IDENTITY).acquire()
    ready.set()
    release.wait(20)


def test_a_second_process_is_refused_with_the_first_ones_name(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, release = context.Event(), context.Event()
    first = context.Process(target=hold, args=(tmp_path, ready, release))
    first.start()
    assert ready.wait(30)
    with pytest.raises(InputError, match=f"host .*, pid {first.pid}"):
        RunFolder(tmp_path, IDENTITY).acquire()
    first.kill()  # no clean-up: the lock must go with the process
    first.join()
    RunFolder(tmp_path, IDENTITY).acquire()
    assert f"pid {os.getpid()}" in (tmp_path / "lock").read_text()


def test_status_keeps_the_start_and_the_identity(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, IDENTITY)
    assert folder.status() == {}
    folder.write_status("running", step=3, epoch=1)
    started = folder.status()["started"]
    folder.write_status("failed", step=5, epoch=1, reason="why")
    status = folder.status()
    assert (status["state"], status["step"], status["reason"]) == ("failed", 5, "why")
    assert (status["started"], status["run_key"]) == (started, "k")


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
