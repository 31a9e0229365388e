"""What sbatch is given: whole scripts against files that a person has read, and who waits."""

import re
import sys
from pathlib import Path

import pytest

from asr.errors import InputError
from asr.sweep import slurm
from asr.sweep.job import Job
from asr.sweep.record import Entry, changing
from asr.training.run_folder import read_status, restate
from tests.slurm.conftest import Commands
from tests.slurm.planned import engine, queued_run

GOLDEN = Path(__file__).parent / "golden"


def golden(name: str, folder: Path) -> str:
    text = (GOLDEN / f"{name}.sh").read_text(encoding="utf-8")
    return text.replace("FOLDER", str(folder)).replace("PYTHON", sys.executable)


def submitted(jobs: list[Job], **arguments: object) -> dict[str, str]:
    """The SLURM job of each run, by its key."""
    ids: dict[str, str] = {}
    engine(wait=False, **arguments).run(jobs, lambda path, job: ids.update({path.name: job}))
    return ids


def test_an_array_and_one_that_waits(commands: Commands, tmp_path: Path) -> None:
    dense, other, sparse = (queued_run(tmp_path, name) for name in ("dense", "other", "sparse"))
    ids = submitted([Job(dense), Job(sparse, dense), Job(other)], partition="low")
    assert ids == {"dense": "101_0", "other": "101_1", "sparse": "102"}
    array, waiting = commands.submissions()
    folder = tmp_path / "default" / "submitit"
    assert array == golden("array", folder)
    assert waiting == golden("waiting", folder)


def test_everything_that_can_be_asked_for(commands: Commands, tmp_path: Path) -> None:
    run = queued_run(tmp_path, "a", nodes=2, devices=8)
    submitted(
        [Job(run)],
        partition="gpu", account="speech", qos="long", timeout_min=1440, nodes=2, tasks_per_node=8,
        cpus_per_task=6, gpus_per_node=8, mem_gb=480, signal_delay_s=300,
        mail_type="END,FAIL", mail_user="me@example.org",
        setup=["module load cuda", "export NCCL_DEBUG=WARN"],
        python="apptainer exec --nv 'my image.sif' python",
        srun_args=["--container-image=nvcr.io#nvidia/pytorch", "--container-mounts=/data:/data"],
        additional_parameters={"constraint": "a100|h100", "exclusive": True},
    )  # fmt: skip
    assert commands.submissions() == [golden("everything", tmp_path / "default" / "submitit")]


def test_a_finished_dense_run_is_not_waited_for(commands: Commands, tmp_path: Path) -> None:
    dense, sparse = queued_run(tmp_path, "dense"), queued_run(tmp_path, "sparse")
    restate(dense, "done", "")
    submitted([Job(sparse, dense)])
    assert "dependency" not in commands.submissions()[0]


def test_a_dense_run_of_an_earlier_sweep_is_waited_for(commands: Commands, tmp_path: Path) -> None:
    dense, sparse = queued_run(tmp_path, "dense"), queued_run(tmp_path, "sparse")
    with changing(dense.parent) as record:
        record.launchers["Submitit-1"] = {"engine": "asr.sweep.slurm.Submitit", "arguments": {}}
        record.runs[str(dense)] = Entry([], launcher="Submitit-1", job="77_3")
    commands.answer("squeue", "echo 77_3 RUNNING 0 None")
    submitted([Job(sparse, dense)])
    (script,) = commands.submissions()
    assert "#SBATCH --dependency=afterok:77_3\n" in script


@pytest.mark.parametrize(("state", "becomes"), [("failed", "failed"), ("preempted", "preempted")])
def test_without_its_dense_run_none_is_submitted(
    commands: Commands, tmp_path: Path, state: str, becomes: str
) -> None:
    dense, sparse = queued_run(tmp_path, "dense"), queued_run(tmp_path, "sparse")
    restate(dense, state, "its disk was full")  # type: ignore[arg-type]
    assert submitted([Job(sparse, dense)]) == {}
    assert commands.submissions() == []
    status = read_status(sparse)
    assert status["state"] == becomes
    assert "dense run dense" in status["reason"]
    assert "its disk was full" in status["reason"]


def test_more_runs_than_an_array_may_have(
    commands: Commands, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slurm, "_LARGEST_ARRAY", 2)
    ids = submitted([Job(queued_run(tmp_path, name)) for name in "abc"])
    assert ids == {"a": "101_0", "b": "101_1", "c": "102"}


def test_what_sbatch_refuses_is_told(commands: Commands, tmp_path: Path) -> None:
    commands.answer("sbatch", "echo sbatch: error: invalid partition specified: nope >&2; exit 1")
    with pytest.raises(InputError, match="invalid partition specified: nope") as told:
        submitted([Job(queued_run(tmp_path, "a"))], partition="nope")
    assert "Traceback" not in str(told.value)


def test_processes_and_devices_must_be_as_many(commands: Commands, tmp_path: Path) -> None:
    run = queued_run(tmp_path, "a", devices=2)
    with pytest.raises(InputError, match=r"tasks_per_node.*got nodes=1 devices=2"):
        submitted([Job(run)])
    assert commands.submissions() == []


def test_a_signal_must_come_within_the_time(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="signal_delay_s"):
        engine(timeout_min=2, signal_delay_s=120)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"wait": "no"}, "wait: expected true or false, got 'no'"),
        ({"timeout_min": "4h"}, "timeout_min: expected a whole number from 1, got '4h'"),
        ({"signal_delay_s": 0}, "signal_delay_s: expected a whole number from 1, got 0"),
        ({"array_parallelism": 0}, "array_parallelism: expected a whole number from 1, got 0"),
        ({"gpus_per_node": -1}, "gpus_per_node: expected a whole number from 0, or null, got -1"),
        ({"mem_gb": "16G"}, "mem_gb: expected a number from 0, or null, got '16G'"),
        ({"max_requeues": None}, "max_requeues: expected a whole number from 0, got null"),
        ({"setup": "module load cuda"}, "setup: expected a list of texts"),
    ],
)
def test_settings_that_cannot_be(setting: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError, match=rf"^hydra\.launcher\.{re.escape(expected)}"):
        engine(**setting)


def test_no_slurm_no_submission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="hydra/launcher=pool"):
        submitted([Job(queued_run(tmp_path, "a"))])
