"""A matrix of which only some blocks are stored."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.errors import InputError

WEIGHTS = ("fp32", "fp16", "int8")  # what a matrix can be stored as


@dataclass(frozen=True)
class BlockSparseMatrix:
    """The blocks of an (outputs, inputs) matrix that are not all zero, row by row.

    The last blocks of a row or column may be smaller than the others; they are stored whole, with
    zeros beyond the matrix. With `groups`, as many parts of equal height are tiled each on its
    own, as the gates of a recurrent layer are when they are pruned separately.

    Args:
        shape: outputs, inputs.
        block: rows, columns.
        blocks: (N, rows, columns), float32, float16, or int8 with scales.
        columns: (N,) which block of its row each is, counted from 0, rising within a row.
        counts: (R,) blocks of each row of blocks; R = groups * ceil(outputs / groups / rows).
        scales: (N,) float32, what int8 weights are multiplied by.
        groups: divides the outputs.

    Raises:
        InputError: shapes, types or indices do not fit together; what is not finite.
    """

    shape: tuple[int, int]
    block: tuple[int, int]
    blocks: NDArray
    columns: NDArray
    counts: NDArray
    scales: NDArray | None = None
    groups: int = 1

    def __post_init__(self) -> None:
        outputs, inputs = self.shape
        rows, columns = self.block
        self._require(min(outputs, inputs, rows, columns, self.groups) >= 1, "sizes of 1 or more")
        self._require(max(outputs, inputs, rows, columns) < 2**24, "sizes below 2^24")
        self._require(outputs % self.groups == 0, f"outputs divisible by {self.groups} groups")
        for padded, side in (
            (self.block_rows * rows, outputs),
            (self.block_columns * columns, inputs),
        ):  # what blocks reach beyond a matrix is memory all the same, without a byte in the file
            most = max(4 * side, _FEW)
            self._require(padded <= most, f"blocks that reach over at most {most}, not {padded}")
        total = len(self.columns) if self.columns.ndim == 1 else -1
        for name, values, shape in [
            ("blocks", self.blocks, (total, rows, columns)),
            ("counts", self.counts, (self.block_rows,)),
            *([] if self.scales is None else [("scales", self.scales, (total,))]),
        ]:
            self._require(values.shape == shape, f"{name} of shape {shape}, not {values.shape}")
        self._require(self.blocks.dtype in _WEIGHT_TYPES, "blocks of float32, float16 or int8")
        self._require(
            (self.blocks.dtype == np.int8) == (self.scales is not None), "scales for int8 only"
        )
        for name, values in (("columns", self.columns), ("counts", self.counts)):
            self._require(values.dtype.kind in "ui", f"{name} of an integer type")
        places, counts = self.columns.astype(np.int64), self.counts.astype(np.int64)
        across = self.block_columns
        self._require(bool(((counts >= 0) & (counts <= across)).all()), f"counts in 0..{across}")
        self._require(int(counts.sum()) == total, f"counts that add up to {total}")
        self._require(
            bool(((places >= 0) & (places < across)).all()), f"columns in 0..{across - 1}"
        )
        rising = np.diff(np.repeat(np.arange(len(counts)), counts) * across + places) > 0
        self._require(bool(rising.all()), "columns that rise within a row")
        finite = np.isfinite(self.blocks).all() and (
            self.scales is None or np.isfinite(self.scales).all()
        )
        self._require(bool(finite), "finite weights")

    @property
    def block_rows(self) -> int:
        """Rows of blocks, R."""
        return self.groups * -(-(self.shape[0] // self.groups) // self.block[0])

    @property
    def block_columns(self) -> int:
        """Blocks of a full row."""
        return -(-self.shape[1] // self.block[1])

    @property
    def nonzero(self) -> int:
        """Weights that are not zero."""
        return int(np.count_nonzero(self.blocks))

    @property
    def weight_bytes(self) -> int:
        """Of the stored blocks, and their scales."""
        return self.blocks.nbytes + (0 if self.scales is None else self.scales.nbytes)

    @property
    def index_bytes(self) -> int:
        """Of `columns` and `counts`."""
        return self.columns.nbytes + self.counts.nbytes

    @property
    def first_rows(self) -> NDArray[np.int64]:
        """The matrix row at which each row of blocks begins, (R,)."""
        height = self.shape[0] // self.groups
        within = np.arange(0, height, self.block[0])
        return (np.arange(self.groups)[:, None] * height + within).reshape(-1)

    @classmethod
    def from_dense(
        cls, weight: NDArray, block: tuple[int, int], *, groups: int = 1
    ) -> "BlockSparseMatrix":
        """Keep the blocks of `weight` (outputs, inputs) that hold a number other than zero."""
        outputs, inputs = weight.shape
        (rows, columns), height = block, outputs // groups
        tiled = np.pad(
            np.asarray(weight, np.float32).reshape(groups, height, inputs),
            ((0, 0), (0, -height % rows), (0, -inputs % columns)),
        )
        tiled = tiled.reshape(-1, rows, tiled.shape[2] // columns, columns).transpose(0, 2, 1, 3)
        kept = tiled.any((2, 3))  # (R, block columns)
        return cls(
            (outputs, inputs),
            (rows, columns),
            np.ascontiguousarray(tiled[kept]),
            np.nonzero(kept)[1].astype(smallest_unsigned(kept.shape[1] - 1)),
            kept.sum(1).astype(smallest_unsigned(kept.shape[1])),
            groups=groups,
        )

    @classmethod
    def whole(cls, weight: NDArray) -> "BlockSparseMatrix":
        """A matrix (outputs, inputs), float32 or float16, all of whose blocks are stored."""
        (outputs, inputs), (rows, columns) = weight.shape, _WHOLE
        padded = np.pad(weight, ((0, -outputs % rows), (0, -inputs % columns)))
        tiled = padded.reshape(-1, rows, padded.shape[1] // columns, columns).transpose(0, 2, 1, 3)
        down, across = tiled.shape[:2]
        return cls(
            (outputs, inputs),
            _WHOLE,
            np.ascontiguousarray(tiled.reshape(-1, rows, columns)),
            np.tile(np.arange(across, dtype=np.uint32), down),
            np.full(down, across, np.uint32),
        )

    @property
    def is_whole(self) -> bool:
        """No block was left out, as in a matrix that was not pruned."""
        return len(self.columns) == self.block_rows * self.block_columns

    def to_dense(self) -> NDArray[np.float32]:
        """The whole matrix (outputs, inputs)."""
        (outputs, inputs), (rows, columns) = self.shape, self.block
        tiled = np.zeros((self.block_rows, self.block_columns, rows, columns), np.float32)
        row_of = np.repeat(np.arange(self.block_rows), self.counts.astype(np.int64))
        tiled[row_of, self.columns] = self.weights()
        whole = tiled.transpose(0, 2, 1, 3).reshape(self.groups, -1, self.block_columns * columns)
        return whole[:, : outputs // self.groups, :inputs].reshape(outputs, inputs)

    def weights(self) -> NDArray[np.float32]:
        """The blocks in float32, scaled: (N, rows, columns)."""
        blocks = self.blocks.astype(np.float32)
        return blocks if self.scales is None else blocks * self.scales[:, None, None]

    def stored_as(self, weights: str) -> "BlockSparseMatrix":
        """The same matrix with its weights rounded to `fp32`, `fp16`, or `int8`.

        An int8 block's scale maps its largest magnitude to 127. Where that gains nothing, `int8`
        becomes fp16: a matrix that was not pruned is stored without blocks, and up to 4 weights
        and their scale take more bytes than in fp16.

        Raises:
            InputError: fp16 does not reach as far as the weights do; another type than these.
        """
        if weights not in WEIGHTS:
            raise InputError(
                "type of weights",
                expected=", ".join(WEIGHTS),
                got=weights,
                remedy="Choose one of these.",
            )
        blocks = self.weights()
        scales = None
        too_small = math.prod(self.block) <= _SCALE_BYTES
        if weights == "fp16" or (weights == "int8" and (self.is_whole or too_small)):
            with np.errstate(over="ignore"):  # refused below, by name
                blocks = blocks.astype(np.float16)
            if not np.isfinite(blocks).all():
                raise InputError(
                    f"block-sparse matrix of {self.shape[0]} x {self.shape[1]}",
                    expected="weights below 65,504 for fp16",
                    got="larger ones",
                    remedy="Store it in fp32.",
                )
        elif weights == "int8":
            largest = np.abs(blocks).max((1, 2), initial=0.0)
            scales = np.where(largest > 0, largest / 127, 1).astype(np.float32)
            blocks = np.rint(blocks / scales[:, None, None]).astype(np.int8)
        return BlockSparseMatrix(
            self.shape, self.block, blocks, self.columns, self.counts, scales, self.groups
        )

    def _require(self, legal: bool, expected: str) -> None:
        if not legal:
            raise InputError(
                f"block-sparse matrix of {self.shape[0]} x {self.shape[1]}",
                expected=expected,
                got="something else",
                remedy="The file is damaged, or was written by another program: export again.",
            )


_SCALE_BYTES = np.dtype(np.float32).itemsize  # of an int8 block
_WHOLE = (8, 16)  # the shape of block that suits the kernel where all are stored
_FEW = 1 << 16  # rows or columns that blocks may reach over, however small their matrix
_WEIGHT_TYPES = (np.dtype(np.float32), np.dtype(np.float16), np.dtype(np.int8))


def smallest_unsigned(largest: int) -> type[np.unsignedinteger]:
    """The smallest unsigned type that holds numbers up to `largest`."""
    return np.uint8 if largest < 2**8 else np.uint16 if largest < 2**16 else np.uint32
