"""kill -9 at 30 random moments; every successor goes on, every end is the undisturbed one's."""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.commands import tiny_run
from tests.faults.ended_run import assert_same, only_run, status
from tests.warm import Command, run, slow_reading

pytestmark = pytest.mark.faults

KILLS = 15  # of each kind of run; two kinds
INSIDE = 3  # of them in the midst of writing a checkpoint: more are tried until so many are
OFTEN = "hardware.checkpoint_minutes=0"  # saves after every step; undisturbed, every epoch
KINDS = {
    "dense": (),
    # Whatever has a state: masks, moments half way through a step, an average, a loader's worker.
    "sparse": (
        "sparsity=gradual_block",
        "sparsity.block=[4,4]",
        "sparsity.start=0",
        "training.accumulate=2",
        "training.ema_decay=0.9",
        "hardware.workers=1",
    ),
}


def command(tones: Path, runs: Path, kind: str, *settings: str) -> list[str]:
    return tiny_run(tones, runs, "training.epochs=6", *settings, *KINDS[kind])[1:]


def trains(training: Command, runs: Path) -> bool:
    """Whether this very process, not the one before it, has begun to train."""
    found = status(runs)
    return found.get("pid") == training.pid and found["state"] == "running"


def half_written(training: Command, runs: Path) -> set[str]:
    """The files that the process is writing, or that it left half written."""
    ending = f".{training.pid}.tmp"
    return {path.name[1 : -len(ending)] for path in runs.rglob(f".*{ending}")}


def poll(training: Command, condition: Callable[[], bool]) -> None:
    """Wait for a condition, or for the end of the process."""
    while training.running() and not condition():
        time.sleep(0.0005)


def saved_step(runs: Path) -> int | None:
    """The step of `last.ckpt`; None before there is one."""
    for path in runs.glob("*/*/checkpoints/last.ckpt"):
        return int(torch.load(path, weights_only=True)["global_step"])
    return None


@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_random_moments(kind: str, tones: Path, tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"{kind}: seed {seed}")
    draw, log = random.Random(seed), tmp_path / "log"
    undisturbed, runs = tmp_path / "undisturbed", tmp_path / "runs0"
    code, said = run(command(tones, undisturbed, kind), log)
    assert code == 0, said
    span = status(undisturbed)["seconds"]
    struck: list[set[str]] = []
    whole = 0
    while missing(struck) or runs.exists():
        saved = saved_step(runs)
        training = Command(command(tones, runs, kind, OFTEN), log)
        if missing(struck):
            # One in five may strike the start-up; of the rest half aim at a checkpoint.
            aims = ["last.ckpt", "best.ckpt"]
            if len(struck) < KILLS:
                aims += ["anywhere", "training", "training"]
            aim = draw.choice(aims)
            if aim != "anywhere":
                poll(training, lambda: trains(training, runs))  # noqa: B023
            time.sleep(draw.uniform(0, span))
            if aim.endswith("ckpt"):
                poll(training, lambda: aim in half_written(training, runs))  # noqa: B023
            training.signal(signal.SIGKILL)
        code, said = training.wait(), training.said()
        assert code in (0, -signal.SIGKILL), said
        if "epoch " in said:  # it got as far as training
            assert (f"continuing from step {saved}," in said) is (saved is not None), said
        if code:
            struck.append(half_written(training, runs))
            continue
        assert_same(runs, undisturbed, killed=True)
        whole += 1
        runs = tmp_path / f"runs{whole}"
    inside = Counter(name for names in struck for name in names)
    print(f"{len(struck)} kills, {whole} runs ended whole, kills inside a write: {dict(inside)}")


def missing(struck: list[set[str]]) -> bool:
    """Whether more kills are wanted: a fast disk has often written before the signal arrives."""
    inside = sum(bool(names & {"last.ckpt", "best.ckpt"}) for names in struck)
    wanted = len(struck) < KILLS or inside < INSIDE
    assert not wanted or len(struck) < 4 * KILLS, f"{inside} of {len(struck)} inside a write"
    return wanted


def test_killed_before_the_first_checkpoint(tones: Path, tmp_path: Path) -> None:
    """It starts over, and what it had written of its masks and metrics is not there twice."""
    alone, runs, log = tmp_path / "alone", tmp_path / "runs", tmp_path / "log"
    settings = ("sparsity=gradual_block", "sparsity.block=[4,4]", "sparsity.start=0")
    assert run(tiny_run(tones, alone, *settings)[1:], log)[0] == 0
    training = Command(tiny_run(tones, runs, *settings)[1:], log, prepare=slow_reading)
    training.wait_until(lambda: any(runs.glob("*/*/metrics.csv")))
    training.signal(signal.SIGKILL)
    assert training.wait() == -signal.SIGKILL
    assert saved_step(runs) is None
    assert (only_run(runs) / "masks/updates.csv").exists()
    code, said = run(tiny_run(tones, runs, *settings)[1:], log)
    assert code == 0, said
    assert_same(runs, alone)
