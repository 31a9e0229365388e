"""Trainings as jobs of a real SLURM that preempts, limits, cancels and kills them."""

import os
import signal
from pathlib import Path

import pytest

from asr.sweep.job import Job
from asr.sweep.slurm_commands import states
from asr.training.run_folder import read_status
from tests.commands import run, start, tiny_run, train_here
from tests.slurm import trainings
from tests.slurm.cluster import Cluster
from tests.slurm.planned import engine, queued_training
from tests.slurm.trainings import LENGTH, in_training, until

pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def undisturbed(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dense run of seed 1 that most of these tests disturb."""
    return train_here(tiny_run(tones, tmp_path_factory.mktemp("undisturbed"), LENGTH))


def submit(folder: Path, **arguments: object) -> tuple[dict[Job, str], str]:
    """Hand over one run; returns what `settle` takes, and the id of its job."""
    handed: dict[Job, str] = {}
    submitted = engine(partition="low", wait=False, **arguments)
    submitted.run([Job(folder)], lambda path, job: handed.update({Job(path): job}))
    return handed, handed[Job(folder)]


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
        assert printed.count("SIGUSR2: saving after this batch") == 1
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
    assert "SIGUSR2: saving after this batch" in (folder / "output.log").read_text()
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
