"""Trainings under a real SLURM: how far they are, and whether they ended as undisturbed ones."""

import csv
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import torch

from asr.sweep.job import Job
from asr.sweep.slurm import Submitit
from asr.training.run_folder import read_status
from tests.commands import tiny_run
from tests.slurm.cluster import command

# Some seconds of training after as many of importing: time to be disturbed in.
LENGTH = "training.epochs=100"


def sweep(data: Path, runs: Path, *overrides: str) -> list[str]:
    """A command that hands tiny runs to SLURM and waits for them."""
    python, script, *words = tiny_run(data, runs, LENGTH, *overrides)
    small = ("partition=low", "cpus_per_task=1", "mem_gb=null")
    launcher = ("hydra/launcher=slurm", *(f"hydra.launcher.{setting}" for setting in small))
    return [python, script, "-m", *launcher, *words]


def until(
    true: Callable[[], bool], process: subprocess.Popen[str] | None = None, seconds: float = 240
) -> None:
    """Wait for something that must come before a process has ended."""
    deadline = time.monotonic() + seconds
    while not true():
        assert process is None or process.poll() is None, "it ended before"
        assert time.monotonic() < deadline, command("squeue", "-r")
        time.sleep(0.1)


def step(folder: Path) -> int:
    return int(read_status(folder).get("step", 0))


def in_training(folder: Path) -> bool:
    """Whether a run is between its first and its last epoch, and not only by its status."""
    return read_status(folder).get("state") == "running" and step(folder) >= 10


def all_in_training(home: Path) -> list[Path]:
    """The runs of an experiment that are."""
    folders = [status.parent for status in home.glob("*/status.json")]
    return [folder for folder in folders if in_training(folder)]


def end_of(engine: Submitit, handed: dict[Job, str], seconds: float = 240) -> None:
    """Wait as the engine does."""
    until(lambda: not engine.settle(handed), seconds=seconds)


def preempt() -> None:
    """Ask for the whole node with a higher priority, for a second."""
    command("sbatch", "-p", "high", "-n4", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 1")


def restarts(job: str) -> int:
    (line,) = command("squeue", "-h", "-t", "all", "-j", job, "-O", "restartcnt").splitlines()
    return int(line)


def assert_same_training(folder: Path, undisturbed: Path) -> None:
    """Weights, optimizer and metrics are equal, bit for bit, and no step is told of twice."""
    ours, theirs = (torch.load(f / "checkpoints" / "last.ckpt") for f in (folder, undisturbed))
    assert ours["global_step"] == theirs["global_step"]
    for name, weight in theirs["state_dict"].items():
        assert torch.equal(ours["state_dict"][name], weight), name
    moments = [c["optimizer_states"][0]["state"] for c in (ours, theirs)]
    for index, state in moments[1].items():
        assert all(torch.equal(moments[0][index][key], value) for key, value in state.items())
    assert _told(folder, "cer", "wer", "epoch") == _told(undisturbed, "cer", "wer", "epoch")
    told, all_told = (_told(each, "train_loss", "lr") for each in (folder, undisturbed))
    assert len({row[0] for row in told}) == len(told), "no step twice"
    # Lightning tells of a step after the hook that a signal ends the training in.
    assert [row for row in all_told if row in told] == told
    assert len(told) >= len(all_told) - 2


def _told(folder: Path, *names: str) -> list[list[str]]:
    """The rows of metrics.csv that tell the first of some columns, by step."""
    with open(folder / "metrics.csv", encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row[names[0]]]
    return [[row[name] for name in ("step", *names)] for row in rows]
