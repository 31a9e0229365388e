"""Calibrated thresholds, worked by hand: matrices of one type share theirs."""

from typing import Any

import pytest
import torch
from torch import Tensor

from asr.sparsity.pruner import Pruner
from tests.sparsity import plain

A, B, OTHER = "a.weight_hh_l0", "b.weight_hh_l0", "c.weight_ih_l0"


def ten(first: int) -> Tensor:
    return torch.arange(float(first), first + 10).view(2, 5)


def walked(scale: float = 1.0, **changes: Any) -> tuple[Pruner, dict[str, float]]:
    """A pruner at its end, and its last thresholds, by part.

    The weights stand still, at `scale` times those of the dense run.
    """
    dense = {A: ten(1), B: ten(11), OTHER: ten(101)}
    weights = {name: torch.nn.Parameter(scale * weight) for name, weight in dense.items()}
    method = plain.threshold(sparsity=0.5, **changes)
    pruner = method.pruner(weights, total_steps=100, epochs=10, dense=dense)
    optimizer = plain.idle(weights)
    updates = [update for _ in range(100) if (update := pruner.after_step(optimizer))]
    assert [update.step for update in updates] == [*range(15, 50, 5)]
    return pruner, dict(updates[-1].targets)


def kept(pruner: Pruner, name: str) -> list[float]:
    """The weights of the dense run that are left."""
    return pruner.weights[name][pruner.kept[name]].tolist()


def test_a_threshold_is_of_all_matrices_of_a_type() -> None:
    """Half of 1 to 20 and half of 101 to 110, not half of each matrix or of everything."""
    pruner, thresholds = walked()
    assert thresholds == pytest.approx({A: 10.5, B: 10.5, OTHER: 105.5})
    assert kept(pruner, A) == []
    assert kept(pruner, B) == [*range(11, 21)]
    assert kept(pruner, OTHER) == [*range(106, 111)]


def test_an_exception_is_another_share_of_the_same_weights() -> None:
    """1 + 0.75 x 19 = 15.25."""
    pruner, thresholds = walked(exceptions=[{"match": "^b", "sparsity": 0.75}])
    assert thresholds == pytest.approx({A: 10.5, B: 15.25, OTHER: 105.5})
    assert kept(pruner, A) == []
    assert kept(pruner, B) == [*range(16, 21)]


def test_an_exception_of_zero_removes_nothing_however_small_it_becomes() -> None:
    pruner, thresholds = walked(scale=1e-3, exceptions=[{"match": "^b", "sparsity": 0}])
    assert thresholds == pytest.approx({A: 10.5, B: 0.0, OTHER: 105.5})
    assert kept(pruner, A) == []
    assert len(kept(pruner, B)) == 10


def test_a_matrix_of_no_type_has_no_part_in_the_threshold_of_another() -> None:
    """Half of 1 to 10; the other matrix, of no type either, has 101 to 110."""
    dense = {"output.weight": ten(1), "lookahead.weight": ten(101)}
    weights = {name: torch.nn.Parameter(weight.clone()) for name, weight in dense.items()}
    method = plain.threshold(sparsity=0.5, select=plain.select(r"^output\.weight$"))
    pruner = method.pruner(weights, total_steps=100, epochs=10, dense=dense)
    assert pruner.rule is not None
    (part,) = pruner.parts
    assert pruner.rule.target(part, 45) == pytest.approx(5.5)
