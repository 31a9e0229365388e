"""A training that is asked to stop saves, and the same command goes on as if it had not been."""

import importlib
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from tests.commands import tiny_run
from tests.faults.ended_run import assert_same, status
from tests.warm import Command, run, slow_reading

pytestmark = pytest.mark.faults


def command(tones: Path, runs: Path) -> list[str]:
    return tiny_run(tones, runs)[1:]  # saves after every epoch


def twice_in_a_batch() -> None:
    """A `prepare` that asks for the end in the third step, and again before that step is done."""
    module = importlib.import_module("asr.training.module").SpeechModule
    real = module.training_step

    def step(self: Any, batch: Any, index: int) -> Any:
        if self.global_step == 2:
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1.1)  # a scheduler's repeats come sooner
        return real(self, batch, index)

    module.training_step = step


def test_asked_twice(tones: Path, tmp_path: Path, undisturbed: Path) -> None:
    runs, log = tmp_path / "runs", tmp_path / "log"
    code, said = run(command(tones, runs), log, prepare=twice_in_a_batch)
    assert code == 128 + signal.SIGINT, said
    assert "once more to quit at once" in said
    assert said.splitlines()[-1] == (
        "stopped at once; the same command continues from the last checkpoint"
    )
    stopped = status(runs)
    assert stopped["state"] == "preempted"
    assert stopped["reason"].startswith("KeyboardInterrupt")
    code, said = run(command(tones, runs), log)
    assert code == 0, said
    assert_same(runs, undisturbed, killed=True)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR2])
def test_asked_to_stop(signum: int, tones: Path, tmp_path: Path, undisturbed: Path) -> None:
    runs, log = tmp_path / "runs", tmp_path / "log"
    loaded = [*command(tones, runs), "hardware.workers=1"]
    training = Command(loaded, log, prepare=slow_reading)
    training.wait_until(lambda: status(runs).get("state") == "running")
    time.sleep(0.5)  # in the first epoch, before anything was saved
    os.killpg(training.pid, signum)  # as terminals and schedulers do: to the loader's worker too
    assert training.wait() == 128 + signum
    stopped = status(runs)
    assert stopped["state"] == "preempted"
    assert stopped["step"] < status(undisturbed)["step"] / 3, "in the first of three epochs"
    code, said = run(command(tones, runs), log)
    assert code == 0, said
    assert f"continuing from step {stopped['step']}," in said
    assert_same(runs, undisturbed, killed=True)
    code, said = run(command(tones, runs), log)
    assert code == 0, said
    assert "is done" in said
