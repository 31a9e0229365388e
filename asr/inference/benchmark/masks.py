"""Block-sparse layers and models to time: random masks, or those of an exported model."""

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from asr.checkpoint import Sparsity, TrainedModel
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
        mask = _random_mask(rng, (3 * hidden, hidden), block, sparsity)
        bound = (hidden * mask.mean()) ** -0.5
        weight = rng.uniform(-bound, bound, mask.shape) * mask
        return BlockSparseMatrix.from_dense(weight.astype(np.float32), block)

    def bias() -> NDArray[np.float32]:
        return rng.uniform(-0.1, 0.1, 3 * hidden).astype(np.float32)

    return Direction(matrix(), matrix(), bias(), bias(), "gru")


def prune_at_random(
    trained: TrainedModel, block: tuple[int, int], sparsity: float, seed: int = 0
) -> TrainedModel:
    """Zero random blocks of the recurrent layers' matrices, in place, and say so in the model."""
    rng = np.random.default_rng(seed)
    names = []
    for name, weight in trained.model.named_parameters():
        if name.startswith("recurrent.layers") and weight.dim() == 2:
            mask = torch.from_numpy(
                _random_mask(rng, (weight.shape[0], weight.shape[1]), block, sparsity)
            )
            weight.data *= mask / max(float(mask.float().mean()), 1e-9) ** 0.5
            names.append(name)
    return replace(trained, sparsity=Sparsity("random", block, tuple(names)))


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


def _random_mask(
    rng: np.random.Generator, shape: tuple[int, int], block: tuple[int, int], sparsity: float
) -> NDArray[np.bool_]:
    """True where a weight is kept: an exact number of blocks, one at least."""
    grid = np.zeros((-(-shape[0] // block[0]), -(-shape[1] // block[1])), bool)
    kept = max(round(grid.size * (1 - sparsity)), 1)
    grid.reshape(-1)[rng.choice(grid.size, kept, replace=False)] = True
    return grid.repeat(block[0], 0)[: shape[0]].repeat(block[1], 1)[:, : shape[1]]
