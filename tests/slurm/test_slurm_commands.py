"""What SLURM 22.05 printed for jobs of known ends, and what is made of it."""

from pathlib import Path

import pytest

from asr.errors import InputError
from asr.sweep.job import Job
from asr.sweep.slurm_commands import cancel, states
from tests.slurm.conftest import Commands
from tests.slurm.planned import engine

# squeue's columns are as wide as they were asked for.
SQUEUE = "\n".join(
    f"{job:<64}{state:<32}{code:<16}{reason:<64}"
    for job, state, code, reason in (
        ("9", "CANCELLED", 0, "DependencyNeverSatisfied"),
        ("7", "COMPLETED", 0, "None"),
        ("8", "FAILED", 137 << 8, "NonZeroExitCode"),  # kill -9 of the process under srun
        ("3", "CANCELLED", 15, "None"),
        ("2_0", "RUNNING", 0, "None"),
        ("2_1", "PENDING", 0, "BeginTime"),  # requeued a moment ago
        ("2_2", "COMPLETING", 0, "None"),
        ("12", "FAILED", 256, "NonZeroExitCode"),
    )
)


def test_the_queue_tells_of_all_jobs_in_one_call(commands: Commands) -> None:
    calls = commands.folder / "calls"
    commands.answer("squeue", f'echo "$@" >> {calls}\ncat <<END\n{SQUEUE}\nEND')
    found = states(["9", "7", "8", "3", "2_0", "2_1", "2_2", "12"])
    assert {job: str(state) for job, state in found.items()} == {
        "9": "CANCELLED (DependencyNeverSatisfied)",
        "7": "COMPLETED",
        "8": "FAILED (exit code 137, SIGKILL)",
        "3": "CANCELLED (SIGTERM)",
        "2_0": "RUNNING",
        "2_1": "PENDING (BeginTime)",
        "2_2": "COMPLETING",
        "12": "FAILED (exit code 1)",
    }
    assert [job for job, state in found.items() if not state.ended] == ["2_0", "2_1", "2_2"]
    (call,) = calls.read_text().splitlines()
    assert "--jobs=12,2,3,7,8,9 " in call, "an array is asked for once"


def test_accounting_knows_what_the_queue_has_forgotten(commands: Commands) -> None:
    commands.answer("squeue", "echo slurm_load_jobs error: Invalid job id specified >&2; exit 1")
    commands.answer("sacct", "printf '3|CANCELLED by 0|0:0\\n2_0|FAILED|9:0\\n7|COMPLETED|0:0\\n'")
    found = states(["3", "2_0", "7", "99"])
    assert {job: state.name for job, state in found.items()} == {
        "3": "CANCELLED", "2_0": "FAILED", "7": "COMPLETED", "99": "",
    }  # fmt: skip
    assert all(state.ended for state in found.values())


def test_without_accounting_a_forgotten_job_has_ended(commands: Commands, tmp_path: Path) -> None:
    commands.answer("sacct", "echo Slurm accounting storage is disabled >&2; exit 1")
    job = Job(tmp_path)
    (tmp_path / "status.json").write_text('{"state": "done"}')
    assert engine().settle({job: "5"}) == {}
    assert "no accounting" in str(states(["5"])["5"])


def test_a_silent_controller_is_no_end(commands: Commands) -> None:
    error = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"
    commands.answer("squeue", f"echo '{error}' >&2; exit 1")
    with pytest.raises(InputError, match="Unable to contact"):
        states(["5"])


def test_cancel_names_all_jobs(commands: Commands) -> None:
    calls = commands.folder / "calls"
    commands.answer("scancel", f'echo "$@" >> {calls}')
    cancel(["5", "6_1"])
    cancel([])
    assert calls.read_text() == "5 6_1\n"
