"""A penalty's gradient in a training: once a step, on pruned weights alone, before the clipping."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from asr.sparsity.lasso import LassoPruning
from asr.sparsity.penalty import Penalty
from asr.sparsity.selection import Selection
from asr.training.module import SpeechModule
from tests.training.in_process import speech_data, speech_module, trainer

RECURRENT = Selection([r"\.weight_(ih|hh)_l0$"], "separate", False)


class SeenError(Exception):
    """The test's own: no second step is needed."""


class Taker(torch.optim.SGD):
    """Takes down the gradients that a step is made of, and makes none."""

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        assert closure is not None
        closure()
        raise SeenError


def first_gradients(
    tones: Path, folder: Path, strength: float | None, accumulate: int = 1, **recipe: Any
) -> SpeechModule:
    """A module whose gradients are those of its first step, as the optimizer got them."""
    data = speech_data(tones)
    module = speech_module(
        data, accumulate=accumulate, optimizer=lambda parameters: Taker(parameters, lr=0.1)
    )
    if strength is not None:
        penalty = Penalty("l1", strength, "gradient")
        method = LassoPruning("lasso", RECURRENT, [4, 4], penalty, 0.01, 0.0, 0.5)
        module.pruner = method.pruner(
            dict(module.model.named_parameters()), total_steps=module.total_steps, epochs=3
        )
    with pytest.raises(SeenError):
        trainer(folder, accumulate=accumulate, **recipe).fit(
            module, datamodule=data, weights_only=True
        )
    return module


def gradients(module: SpeechModule) -> dict[str, Tensor]:
    named = module.model.named_parameters()
    return {name: one.grad.clone() for name, one in named if one.grad is not None}


@pytest.mark.parametrize("accumulate", [1, 2])
def test_pruned_weights_and_no_others_get_the_penaltys_gradient_once_a_step(
    tones: Path, tmp_path: Path, accumulate: int
) -> None:
    plain, penalised = (
        first_gradients(tones, tmp_path / str(strength), strength, accumulate, gradient_clip=None)
        for strength in (None, 0.5)
    )
    before, after = gradients(plain), gradients(penalised)
    pruned = penalised.pruner.pruned
    assert len(pruned) == 8, "two layers of two directions, from below and from before"
    assert before.keys() == after.keys() > set(pruned)
    for name, weight in penalised.model.named_parameters():
        if name in pruned:
            expected = before[name] + 0.5 * weight.detach().sign()
            assert torch.allclose(after[name], expected, rtol=0, atol=1e-6), name
        else:
            assert torch.equal(after[name], before[name]), name


def test_a_penalty_is_clipped_with_the_rest(tones: Path, tmp_path: Path) -> None:
    """Its gradient alone, 10 on each of thousands of weights, is hundreds long."""
    module = first_gradients(tones, tmp_path, 10.0, gradient_clip=0.5)
    found = gradients(module)
    norm = torch.stack([gradient.norm() for gradient in found.values()]).norm()
    assert norm.item() == pytest.approx(0.5, rel=1e-4)
    for name in module.pruner.pruned:  # it is there, and outweighs the loss
        assert torch.equal(found[name].sign(), module.model.get_parameter(name).sign()), name
