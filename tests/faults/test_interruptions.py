"""A gradient that is none, a killed worker, no memory: it stops with the reason or goes on."""

import itertools
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.commands import tiny_run
from tests.faults.ended_run import assert_same, only_run, status, table
from tests.warm import Command, run, slow_reading

pytestmark = pytest.mark.faults

STEP = 6  # at which it happens, in the second epoch of three


def command(tones: Path, runs: Path, *settings: str) -> list[str]:
    return tiny_run(tones, runs, "hardware.scan_worst_batch=false", *settings)[1:]


def at_step(target: str, fault: Callable[[Any], Any]) -> None:
    """Have the STEP-th call of a function of asr.training.module return what `fault` makes of it.

    Training calls it once a step, validation once a batch, which also counts.
    """
    import asr.training.module as module

    real, calls = getattr(module, target), itertools.count()

    def faulty(*arguments: Any) -> Any:
        returned = real(*arguments)
        return fault(returned) if next(calls) == STEP else returned

    setattr(module, target, faulty)


def no_number() -> None:
    at_step("ctc_losses", lambda losses: losses * torch.nan)


def no_gradient() -> None:
    """A finite loss whose gradient is not."""

    def poisoned(losses: torch.Tensor) -> torch.Tensor:
        losses.register_hook(lambda gradient: gradient * torch.inf)
        return losses

    at_step("ctc_losses", poisoned)


def no_memory() -> None:
    """What torch's own allocator raises for a petabyte."""
    at_step("ctc_losses", lambda losses: losses + torch.empty(1 << 48).sum())


def no_device_memory() -> None:
    def exhausted(losses: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    at_step("ctc_losses", exhausted)


def no_python_memory() -> None:
    at_step("ctc_losses", lambda losses: bytearray(1 << 60))


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (no_number, "loss in epoch"),
        (no_gradient, "gradient in epoch"),
        (no_memory, "training: expected to fit into memory, got out of memory"),
        (no_device_memory, "training: expected to fit into memory, got out of memory"),
        (no_python_memory, "training: expected to fit into memory, got out of memory"),
    ],
)
def test_it_stops_with_the_reason_and_the_same_command_continues(
    prepare: Callable[[], None], reason: str, tones: Path, tmp_path: Path, undisturbed: Path
) -> None:
    runs = tmp_path / "runs"
    code, said = run(command(tones, runs), tmp_path / "log", prepare=prepare)
    assert code == 1
    assert f"error: {reason}" in said
    assert "Traceback" not in said
    assert status(runs)["state"] == "failed"
    assert reason in status(runs)["reason"]
    code, said = run(command(tones, runs), tmp_path / "log")
    assert code == 0, said
    assert "continuing from step" in said
    assert_same(runs, undisturbed)


@pytest.mark.parametrize("prepare", [no_number, no_gradient])
def test_it_goes_on_without_the_batch(
    prepare: Callable[[], None], tones: Path, tmp_path: Path, undisturbed: Path
) -> None:
    runs = tmp_path / "runs"
    skipping = command(tones, runs, "training.on_non_finite=skip")
    code, said = run(skipping, tmp_path / "log", prepare=prepare)
    assert code == 0, said
    assert "skipped: " in said
    assert "train-" in said.split("skipped: ")[1].splitlines()[0], "the batch's names"
    ended = status(runs)
    assert (ended["state"], ended["step"]) == ("done", status(undisturbed)["step"])
    rows = table(only_run(runs) / "metrics.csv")
    assert [float(row["skipped"]) for row in rows if "skipped" in row][-1] == 1
    weights = torch.load(only_run(runs) / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    assert all(weight.isfinite().all() for weight in weights.values())


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGSEGV])
def test_a_killed_worker(signum: int, tones: Path, tmp_path: Path, undisturbed: Path) -> None:
    runs = tmp_path / "runs"
    working = command(tones, runs, "hardware.workers=1")
    saving = [*working, "hardware.checkpoint_minutes=0"]  # so that its steps can be seen
    training = Command(saving, tmp_path / "log", prepare=slow_reading)
    training.wait_until(lambda: status(runs).get("step", 0) >= STEP)
    for worker in children(training.pid):
        os.kill(worker, signum)
    assert training.wait() == 1
    said = training.said()
    assert "DataLoader worker" in said
    # torch learns of it by a signal of its own, which has the cause, or by asking, which has not.
    assert f"killed by signal: {signal.strsignal(signum)}" in said or "exited unexpect" in said
    assert status(runs)["state"] == "failed"
    assert "DataLoader worker" in status(runs)["reason"]
    code, said = run(working, tmp_path / "log")
    assert code == 0, said
    assert "continuing from step" in said
    assert_same(runs, undisturbed)


def children(pid: int) -> list[int]:
    try:
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def test_a_worker_without_memory(tones: Path, tmp_path: Path, undisturbed: Path) -> None:
    """A MemoryError in the worker is told like one of the training."""
    runs = tmp_path / "runs"
    working = command(tones, runs, "hardware.workers=1")
    code, said = run(working, tmp_path / "log", prepare=no_memory_to_read)
    assert code == 1
    assert "error: training: expected to fit into memory" in said
    code, said = run(working, tmp_path / "log")
    assert code == 0, said
    assert_same(runs, undisturbed)
    assert json.loads((only_run(runs) / "status.json").read_text())["reason"] == ""


def no_memory_to_read() -> None:
    import asr.data.loader as loader
    from asr.data.sampler import BatchPlan

    real = loader.SpeechDataset.__getitem__

    def exhausted(self: Any, plan: BatchPlan) -> Any:
        return bytearray(1 << 60) if plan.epoch == 1 else real(self, plan)

    loader.SpeechDataset.__getitem__ = exhausted  # type: ignore[method-assign]
