"""wandb out of reach, from the start or in the middle: training goes on to the same end."""

import os
import signal
from pathlib import Path

import pytest

from asr.training import loggers
from tests.commands import tiny_run
from tests.faults.ended_run import assert_same, only_run, status
from tests.faults.wandb_server import wandb_server
from tests.warm import Command, run

pytestmark = pytest.mark.faults


def command(tones: Path, runs: Path, *settings: str) -> list[str]:
    return tiny_run(tones, runs, "training.epochs=12", "hardware.checkpoint_minutes=0", *settings)[
        1:
    ]


def services(pid: int) -> list[int]:
    """The processes of wandb below a process."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(c) for c in children if "wandb" in Path(f"/proc/{c}/cmdline").read_text()]


def test_its_service_is_killed(tones: Path, tmp_path: Path, undisturbed: Path) -> None:
    runs = tmp_path / "runs"
    training = Command(command(tones, runs, "logger=wandb"), tmp_path / "log")
    training.wait_until(lambda: status(runs).get("step", 0) > 5)
    found = services(training.pid)
    assert found
    for service in found:
        os.kill(service, signal.SIGKILL)
    assert training.wait() == 0, training.said()
    said = training.said()
    assert said.count("warning: wandb has failed, going on without it (") == 1
    assert_same(runs, undisturbed)


def less_patience() -> None:
    """Wait for the server's return at the end of a run for seconds instead of a minute."""
    loggers._PATIENCE = 5


@pytest.mark.parametrize("dies", [False, True], ids=["answers", "dies"])
def test_its_server(dies: bool, tones: Path, tmp_path: Path, undisturbed: Path) -> None:
    """Unreachable in the middle of a run, it holds up neither the training nor its end."""
    runs = tmp_path / "runs"
    with wandb_server() as server:
        training = Command(
            command(tones, runs, "logger=wandb"),
            tmp_path / "log",
            prepare=less_patience,
            environment=server.environment,
        )
        training.wait_until(lambda: status(runs).get("step", 0) > 5)
        if dies:
            server.die()
        assert training.wait(60) == 0, training.said()
        received = server.received
    said = training.said()
    assert "Traceback" not in said
    assert "out of reach" not in said, "it was online"
    assert ("`wandb sync`" in said) is dies, said
    assert (received > 5000) is not dies, "the metrics of a whole run"
    assert list(only_run(runs).glob("wandb/run-*/*.wandb")), "to be sent later"
    assert_same(runs, undisturbed)


def test_its_server_does_not_answer(tones: Path, tmp_path: Path, undisturbed: Path) -> None:
    """With a key and an address where nobody listens."""
    runs = tmp_path / "runs"
    nobody = {
        "WANDB_MODE": None,
        "WANDB_API_KEY": "0" * 40,
        "WANDB_BASE_URL": "http://127.0.0.1:9",
    }
    code, said = run(
        command(tones, runs, "logger=wandb"), tmp_path / "log", environment=nobody, seconds=90
    )
    assert code == 0, said
    assert "warning: wandb is out of reach, writing an offline run" in said
    assert list(only_run(runs).glob("wandb/offline-run-*"))
    assert_same(runs, undisturbed)
