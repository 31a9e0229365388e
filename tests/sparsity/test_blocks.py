from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from asr.sparsity.blocks import (
    block_maxima,
    block_means,
    block_norms,
    block_root_mean_squares,
    spread,
)
from tests.sparsity.plain import SHAPES, cut, random

MATRICES = ((32, 48), (12, 10), (33, 17), (1, 9), (3, 1), (1, 1))


@pytest.mark.parametrize("shape", MATRICES)
@pytest.mark.parametrize("block", SHAPES)
@pytest.mark.parametrize(
    ("score", "of_block"),
    [
        (block_maxima, lambda b: max(abs(x) for x in b.flat)),
        (block_means, lambda b: sum(abs(x) for x in b.flat) / b.size),
        (block_norms, lambda b: sum(x * x for x in b.flat) ** 0.5),
        (block_root_mean_squares, lambda b: (sum(x * x for x in b.flat) / b.size) ** 0.5),
    ],
)
def test_scores_are_those_of_a_loop_over_blocks(
    score: Callable[[Tensor, int, int], Tensor],
    of_block: Callable[[np.ndarray], float],
    block: tuple[int, int],
    shape: tuple[int, int],
) -> None:
    weight = random(*shape).double()
    grid = tuple(-(-size // side) for size, side in zip(shape, block, strict=True))
    expected = np.full(grid, np.nan)
    for r, c, values in cut(weight.numpy(), *block):
        expected[r, c] = of_block(values)
    np.testing.assert_allclose(score(weight, *block).numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize("shape", MATRICES)
@pytest.mark.parametrize("block", SHAPES)
def test_each_weight_gets_the_value_of_its_block(
    block: tuple[int, int], shape: tuple[int, int]
) -> None:
    grid = tuple(-(-size // side) for size, side in zip(shape, block, strict=True))
    blocks = torch.arange(grid[0] * grid[1]).view(grid)
    found = spread(blocks, shape, *block).numpy()
    assert found.shape == shape
    for (row, column), value in np.ndenumerate(found):
        assert value == blocks[row // block[0], column // block[1]]


def test_the_mean_of_an_edge_block_is_over_the_weights_that_it_has() -> None:
    # 3x3 in blocks of 2x2: the edge blocks hold 2, 2 and 1 weights, not 4.
    assert block_means(torch.full((3, 3), -2.0), 2, 2).tolist() == [[2.0, 2.0], [2.0, 2.0]]


@pytest.mark.parametrize("score", [block_maxima, block_means, block_norms])
def test_scores_of_a_strided_view_are_those_of_its_copy(
    score: Callable[[Tensor, int, int], Tensor],
) -> None:
    view = random(20, 30).t()[3:17]
    torch.testing.assert_close(score(view, 4, 4), score(view.clone().contiguous(), 4, 4))
