import numpy as np
import pytest
import torch

from asr.sparsity.blocks import block_maxima


@pytest.mark.parametrize("shape", [(8, 8), (12, 10), (7, 5), (1, 9), (3, 1)])
@pytest.mark.parametrize("block", [(1, 1), (4, 4), (12, 2), (3, 5), (16, 16), (1, 16), (16, 1)])
def test_maxima_are_those_of_a_loop_over_blocks(
    shape: tuple[int, int], block: tuple[int, int]
) -> None:
    weight = torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))
    values, (rows, columns) = weight.numpy(), block
    expected = [
        [np.abs(values[r : r + rows, c : c + columns]).max() for c in range(0, shape[1], columns)]
        for r in range(0, shape[0], rows)
    ]
    np.testing.assert_array_equal(block_maxima(weight, rows, columns).numpy(), expected)
