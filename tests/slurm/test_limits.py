"""Trainings as jobs of a real SLURM: at their time limit, cancelled, requeued too often."""

import os
import signal
from pathlib import Path

import pytest

from asr.sweep.job import Job
from asr.sweep.slurm_commands import states
from asr.training.run_folder import read_status
from tests.slurm import trainings
from tests.slurm.cluster import Cluster
from tests.slurm.planned import engine, queued_training, submit
from tests.slurm.trainings import LENGTH, in_training, until

pytestmark = pytest.mark.slurm


def test_at_its_time_limit_it_saves_and_comes_back(
    slurm: Cluster, tones: Path, tmp_path: Path, undisturbed: Path
) -> None:
    """SLURM looks every half minute; until then the run is stopped."""
    folder = queued_training(tones, tmp_path, LENGTH, "logger=wandb")
    handed, job = submit(folder, timeout_min=2, signal_delay_s=45)
    until(lambda: in_training(folder))
    os.kill(read_status(folder)["pid"], signal.SIGSTOP)  # SLURM sends SIGCONT with its own
    trainings.end_of(engine(), handed, 300)
    assert read_status(folder)["state"] == "done"
    assert trainings.restarts(job) >= 1
    assert "SIGUSR2: saving after " in (folder / "output.log").read_text()
    trainings.assert_same_training(folder, undisturbed)
    parts = [path.name for path in (folder / "wandb").glob("offline-run-*")]
    assert len(parts) >= 2
    assert {part.rpartition("-")[2] for part in parts} == {folder.name}, "one run of wandb"


def test_cancelled_runs_save_and_stay_away(
    slurm: Cluster, tones: Path, tmp_path: Path, undisturbed: Path
) -> None:
    dense = queued_training(tones, tmp_path, LENGTH)
    sparse = queued_training(tones, tmp_path, LENGTH, "sparsity=block_pruning")
    handed: dict[Job, str] = {}
    waits = Job(sparse, dense)
    cluster_engine = engine(partition="low", wait=False)
    cluster_engine.run(
        [Job(dense), waits],
        lambda path, job: handed.update({waits if path == sparse else Job(dense): job}),
    )
    until(lambda: in_training(dense))
    cluster_engine.cancel([handed[Job(dense)]])
    trainings.end_of(cluster_engine, handed)
    assert {state.name for state in states(list(handed.values())).values()} == {"CANCELLED"}
    status = read_status(dense)
    assert status["state"] == "preempted"
    assert status["reason"].startswith("SIGTERM, job ")
    assert read_status(sparse)["state"] == "preempted"
    assert read_status(sparse)["reason"].startswith(f"its dense run {dense.name} is not done")
    again, _ = submit(dense)
    trainings.end_of(cluster_engine, again)
    trainings.assert_same_training(dense, undisturbed)


def test_requeued_too_often(slurm: Cluster, tones: Path, tmp_path: Path) -> None:
    folder = queued_training(tones, tmp_path, LENGTH)
    handed, job = submit(folder, max_requeues=0)
    until(lambda: in_training(folder))
    assert os.system(f"scancel --signal=USR2 {job}") == 0
    trainings.end_of(engine(), handed)
    assert read_status(folder)["state"] == "failed"
    assert "all that max_requeues allows" in read_status(folder)["reason"]
    assert states([job])[job].name == "FAILED"
