"""A weight matrix as a grid of blocks; the last blocks of a row or column may be smaller."""

from collections.abc import Sequence

from torch import Tensor
from torch.nn.functional import pad

from asr.errors import InputError


def block_shape(block: Sequence[int]) -> tuple[int, int]:
    """[rows, columns] as a pair; raises InputError on anything else."""
    if len(block) != 2 or not all(isinstance(n, int) and n >= 1 for n in block):
        raise InputError(
            "sparsity.block",
            expected="[rows, columns], each 1 or more",
            got=str(list(block)),
            remedy="For example sparsity.block=[16,16].",
        )
    return block[0], block[1]


def grid_shape(weight: Tensor, rows: int, columns: int) -> tuple[int, int]:
    """How many blocks (R, C) a matrix (outputs, inputs) has: ceil(outputs / rows), and so on."""
    return -(-weight.shape[0] // rows), -(-weight.shape[1] // columns)


def block_maxima(weight: Tensor, rows: int, columns: int) -> Tensor:
    """Largest magnitude of each block, the score of block pruning (arXiv 1711.02782, section 3.1).

    Args:
        weight: (outputs, inputs).
        rows, columns: of a block.

    Returns:
        (R, C), R = ceil(outputs / rows) and C = ceil(inputs / columns).
    """
    padded = _padded(weight.detach().abs(), rows, columns)
    # In two stages, which is several times as fast on a CPU as one over both block axes.
    tall = padded.view(-1, rows, padded.shape[1]).amax(1)
    return tall.view(len(tall), -1, columns).amax(2)


def block_norms(weight: Tensor, rows: int, columns: int) -> Tensor:
    """2-norm of each block, (R, C) as in `block_maxima`; a group of group lasso is a block."""
    return _block_sums(weight.detach().square(), rows, columns).sqrt()


def block_means(weight: Tensor, rows: int, columns: int) -> Tensor:
    """Mean magnitude of each block over the weights that it has, (R, C) as in `block_maxima`."""
    sums = _block_sums(weight.detach().abs(), rows, columns)
    return sums / _block_sums(weight.new_ones(weight.shape), rows, columns)


def block_root_mean_squares(weight: Tensor, rows: int, columns: int) -> Tensor:
    """2-norm of each block by the root of its size, (R, C) as in `block_maxima`.

    Blocks of one size rank as by their norms; a smaller one at the edge ranks beside them.
    """
    return block_norms(weight, rows, columns) / block_norms(
        weight.new_ones(weight.shape), rows, columns
    )


def spread(blocks: Tensor, shape: tuple[int, int], rows: int, columns: int) -> Tensor:
    """One value a block (R, C) to one value a weight (outputs, inputs), the inverse of scoring."""
    wide = blocks.repeat_interleave(columns, 1)[:, : shape[1]]
    return wide.repeat_interleave(rows, 0)[: shape[0]]


def _block_sums(values: Tensor, rows: int, columns: int) -> Tensor:
    padded = _padded(values, rows, columns)
    tall = padded.view(-1, rows, padded.shape[1]).sum(1)
    return tall.view(len(tall), -1, columns).sum(2)


def _padded(values: Tensor, rows: int, columns: int) -> Tensor:
    outputs, inputs = values.shape
    return pad(values, (0, -inputs % columns, 0, -outputs % rows)).contiguous()
