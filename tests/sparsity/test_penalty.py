from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from asr.errors import InputError
from asr.sparsity.penalty import Penalty
from asr.sparsity.selection import Part
from tests.sparsity.plain import HH, cut, parameters, random, select

KINDS = ("group_lasso", "l1", "l_half")
BLOCKS = ((1, 1), (4, 4), (12, 2), (3, 5), (16, 16))


def setting(shape: tuple[int, int], **how: Any) -> tuple[dict[str, Tensor], tuple[Part, ...]]:
    weights = parameters(**{HH: random(*shape).double()})
    return weights, select("weight", **how).parts(weights)


def written_out(kind: str, weight: np.ndarray, block: tuple[int, int]) -> float:
    total = 0.0
    for _, _, values in cut(weight, *block):
        if kind == "group_lasso":
            total += sum(x * x for x in values.flat) ** 0.5
        else:
            total += sum(abs(x) ** (1.0 if kind == "l1" else 0.5) for x in values.flat)
    return total


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("block", BLOCKS)
def test_value_and_gradient_are_those_of_the_sum_written_out(
    kind: str, block: tuple[int, int]
) -> None:
    penalty = Penalty(kind, 0.3, "gradient")  # type: ignore[arg-type]
    weights, parts = setting((13, 11))
    weight = weights[HH].detach().numpy()
    assert penalty.value(weights, parts, block) == pytest.approx(
        0.3 * written_out(kind, weight, block), rel=1e-12
    )
    loss = random(13, 11, seed=1).double()
    weights[HH].grad = loss.clone()
    penalty.add_gradient(weights, parts, block)
    assert weights[HH].grad is not None
    added = (weights[HH].grad - loss).numpy()
    step = 1e-6
    for index in np.ndindex(*weight.shape):
        values = []
        for sign in (1, -1):
            moved = weight.copy()
            moved[index] += sign * step
            values.append(0.3 * written_out(kind, moved, block))
        assert added[index] == pytest.approx((values[0] - values[1]) / (2 * step), rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zero_weights_get_no_gradient(kind: str, dtype: torch.dtype) -> None:
    weights = parameters(**{HH: torch.zeros(4, 4, dtype=dtype)})
    weights[HH].data[0, 0] = 2.0  # alone in its block
    weights[HH].grad = torch.zeros(4, 4, dtype=dtype)
    Penalty(kind, 1.0, "gradient").add_gradient(  # type: ignore[arg-type]
        weights, select("weight").parts(weights), (2, 2)
    )
    expected = torch.zeros(4, 4, dtype=dtype)
    expected[0, 0] = 0.5 * 2.0**-0.5 if kind == "l_half" else 1.0
    torch.testing.assert_close(weights[HH].grad, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_tiny_weights_are_finite(kind: str) -> None:
    weights = parameters(**{HH: torch.full((4, 4), 1e-30)})
    weights[HH].grad = torch.zeros(4, 4)
    Penalty(kind, 1.0, "gradient").add_gradient(  # type: ignore[arg-type]
        weights, select("weight").parts(weights), (2, 2)
    )
    assert weights[HH].grad.isfinite().all()


def test_without_a_gradient_none_appears() -> None:
    weights, parts = setting((4, 4))
    Penalty("l1", 1.0, "gradient").add_gradient(weights, parts, (1, 1))
    assert weights[HH].grad is None


# ---- the proximal step ---------------------------------------------------------------------------


@pytest.mark.parametrize("block", BLOCKS)
def test_proximal_is_block_soft_thresholding(block: tuple[int, int]) -> None:
    weights, parts = setting((13, 11))
    expected = weights[HH].detach().numpy().copy()
    size = block[0] * block[1]
    strength = 0.8 * size**0.5  # about the norm of a block, so that some go and some stay
    for _, _, values in cut(expected, *block):  # views
        norm = np.linalg.norm(values)
        values *= 0 if norm <= 0.5 * strength else (norm - 0.5 * strength) / norm
    Penalty("group_lasso", strength, "proximal").shrink(weights, parts, block, lr=0.5)
    # What is left of a norm just above the bound is a difference of nearly equal numbers.
    np.testing.assert_allclose(weights[HH].detach().numpy(), expected, rtol=1e-12, atol=1e-15)
    if block in ((1, 1), (4, 4)):
        assert 0 < np.count_nonzero(expected) < expected.size


@pytest.mark.parametrize("scale", [0.05, 1.0])
def test_proximal_is_the_least_of_distance_and_penalty(scale: float) -> None:
    """The step minimises |v - w|^2 / 2 + lr x strength x |v|, found here by plain descent."""
    lr, strength = 0.2, 1.5
    start = scale * random(2, 3).double()
    weights = parameters(**{HH: start})
    Penalty("group_lasso", strength, "proximal").shrink(
        weights, select("weight").parts(weights), (2, 3), lr
    )

    def objective(v: Tensor) -> Tensor:
        return 0.5 * (v - start).square().sum() + lr * strength * v.norm()

    tried = (start * 0.5).requires_grad_()
    for index in range(4000):
        (slope,) = torch.autograd.grad(objective(tried), tried)
        tried = (tried - slope * 0.1 / (1 + index / 50)).detach().requires_grad_()
    assert (weights[HH] - tried).abs().max() < 1e-2
    assert objective(weights[HH]) <= objective(tried) + 1e-12
    assert bool((weights[HH] == 0).all()) == (float(start.norm()) <= lr * strength)


def test_either_step_leaves_the_other_alone() -> None:
    weights, parts = setting((8, 8))
    before = weights[HH].detach().clone()
    weights[HH].grad = torch.ones_like(before)
    Penalty("group_lasso", 1.0, "proximal").add_gradient(weights, parts, (4, 4))
    assert torch.equal(weights[HH].grad, torch.ones_like(before))
    Penalty("group_lasso", 1.0, "gradient").shrink(weights, parts, (4, 4), lr=0.1)
    assert torch.equal(weights[HH], before)


@pytest.mark.parametrize("how", ["separate", "together"])
def test_a_kept_diagonal_is_not_penalised(how: str) -> None:
    weights, parts = setting((12, 4), gates=how, diagonal=True)
    units = torch.eye(4, dtype=torch.bool).repeat(3, 1)
    for kind in KINDS:
        penalty = Penalty(kind, 1.0, "gradient")  # type: ignore[arg-type]
        weights[HH].grad = torch.zeros_like(weights[HH])
        penalty.add_gradient(weights, parts, (2, 2))
        gradient = weights[HH].grad
        assert gradient is not None
        assert not gradient[units].any()
        assert gradient[~units].all()
        off = weights[HH].detach().masked_fill(units, 0).numpy()
        assert penalty.value(weights, parts, (2, 2)) == pytest.approx(
            written_out(kind, off, (2, 2))
        )
    before = weights[HH].detach().clone()
    Penalty("group_lasso", 100.0, "proximal").shrink(weights, parts, (2, 2), lr=1.0)
    assert torch.equal(weights[HH], torch.where(units, before, 0.0))


def test_a_part_is_penalised_and_the_rest_is_not() -> None:
    weights, parts = setting((12, 4), gates="separate")
    weights[HH].grad = torch.zeros_like(weights[HH])
    Penalty("l1", 1.0, "gradient").add_gradient(weights, parts[1:2], (1, 1))
    assert weights[HH].grad is not None
    assert not weights[HH].grad[[0, 1, 2, 3, 8, 9, 10, 11]].any()
    assert weights[HH].grad[4:8].all()


@pytest.mark.parametrize(
    ("kind", "strength", "step", "named"),
    [
        ("l1", -1.0, "gradient", "strength.* 1e-6 to 0.1 for penalty.step=gradient"),
        ("group_lasso", -1.0, "proximal", "strength.* 1 to 10 for penalty.step=proximal"),
        ("l1", 1.0, "proximal", "step"),
        ("l_half", 1.0, "proximal", "step"),
    ],
)
def test_penalties_that_are_none_are_refused(
    kind: str, strength: float, step: str, named: str
) -> None:
    with pytest.raises(InputError, match=rf"penalty\.{named}"):
        Penalty(kind, strength, step)  # type: ignore[arg-type]
