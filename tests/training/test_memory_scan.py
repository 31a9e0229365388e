"""Memory that runs out is told before epoch 1, by name; a scan that ends well leaves no trace."""

from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch
from lightning.pytorch.callbacks import Callback

from asr.data.sampler import BatchPlan, EpochLengths
from asr.errors import InputError
from asr.training.memory_scan import WorstBatchScan, scan, worst_batches
from asr.training.module import SpeechModule
from tests.training.in_process import speech_data, speech_module, trainer


def test_the_worst_are_the_largest_and_the_longest() -> None:
    lengths = EpochLengths(np.array([100, 30, 30, 30, 30, 50]), np.ones(6))
    rows: list[tuple[int, ...]] = [(0,), (1, 2, 3, 4), (5,)]
    alone, many, one = (BatchPlan(0, row, (1.0,) * len(row)) for row in rows)
    assert worst_batches([one, alone, many], lengths) == [many, alone]  # 120 padded frames, 100
    assert worst_batches([alone], lengths) == [alone]


@pytest.fixture
def module(tones: Path) -> SpeechModule:
    data = speech_data(tones)
    made = speech_module(data)
    made.data = data  # type: ignore[assignment]
    return made


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes"),
        MemoryError(),
    ],
)
def test_memory_that_runs_out_names_the_longest(module: SpeechModule, error: Exception) -> None:
    data: Any = module.data
    plan = BatchPlan(0, (0, 5, 9, 12), (1.0,) * 4)

    def exhausted(*_: Any) -> Any:
        raise error

    module.model.forward = exhausted  # type: ignore[method-assign]
    longest = max((data.train[index] for index in plan.utterances), key=lambda u: u.seconds)
    with pytest.raises(InputError, match=f"4 utterances.*{longest.id}") as caught:
        scan(module, data.train_set, plan)
    assert caught.value.__cause__ is error
    assert "data.batch_seconds" in str(caught.value)


def test_memory_that_runs_out_on_the_way_back(module: SpeechModule) -> None:
    data: Any = module.data

    def exhausted(_: torch.Tensor) -> torch.Tensor:
        raise torch.OutOfMemoryError("out of memory")

    module.model.output.weight.register_hook(exhausted)
    with pytest.raises(InputError, match="out of memory"):
        scan(module, data.train_set, BatchPlan(0, (0,), (1.0,)))


def test_another_error_is_nobody_elses(module: SpeechModule) -> None:
    data: Any = module.data

    def broken(*_: Any) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    module.model.forward = broken  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        scan(module, data.train_set, BatchPlan(0, (0,), (1.0,)))


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_scan_leaves_no_trace(tones: Path, tmp_path: Path, precision: str) -> None:
    """Two trainings, one with a scan, are the same bit for bit, dropout and all."""
    ended = []
    for scanned in (False, True):
        data = speech_data(tones)
        module = speech_module(data, epochs=1)
        for part in module.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.3
        torch.manual_seed(3)
        gradients: list[bool] = []

        class Look(Callback):
            def on_train_epoch_start(self, _: object, module: lightning.LightningModule) -> None:
                gradients.extend(p.grad is not None for p in module.parameters())  # noqa: B023

        made = trainer(
            tmp_path / str(scanned), Look(), epochs=1, scan_worst_batch=scanned, precision=precision
        )
        assert any(isinstance(each, WorstBatchScan) for each in made.callbacks) is scanned  # type: ignore[attr-defined]
        made.fit(module, datamodule=data, weights_only=True)
        assert gradients
        assert not any(gradients)
        ended.append((module.model.state_dict(), torch.get_rng_state()))
    (plain, state), (scanned_weights, scanned_state) = ended
    assert all(torch.equal(plain[name], scanned_weights[name]) for name in plain)
    assert torch.equal(state, scanned_state)
