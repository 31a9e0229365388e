"""What a run's status becomes when its job has ended without the run saying so."""

from pathlib import Path

import pytest

from asr.sweep.job import Job
from asr.training.run_folder import read_status, restate
from tests.slurm.conftest import Commands
from tests.slurm.planned import engine, queued_run


@pytest.mark.parametrize(
    ("before", "answer", "after", "reason"),
    [
        ("running", "FAILED 35072 NonZeroExitCode", "failed", "job 5: FAILED (exit code 137, SIGK"),
        ("running", "OUT_OF_MEMORY 32000 OutOfMemory", "failed", "OUT_OF_MEMORY (exit code 125"),
        ("running", "TIMEOUT 0 TimeLimit", "preempted", "TIMEOUT (TimeLimit); submit again"),
        ("running", "NODE_FAIL 0 NodeDown", "preempted", "NODE_FAIL (NodeDown); submit again"),
        ("queued", "CANCELLED 0 None", "preempted", "CANCELLED; submit again"),
        ("preempted", "CANCELLED 15 None", "preempted", "as it said"),
        ("preempted", "FAILED 256 NonZeroExitCode", "failed", "FAILED (exit code 1)"),
        ("failed", "FAILED 256 NonZeroExitCode", "failed", "as it said"),
        ("done", "CANCELLED 15 None", "done", "as it said"),
        ("running", "COMPLETING 0 None", "running", "as it said"),
        ("running", "", "failed", "forgotten by SLURM"),
        ("preempted", "", "preempted", "as it said"),  # long after
        ("preempted", "COMPLETED 0 None", "preempted", "as it said"),  # pruned by its study
    ],
)
def test_a_status_after_its_job(
    commands: Commands, tmp_path: Path, before: str, answer: str, after: str, reason: str
) -> None:
    folder = queued_run(tmp_path, "a")
    restate(folder, before, "as it said")  # type: ignore[arg-type]
    commands.answer("squeue", f"echo 5 {answer}" if answer else "exit 0")
    job = Job(folder)
    left = engine().settle({job: "5"})
    assert left == ({job: "5"} if after == "running" else {})
    status = read_status(folder)
    assert status["state"] == after
    assert reason in status["reason"]


def test_a_sparse_run_whose_dense_run_failed(commands: Commands, tmp_path: Path) -> None:
    """With --kill-on-invalid-dep SLURM cancels it; the reason is the dense run's."""
    dense, sparse = queued_run(tmp_path, "dense"), queued_run(tmp_path, "sparse")
    restate(dense, "failed", "loss is not finite")
    commands.answer("squeue", "echo 6 CANCELLED 0 DependencyNeverSatisfied")
    engine().settle({Job(sparse, dense): "6"})
    status = read_status(sparse)
    assert status["state"] == "failed"
    assert status["reason"] == "its dense run dense failed: loss is not finite"


def test_a_status_that_cannot_be_written_stops_no_other(
    commands: Commands, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged, sound = queued_run(tmp_path, "damaged"), queued_run(tmp_path, "sound")
    (damaged / "status.json").unlink()
    (damaged / "status.json").mkdir()
    commands.answer(
        "squeue", "echo 5 FAILED 256 NonZeroExitCode; echo 6 FAILED 256 NonZeroExitCode"
    )
    assert engine().settle({Job(damaged): "5", Job(sound): "6"}) == {}
    assert read_status(sound)["state"] == "failed"
    said = capsys.readouterr()
    assert "damaged: its status could not be corrected" in said.out + said.err
