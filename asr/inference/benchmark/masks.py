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
from asr.inference.random_model import random_mask, random_matrix


def random_gru(hidden: int, block: tuple[int, int], sparsity: float, seed: int = 0) -> Direction:
    """H inputs and H units; both matrices keep random blocks, biases are small.

    What is left is scaled by 1 / sqrt(density), so that states stay as lively as a dense layer's.
    """
    rng = np.random.default_rng(seed)

    def matrix() -> BlockSparseMatrix:
        return random_matrix(rng, (3 * hidden, hidden), block, sparsity)

    def bias() -> NDArray[np.float32]:
        return rng.uniform(-0.1, 0.1, 3 * hidden).astype(np.float32)

    return Direction(matrix(), matrix(), bias(), bias(), "gru")


def at_random(direction: Direction, seed: int = 0) -> Direction:
    """The same layer, its blocks moved to random places.

    Where blocks do not divide the matrix, what comes to lie beyond its edge is cut off.
    """
    rng = np.random.default_rng(seed)

    def moved(matrix: BlockSparseMatrix) -> BlockSparseMatrix:
        down, across = matrix.block_rows, matrix.block_columns
        places = np.sort(rng.choice(down * across, len(matrix.columns), replace=False))
        counts = np.bincount(places // across, minlength=down)
        elsewhere = replace(matrix, columns=places % across, counts=counts)
        return BlockSparseMatrix.from_dense(
            elsewhere.to_dense(), matrix.block, groups=matrix.groups
        )

    return replace(direction, inputs=moved(direction.inputs), recurrent=moved(direction.recurrent))


def prune_at_random(
    trained: TrainedModel, block: tuple[int, int], sparsity: float, seed: int = 0
) -> TrainedModel:
    """Zero random blocks of the recurrent layers' matrices, in place, and say so in the model."""
    rng = np.random.default_rng(seed)
    names = []
    for name, weight in trained.model.named_parameters():
        if name.startswith("recurrent.layers") and weight.dim() == 2:
            mask = torch.from_numpy(
                random_mask(rng, (weight.shape[0], weight.shape[1]), block, sparsity)
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
