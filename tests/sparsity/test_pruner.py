"""Pruners against plain loops: Algorithm 1 step by step, exact counts, masks that hold."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from asr.errors import InputError
from asr.sparsity.gradual import highest, nearest
from asr.sparsity.lasso import LassoPruning
from asr.sparsity.penalty import Penalty
from asr.sparsity.pruner import Pruner
from asr.sparsity.selection import Selection
from asr.sparsity.zeros import zeros_by_matrix
from tests.sparsity import plain

ALL = Selection(["weight"], "separate", False)
NAME = "weight_ih_l0"


def matrix(rows: int, columns: int, seed: int = 0) -> nn.Parameter:
    return nn.Parameter(torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)))


def gradual(weights: dict[str, nn.Parameter], **changes: object) -> Pruner:
    method = plain.gradual(**{"select": ALL, "block": [2, 2], **changes})
    return method.pruner(weights, total_steps=100, epochs=10)


def threshold(
    weights: dict[str, nn.Parameter], *, dense: dict[str, Tensor] | None = None, **changes: object
) -> Pruner:
    method = plain.threshold(**{"select": ALL, "block": [2, 3], **changes})
    return method.pruner(weights, total_steps=200, epochs=10, dense=dense)


def lasso(step: str, final_threshold: float, start: float | None = 0.0) -> LassoPruning:
    penalty = Penalty("group_lasso", 0.4, step)  # type: ignore[arg-type]
    return LassoPruning("group_lasso", ALL, [4, 4], penalty, final_threshold, start, 0.5)


def walk(pruner: Pruner, weights: dict[str, nn.Parameter], steps: int, lr: float = 0.1) -> None:
    """Random gradients under AdamW, whose momentum and decay would move a masked weight."""
    optimizer = torch.optim.AdamW(weights.values(), lr=lr, weight_decay=0.1)
    generator = torch.Generator().manual_seed(7)
    for _ in range(steps):
        for weight in weights.values():
            weight.grad = torch.randn(weight.shape, generator=generator)
        pruner.before_step()
        optimizer.step()
        pruner.after_step(optimizer)


@pytest.mark.parametrize("block", [(1, 1), (2, 3)])
def test_algorithm_1_step_by_step(block: tuple[int, int]) -> None:
    weight = matrix(7, 8)
    pruner = threshold({"weight": weight}, block=list(block), start_slope=0.15)
    optimizer = torch.optim.SGD([weight], lr=0.05)
    # The algorithm as printed, with a block in the place of a weight and its mask applied at once.
    param = weight.detach().numpy().copy()
    mask = np.ones_like(param)
    start, ramp, end, freq, theta, phi = 20, 50, 100, 10, 0.15, 0.225
    generator = torch.Generator().manual_seed(1)
    changes = 0
    for current_itr in range(1, 201):
        gradient = torch.randn(7, 8, generator=generator)
        weight.grad = gradient
        optimizer.step()
        pruner.after_step(optimizer)
        param = (param - np.float32(0.05) * gradient.numpy()) * mask
        if start < current_itr < end and current_itr % freq == 0:
            if current_itr < ramp:
                eps = theta * (current_itr - start + 1) / freq
            else:
                eps = (theta * (ramp - start + 1) + phi * (current_itr - ramp + 1)) / freq
            for r in range(0, 7, block[0]):
                for c in range(0, 8, block[1]):
                    if np.abs(param[r : r + block[0], c : c + block[1]]).max() < eps:
                        changes += mask[r, c] == 1
                        mask[r : r + block[0], c : c + block[1]] = 0
            param = param * mask
        np.testing.assert_allclose(weight.detach().numpy(), param, atol=1e-6)
        np.testing.assert_array_equal(weight.detach().numpy() == 0, mask == 0)
    assert changes > 2
    assert mask.any()


@pytest.mark.parametrize("block", [(1, 1), (4, 4), (12, 2), (8, 8), (16, 16), (16, 1), (1, 16)])
def test_calibrated_lands_at_the_asked_sparsity_of_weights_that_stand_still(
    block: tuple[int, int],
) -> None:
    weight = matrix(96, 192)
    pruner = threshold(
        {NAME: weight}, block=list(block), dense={f"x.{NAME}": weight.detach().clone()}
        | {NAME: weight.detach().clone()}, select=Selection([NAME], "separate", False),
        sparsity=0.8,
    )  # fmt: skip
    optimizer = torch.optim.SGD([weight], lr=0.0)
    for _ in range(200):
        weight.grad = torch.zeros_like(weight)
        optimizer.step()
        pruner.after_step(optimizer)
    blocks = pruner.kept[NAME].numel()
    (found,) = zeros_by_matrix(pruner.weights, pruner.parts).values()
    assert found.sparsity == pytest.approx(0.8, abs=1 / blocks + 1e-9)


def test_the_papers_slope_is_equation_1_times_the_fourth_root() -> None:
    weights = {"a.weight_hh_l0": matrix(16, 16)}
    pruner = threshold(weights, threshold="paper", block=[4, 4], q={"recurrent": 0.3})
    (ramp,) = pruner.rule.ramps.values()  # type: ignore[union-attr]
    assert ramp.start_slope == pytest.approx(2 * 0.3 * 10 / (2 * 30 + 3 * 50) * 2)
    assert ramp.ramp_slope == pytest.approx(1.5 * ramp.start_slope)
    dense = {"a.weight_hh_l0": torch.linspace(-1, 1, 2001).view(1, -1)}
    measured = threshold(weights, threshold="paper", block=[1, 1], dense=dense)
    (ramp,) = measured.rule.ramps.values()  # type: ignore[union-attr]
    assert ramp.start_slope == pytest.approx(2 * 0.9 * 10 / (2 * 30 + 3 * 50))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"threshold": "paper"},
        {"threshold": "paper", "q": {"recurrent": 0.1}},
        {"dense": {"a.weight_hh_l0": torch.ones(3, 3)}},
        {"block": [0, 1], "start_slope": 1.0},
        {"ramp": 0.6, "start_slope": 1.0},
        {"start": 0.1, "ramp": 0.1, "end": 0.12, "start_slope": 1.0},
    ],
)
def test_threshold_settings_that_lack_something(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match="sparsity"):
        threshold({"a.weight_ih_l0": matrix(4, 4)}, **changes)


@pytest.mark.parametrize("unread", [{"threshold": "paper"}, {"start_slope": 1.0}])
@pytest.mark.parametrize(
    "asked", [{"sparsity": 0.8}, {"exceptions": [{"match": "weight", "sparsity": 0.5}]}]
)
def test_a_sparsity_that_no_threshold_would_come_from_is_refused(
    unread: dict[str, object], asked: dict[str, object]
) -> None:
    plain.threshold(**asked)
    plain.threshold(**unread)
    with pytest.raises(InputError, match=r"Set sparsity\.threshold=calibrated"):
        plain.threshold(**unread, **asked)


@pytest.mark.parametrize(
    ("read", "unread"),
    [
        ({"threshold": "calibrated"}, {"q": {"input": 0.1}}),
        ({"threshold": "paper", "start_slope": 1.0}, {"q": {"input": 0.1}}),
        ({"start_slope": 1.0}, {"dense_run": "runs/x"}),
        ({"threshold": "paper", "q": {"input": 0.1}}, {"dense_run": "runs/x"}),
    ],
)
def test_a_setting_that_would_not_be_read_is_refused(
    read: dict[str, object], unread: dict[str, object]
) -> None:
    plain.threshold(**read)
    plain.threshold(**read, dense_run="auto")  # the default says nothing
    (name,) = unread
    with pytest.raises(InputError, match=rf"sparsity\.{name}: expected .*null where"):
        plain.threshold(**read, **unread)


@pytest.mark.parametrize("score", ["max", "mean", "l2"])
@pytest.mark.parametrize(
    ("shape", "left"), [((50, 80), 100), ((49, 79), 100), ((2, 2), 1), ((1, 1), 1), ((2, 11), 1)]
)
def test_counts_are_exact(score: str, shape: tuple[int, int], left: int) -> None:
    weights = {"weight": matrix(*shape)}
    pruner = gradual(weights, score=score)
    walk(pruner, weights, 100)
    assert int(pruner.kept["weight"].sum()) == left, "the nearest to a tenth of the blocks, or one"


@pytest.mark.parametrize(("sparsity", "left"), [(0.0, 25), (1.0, 0), (0.5, 12)])
def test_no_sparsity_all_of_it_and_half_a_block(sparsity: float, left: int) -> None:
    weights = {"weight": matrix(10, 10)}
    pruner = gradual(weights, sparsity=sparsity)
    walk(pruner, weights, 100)
    assert int(pruner.kept["weight"].sum()) == left
    assert pruner.ended


def test_kept_blocks_are_the_highest_of_a_loop() -> None:
    weight = matrix(9, 11)
    pruner = gradual({"weight": weight}, start=0.0, end=0.01, score="mean", sparsity=0.7)
    values = np.abs(weight.detach().numpy())
    scores = np.array([[values[r : r + 2, c : c + 2].mean() for c in range(0, 11, 2)]
                       for r in range(0, 9, 2)])  # fmt: skip
    walk(pruner, {"weight": weight}, 1, lr=0.0)
    kept = math.ceil(0.3 * scores.size)
    least = np.sort(scores.flatten())[-kept]
    np.testing.assert_array_equal(pruner.kept["weight"].numpy(), scores >= least)


def test_blocks_at_the_edge_are_not_the_first_to_go() -> None:
    """Fresh gates of 28 rows in blocks of 12x2: the third of each column has 4 rows."""
    weights = {"weight": matrix(28, 400)}
    pruner = gradual(weights, block=[12, 2], sparsity=0.9, start=0.0, end=0.01, score="l2")
    walk(pruner, weights, 1, lr=0.0)
    (kept,) = pruner.kept.values()
    first, second, edge = kept.double().mean(1).tolist()
    # A mean of 8 squares scatters more than one of 24, and so is more often a high one.
    assert 0.03 < min(first, second) < edge < 0.3


def test_ties_do_not_change_the_count() -> None:
    assert highest(torch.ones(3, 4), 5).flatten().tolist() == [True] * 5 + [False] * 7
    weights = {"weight": nn.Parameter(torch.ones(20, 20))}
    pruner = gradual(weights)
    optimizer = torch.optim.SGD(weights.values(), lr=0.0)
    for _ in range(60):
        pruner.after_step(optimizer)
    assert int(pruner.kept["weight"].sum()) == 10


def test_rounding_is_to_the_nearest_block() -> None:
    assert [nearest(x) for x in (0.4, 0.5, 2.5, 899.9999999999, 0.1 * 3 * 10)] == [0, 1, 3, 900, 3]


def test_masked_weights_stay_zero_and_never_come_back() -> None:
    weights = {"weight": matrix(20, 30), "free": nn.Parameter(torch.ones(3))}
    pruner = gradual(weights)
    optimizer = torch.optim.AdamW(weights.values(), lr=0.1, weight_decay=0.1)
    kept = torch.ones(10, 15, dtype=torch.bool)
    for step in range(1, 101):
        for weight in weights.values():
            weight.grad = torch.randn(weight.shape)
        optimizer.step()
        update = pruner.after_step(optimizer)
        assert not (pruner.kept["weight"] & ~kept).any(), "what has gone is gone"
        kept = pruner.kept["weight"]
        blocks = weights["weight"].detach().view(10, 2, 15, 2).abs().amax((1, 3))
        assert torch.equal(blocks != 0, kept)
        assert (update is not None) == (step % 5 == 0 and 10 < step <= 50)


def test_regrowth_keeps_the_count_and_follows_the_gradient() -> None:
    weight = nn.Parameter(torch.arange(1.0, 101).view(10, 10))
    pruner = gradual({"weight": weight}, block=[1, 1], sparsity=0.8, regrow=0.5, start=0.0)
    optimizer = torch.optim.Adam([weight], lr=0.0)
    grown = 0
    for step in range(1, 101):
        # The largest weights are asked for; then the smallest too, which have long gone.
        weight.grad = torch.arange(1.0, 101).view(10, 10)
        weight.grad[0] = 0.0 if step < 25 else 500.0
        pruner.before_step()
        optimizer.step()
        update = pruner.after_step(optimizer)
        if update is None:
            continue
        expected = 100 - nearest(pruner.rule.target(pruner.parts[0], step) * 100)  # type: ignore[union-attr]
        assert int(pruner.kept["weight"].sum()) == expected
        if update.grown["weight"]:
            grown += update.grown["weight"]
            masked = pruner.kept["weight"] & (weight.detach() == 0)
            assert masked.any(), "what comes back begins at zero"
            assert not optimizer.state[weight]["exp_avg"][masked].any()
        if step == 20:  # a sparsity of 0.8 (1 - 0.6^3) = 0.6272, by weight alone
            assert pruner.kept["weight"].flatten().nonzero().flatten().tolist() == [*range(63, 100)]
        if step == 25:  # 0.8 (1 - 0.5^3) = 0.7; of the 30, 30 x 0.5 x (1 + cos(pi/2)) / 2 = 7.5
            assert (update.grown["weight"], update.removed["weight"]) == (7, 14)
            kept = pruner.kept["weight"].flatten().nonzero().flatten().tolist()
            assert kept == [*range(7), *range(77, 100)]
            momentum = optimizer.state[weight]["exp_avg"][0].tolist()
            assert momentum == pytest.approx([0.0] * 7 + [50.0] * 3)  # a tenth of the gradient
    assert grown


def test_regrowth_follows_the_gradient_where_the_optimizer_writes_momentum_into_it() -> None:
    """Which is what torch's SGD does on a GPU by default, and on a CPU when asked."""
    weight = nn.Parameter(torch.arange(1.0, 101).view(10, 10))
    pruner = gradual({"weight": weight}, block=[1, 1], sparsity=0.8, regrow=0.5, start=0.0)
    optimizer = torch.optim.SGD([weight], lr=1e-9, momentum=0.99, nesterov=True, foreach=True)
    for step in range(1, 26):  # what had gradients for long has none any more
        weight.grad = torch.zeros(10, 10)
        weight.grad[0 if step < 25 else 1] = 1.0
        pruner.before_step()
        optimizer.step()
        pruner.after_step(optimizer)
    assert weight.grad is not None
    assert weight.grad[0].any()  # it was written into
    kept = pruner.kept["weight"]
    assert int(kept[1].sum()) == 7  # of 15 kept blocks that may be replaced, as above
    assert not kept[0].any()


def test_gradients_that_overflowed_regrow_nothing() -> None:
    weight = matrix(20, 20)
    pruner = gradual({"weight": weight}, block=[1, 1], sparsity=0.8, regrow=0.5, start=0.0)
    optimizer = torch.optim.Adam([weight], lr=0.0)
    grown = []
    for step in range(1, 101):
        weight.grad = torch.full((20, 20), float("nan") if step < 40 else 1.0)
        pruner.before_step()
        if (update := pruner.after_step(optimizer)) is not None:
            grown.append((step < 40, sum(update.grown.values())))
    assert {count for overflowed, count in grown if overflowed} == {0}
    assert any(count for overflowed, count in grown if not overflowed)


def test_a_part_of_few_blocks_is_not_emptied_where_not_all_is_asked_for() -> None:
    """Of 4 blocks 90 % are 3.6, to the nearest all."""
    for sparsity, left in ((0.9, 1), (1.0, 0)):
        weights = {"weight": matrix(64, 64)}
        pruner = gradual(weights, block=[32, 32], sparsity=sparsity)
        walk(pruner, weights, 100)
        assert int(pruner.kept["weight"].sum()) == left


def test_the_kept_diagonal_is_single_weights() -> None:
    name = "a.weight_hh_l0"
    weights = {name: matrix(24, 8)}
    pruner = gradual(
        weights, block=[4, 4], sparsity=1.0, select=Selection([name], "separate", True)
    )
    walk(pruner, weights, 100)
    units = torch.eye(8, dtype=torch.bool).repeat(3, 1)
    assert torch.equal(weights[name] != 0, units)


@pytest.mark.parametrize(("step", "final_threshold"), [("proximal", 0.0), ("gradient", 0.05)])
def test_group_lasso_ends_with_exact_zeros_and_is_off_afterwards(
    step: str, final_threshold: float
) -> None:
    weight = nn.Parameter(torch.cat([torch.full((4, 8), 0.2), torch.full((4, 8), 3.0)]))
    pruner = lasso(step, final_threshold).pruner({"weight": weight}, total_steps=100, epochs=1)
    optimizer = torch.optim.SGD([weight], lr=0.1)
    for _ in range(100):
        weight.grad = torch.zeros_like(weight)
        pruner.before_step()
        optimizer.step()
        pruner.after_step(optimizer)
        if pruner.step == 50:
            middle = weight.detach().clone()
    assert torch.equal(weight.detach(), middle), "no penalty after its end"
    assert pruner.kept["weight"].tolist() == [[False, False], [True, True]]
    assert not weight[:4].any()


@pytest.mark.parametrize(("step", "final_threshold"), [("gradient", 0.0), ("proximal", -0.1)])
def test_a_lasso_that_would_prune_nothing_is_refused(step: str, final_threshold: float) -> None:
    with pytest.raises(InputError, match=r"Set sparsity\.final_threshold=0\.01"):
        lasso(step, final_threshold)


@pytest.mark.parametrize(("start", "epochs"), [(0.5, 1), (None, 2)])
def test_a_penalty_that_is_never_on_is_refused(start: float | None, epochs: int) -> None:
    method = lasso("proximal", 0.0, start)
    with pytest.raises(InputError, match=r"sparsity\.start and end: .* step 50 of 100 for both"):
        method.pruner({"weight": matrix(8, 8)}, total_steps=100, epochs=epochs)


def test_a_checkpoint_of_strays_is_refused_by_name() -> None:
    weights = {"weight": matrix(10, 10)}
    pruner = gradual(weights)
    walk(pruner, weights, 60)
    pruner.check(weights)
    with torch.no_grad():
        weights["weight"][weights["weight"] == 0] = 1e-30
    with pytest.raises(InputError, match="saving weight: expected zeros"):
        pruner.check(weights)


def test_a_state_goes_on_where_it_was(tmp_path: Path) -> None:
    whole, halves = {"weight": matrix(10, 10)}, {"weight": matrix(10, 10)}
    reference, first = gradual(whole), gradual(halves)
    optimizers = [torch.optim.SGD(w.values(), lr=0.1) for w in (whole, halves)]

    def go(pruner: Pruner, weights: dict[str, nn.Parameter], optimizer: torch.optim.SGD) -> None:
        weights["weight"].grad = torch.sin(torch.arange(100.0).view(10, 10) * pruner.step)
        optimizer.step()
        pruner.after_step(optimizer)

    for _ in range(30):
        go(reference, whole, optimizers[0])
        go(first, halves, optimizers[1])
    torch.save(first.state(), tmp_path / "state")
    second = gradual(halves)
    second.load_state(torch.load(tmp_path / "state", weights_only=True))
    for _ in range(70):
        go(reference, whole, optimizers[0])
        go(second, halves, optimizers[1])
    assert torch.equal(whole["weight"], halves["weight"])
    with pytest.raises(InputError, match="the checkpoint's masks"):
        gradual(halves, block=[5, 5]).load_state(first.state())
