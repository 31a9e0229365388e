"""Trainings as jobs of a real SLURM that preempts them, by either signal."""

import signal
from pathlib import Path

import pytest

from asr.training.run_folder import read_status
from tests.commands import run, start, tiny_run
from tests.slurm import trainings
from tests.slurm.cluster import Cluster
from tests.slurm.planned import engine, queued_training, submit
from tests.slurm.trainings import LENGTH, in_training, until

pytestmark = pytest.mark.slurm


def test_a_sweep_is_preempted_and_ends_as_if_it_was_not(
    slurm: Cluster, tones: Path, tmp_path: Path, undisturbed: Path
) -> None:
    """Two dense runs in an array, two sparse ones that start from them: the command as typed."""
    slurm.preempt_by(signal.SIGUSR2)
    runs = tmp_path / "runs"
    words = tiny_run(tones, runs, LENGTH, "seed=1,2", "sparsity=block_pruning")
    command = [*words[:2], "-m", "hydra/launcher=slurm", *words[2:]]
    small = ("partition=low", "cpus_per_task=1", "mem_gb=null")
    process = start([*command, *(f"hydra.launcher.{one}" for one in small)], tmp_path / "log")
    home = runs / "default"

    def training() -> list[Path]:
        return [
            status.parent for status in home.glob("*/status.json") if in_training(status.parent)
        ]

    until(lambda: len(training()) == 2)
    dense = training()
    trainings.preempt()
    assert process.wait(400) == 0, (tmp_path / "log").read_text()
    folders = [status.parent for status in home.glob("*/status.json")]
    assert len(folders) == 4
    assert all(read_status(folder)["state"] == "done" for folder in folders)
    for folder in dense:
        printed = (folder / "output.log").read_text()
        assert printed.count("SIGUSR2: saving after ") == 1
        assert printed.count("continuing from step") == 1
    (same,) = home.glob(undisturbed.name)
    trainings.assert_same_training(same, undisturbed)
    again = run(command)
    assert again.returncode == 0, again.stderr
    assert "0 to run, 4 skipped" in again.stdout


def test_preempted_by_sigterm(
    slurm: Cluster, tones: Path, tmp_path: Path, undisturbed: Path
) -> None:
    """As on clusters that have not set preempt_send_user_signal."""
    slurm.preempt_by(signal.SIGTERM)
    folder = queued_training(tones, tmp_path, LENGTH, "hardware.workers=1", "logger=wandb")
    handed, job = submit(folder)
    until(lambda: in_training(folder))
    trainings.preempt()
    until(lambda: read_status(folder)["reason"] == "SIGTERM; requeued, 1 of at most 20")
    trainings.end_of(engine(), handed)
    assert read_status(folder)["state"] == "done"
    assert trainings.restarts(job) == 1
    trainings.assert_same_training(folder, undisturbed)
