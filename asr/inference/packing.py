"""A block-sparse matrix in the order in which the kernel reads it (core/block_sparse.cpp)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.inference.block_sparse_matrix import BlockSparseMatrix

_CACHE_LINE = 64  # bytes


@dataclass(frozen=True)
class Strips:
    """Strips of `tile_rows` rows from top to bottom, each with its blocks from left to right.

    Attributes:
        weights: (stored blocks over all strips, tiles, tile_rows * tile_columns), padded.
        scales: of int8 weights, one for each entry of `columns`.
        starts: (strips + 1,) where each strip's blocks begin.
        columns: the matrix column at which each block begins.
        first_row: (strips,) the matrix row at which each begins.
        reach: the column after the right-most tile.
    """

    weights: NDArray
    scales: NDArray[np.float32] | None
    starts: NDArray[np.int32]
    columns: NDArray[np.int32]
    first_row: NDArray[np.int32]
    rows: int
    tile_rows: int
    tile_columns: int
    tiles: int
    reach: int


def pack_lanes(matrix: BlockSparseMatrix, lanes: int) -> Strips:
    """For products with one vector: a tile fills a register of `lanes` weights, row by row.

    Its shape is the one that wastes least of the register; of equal ones the tallest, which
    leaves the least to add up at the end of a strip.
    """
    rows, columns = matrix.block
    heights = [1 << power for power in range(lanes.bit_length())]
    height = min(heights, key=lambda h: (-(-rows // h) * -(-columns // (lanes // h)), -h))
    return _strips(matrix, matrix.blocks, matrix.scales, height, lanes // height)


def pack_panel(matrix: BlockSparseMatrix) -> Strips:
    """For products with many vectors, in float32: tiles of up to 8 rows and a single column."""
    rows = matrix.block[0]
    # Each tile of h rows loads a column's vectors once, at about the cost of 2 rows' products.
    height = min((8, 4, 2, 1), key=lambda h: -(-rows // h) * (h + 2))
    return _strips(matrix, matrix.weights(), None, height, 1)


def _strips(
    matrix: BlockSparseMatrix,
    blocks: NDArray,
    scales: NDArray | None,
    height: int,
    width: int,
) -> Strips:
    rows, columns = matrix.block
    per_row, tiles = -(-rows // height), -(-columns // width)
    padding = ((0, 0), (0, per_row * height - rows), (0, tiles * width - columns))
    # (N, strips of a block, tiles, height * width)
    cut = np.pad(blocks, padding).reshape(-1, per_row, height, tiles, width)
    cut = cut.transpose(0, 1, 3, 2, 4).reshape(-1, per_row, tiles, height * width)
    counts = matrix.counts.astype(np.int64)
    first_row = (matrix.first_rows[:, None] + np.arange(per_row) * height).reshape(-1)
    # Strips of a short last block that begin beyond the matrix, or beyond its group, hold nothing.
    group = matrix.shape[0] // matrix.groups
    ends = (matrix.first_rows // group + 1) * group
    real = first_row < np.repeat(ends, per_row)
    strip_counts = np.repeat(counts, per_row) * real
    before = np.concatenate([[0], np.cumsum(counts)])[:-1]
    first_block = np.repeat(before, per_row)[real]
    strip_counts = strip_counts[real]
    starts = np.concatenate([[0], np.cumsum(strip_counts)])
    which = np.arange(starts[-1]) - np.repeat(starts[:-1] - first_block, strip_counts)
    part = np.repeat(np.tile(np.arange(per_row), len(counts))[real], strip_counts)
    places = matrix.columns.astype(np.int64)[which] * columns
    return Strips(
        weights=_on_cache_lines(cut[which, part]),
        scales=None if scales is None else np.ascontiguousarray(scales[which]),
        starts=starts.astype(np.int32),
        columns=places.astype(np.int32),
        first_row=first_row[real].astype(np.int32),
        rows=matrix.shape[0],
        tile_rows=height,
        tile_columns=width,
        tiles=tiles,
        reach=int(places.max(initial=0)) + tiles * width,
    )


def _on_cache_lines(values: NDArray) -> NDArray:
    """A copy that begins where a line of the cache does.

    NumPy's arrays begin at 16 bytes, and a register that is loaded across two lines is two loads:
    1.2 to 1.3 times the time of a layer of 1024 units (docs/log.md, 2026-11-28).
    """
    room = np.empty(values.nbytes + _CACHE_LINE, np.uint8)
    start = -room.ctypes.data % _CACHE_LINE
    placed = room[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    placed[...] = values
    return placed
