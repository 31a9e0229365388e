"""Block-sparse GRU layers to time: random masks, or those of an exported model."""

import numpy as np
from numpy.typing import NDArray

from asr.errors import InputError
from asr.inference.block_sparse_matrix import BlockSparseMatrix
from asr.inference.layers import Direction
from asr.inference.model import Model


def random_gru(hidden: int, block: tuple[int, int], sparsity: float, seed: int = 0) -> Direction:
    """H inputs and H units; both matrices keep random blocks, biases are small.

    What is left is scaled by 1 / sqrt(density), so that states stay as lively as a dense layer's.
    """
    rng = np.random.default_rng(seed)

    def matrix() -> BlockSparseMatrix:
        grid = np.zeros((-(-3 * hidden // block[0]), -(-hidden // block[1])), bool)
        kept = max(round(grid.size * (1 - sparsity)), 1)
        grid.reshape(-1)[rng.choice(grid.size, kept, replace=False)] = True
        mask = grid.repeat(block[0], 0)[: 3 * hidden].repeat(block[1], 1)[:, :hidden]
        bound = (hidden * kept / grid.size) ** -0.5
        weight = rng.uniform(-bound, bound, mask.shape) * mask
        return BlockSparseMatrix.from_dense(weight.astype(np.float32), block)

    def bias() -> NDArray[np.float32]:
        return rng.uniform(-0.1, 0.1, 3 * hidden).astype(np.float32)

    return Direction(matrix(), matrix(), bias(), bias(), "gru")


def trained_grus(model: Model) -> list[tuple[str, Direction]]:
    """The left-to-right GRU of each layer of an exported model.

    Raises:
        InputError: none of them is a GRU stored in blocks.
    """
    found = [
        (f"layer {index}", layer[0])
        for index, layer in enumerate(model.layers)
        if layer[0].cell == "gru" and not layer[0].recurrent.is_whole
    ]
    if not found:
        raise InputError(
            "exported model",
            expected="a GRU pruned in blocks",
            got="none",
            remedy="Export a run that was trained with a block sparsity.",
        )
    return found
