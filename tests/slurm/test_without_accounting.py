"""A real SLURM whose accounting is off: sacct fails, and a job is forgotten soon after its end."""

import os
import signal
from pathlib import Path

import pytest

from asr.training.run_folder import read_status
from tests.commands import start
from tests.slurm import trainings
from tests.slurm.cluster import Cluster
from tests.slurm.trainings import until

pytestmark = pytest.mark.slurm


def test_a_killed_run_does_not_hang_the_sweep(
    slurm_without_accounting: Cluster, tones: Path, tmp_path: Path
) -> None:
    """submitit's own wait never ends there: the queue alone must say it."""
    home = tmp_path / "runs" / "default"
    process = start(trainings.sweep(tones, home.parent, "seed=1,2"), tmp_path / "log")
    until(lambda: bool(trainings.all_in_training(home)), process)
    victim = trainings.all_in_training(home)[0]
    os.kill(read_status(victim)["pid"], signal.SIGKILL)
    assert process.wait(240) == 1
    said = {path.parent: read_status(path.parent) for path in home.glob("*/status.json")}
    assert said[victim]["state"] == "failed"
    assert "FAILED (exit code 137, SIGKILL)" in said[victim]["reason"]
    assert sorted(status["state"] for status in said.values()) == ["done", "failed"]
    assert victim.name in (tmp_path / "log").read_text()
