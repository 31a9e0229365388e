"""Several processes that SLURM starts are one run: one folder, one mask, every utterance once."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from asr.sweep.job import Job
from asr.training.run_folder import read_status
from tests.commands import ENVIRONMENT, REPOSITORY, run, tiny_run
from tests.slurm.cluster import Cluster
from tests.slurm.cluster import command as slurm_command
from tests.slurm.planned import engine, queued_training
from tests.slurm.trainings import LENGTH, end_of, in_training, restarts, until

SPARSE = ("sparsity=gradual_regrow", "sparsity.block=[4,4]", "model.dropout=0", "optimizer.lr=5e-3")


def assert_one_run(told: str, tones: Path, folder: Path) -> None:
    """What two ranks left in `folder` is what one process says, and they held the same."""
    assert told.count("done: lowest validation CER") == 1, "one process speaks for both"
    (home,) = (folder / "runs" / "default").iterdir()
    status = json.loads((home / "status.json").read_text())
    assert (status["state"], status["epoch"]) == ("done", 4)
    scored = run(
        [sys.executable, "evaluate.py", f"runs=[{home}]", f"manifests=[{tones}/validation.jsonl]"]
    )
    assert scored.returncode == 0, scored.stderr
    result = json.loads(next(home.glob("eval/*/result.json")).read_text())
    assert status["validation"]["wer"] == pytest.approx(result["wer"], abs=1e-6)
    assert status["validation"]["cer"] == pytest.approx(result["cer"], abs=1e-6)
    names = sorted(path.name for path in folder.glob("rank0-*.pt"))
    assert len(names) > 3
    for name in names:
        kept, weights = torch.load(folder / name)
        kept_there, weights_there = torch.load(folder / name.replace("rank0", "rank1"))
        assert all(torch.equal(kept[label], kept_there[label]) for label in kept)
        assert all(torch.equal(weights[key], weights_there[key]) for key in weights)
    assert not all(bool(mask.all()) for mask in kept.values()), "pruned"


def command(tones: Path, folder: Path, *hardware: str) -> list[str]:
    python, _, *words = tiny_run(tones, folder / "runs", *SPARSE, *hardware)
    return [python, "-m", "tests.slurm.ranks", str(folder), *words, "training.epochs=4"]


@pytest.mark.flow
def test_two_nodes_by_slurms_environment(tones: Path, tmp_path: Path) -> None:
    """What srun tells its tasks on two nodes; both are this machine, by gloo."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {
        "SLURM_NTASKS": "2", "SLURM_NNODES": "2", "SLURM_NTASKS_PER_NODE": "1",
        "SLURM_LOCALID": "0", "SLURM_JOB_ID": "1", "SLURM_JOB_NAME": "asr",
        "SLURM_STEP_ID": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port,
    }  # fmt: skip
    processes = []
    for rank in ("0", "1"):
        log = open(tmp_path / f"log{rank}", "w", encoding="utf-8")  # noqa: SIM115
        with log:
            processes.append(
                subprocess.Popen(
                    command(tones, tmp_path, "hardware.nodes=2"),
                    cwd=REPOSITORY, stdout=log, stderr=log,
                    env={**ENVIRONMENT, **shared, "SLURM_PROCID": rank, "SLURM_NODEID": rank},
                )
            )  # fmt: skip
    told = [(tmp_path / f"log{rank}") for rank in range(2)]
    assert [p.wait(300) for p in processes] == [0, 0], "".join(map(Path.read_text, told))
    assert_one_run("".join(map(Path.read_text, told)), tones, tmp_path)


@pytest.mark.slurm
def test_two_tasks_of_srun(slurm: Cluster, tones: Path, tmp_path: Path) -> None:
    words = command(tones, tmp_path, "hardware.devices=2")
    ended = subprocess.run(
        ["srun", "-n2", "--ntasks-per-node=2", "--job-name=asr", *words],
        cwd=REPOSITORY, env={**ENVIRONMENT, "SLURM_CONF": os.environ["SLURM_CONF"]},
        text=True, capture_output=True, timeout=240,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert_one_run(ended.stdout, tones, tmp_path)


@pytest.mark.slurm
def test_tasks_of_a_submitted_job_come_back_together(
    slurm: Cluster, tones: Path, tmp_path: Path
) -> None:
    """The signal reaches both; the first requeues the job for both, once."""
    folder = queued_training(tones, tmp_path, LENGTH, "hardware.devices=2")
    handed: dict[Job, str] = {}
    submitit = engine(tasks_per_node=2, wait=False)
    submitit.run([Job(folder)], lambda path, job: handed.update({Job(path): job}))
    until(lambda: in_training(folder))
    slurm_command("scancel", "--signal=USR2", handed[Job(folder)])
    end_of(submitit, handed)
    assert read_status(folder)["state"] == "done"
    assert restarts(handed[Job(folder)]) == 1
    printed = (folder / "output.log").read_text()
    assert printed.count("continuing from step") == printed.count("done: lowest validation") == 1
