"""How large an exported model is, beside its dense self."""

from dataclasses import dataclass

from asr.inference.model import Model


@dataclass(frozen=True)
class MatrixSize:
    """A matrix stored in blocks; sizes in bytes."""

    name: str
    shape: tuple[int, int]
    block: tuple[int, int]
    sparsity: float  # share of the weights that are zero, counted
    dense: int  # in fp32
    weights: int
    index: int

    @property
    def share(self) -> float:
        """Of the dense fp32 size."""
        return (self.weights + self.index) / self.dense

    @property
    def index_overhead(self) -> float:
        """The index as a share of the weights."""
        return self.index / self.weights if self.weights else 0.0


@dataclass(frozen=True)
class FileSize:
    """The whole file in bytes, and the same model's numbers stored densely."""

    file: int
    dense_fp32: int
    dense_fp16: int
    dense_int8: int


def matrix_sizes(model: Model) -> list[MatrixSize]:
    """Of the matrices stored in blocks, in the file's order."""
    return [
        MatrixSize(
            name=name,
            shape=matrix.shape,
            block=matrix.block,
            sparsity=1 - matrix.nonzero / (matrix.shape[0] * matrix.shape[1]),
            dense=4 * matrix.shape[0] * matrix.shape[1],
            weights=matrix.weight_bytes,
            index=matrix.index_bytes,
        )
        for name, matrix in model.matrices()
        if not matrix.is_whole
    ]


def file_size(model: Model, written: int) -> FileSize:
    """Compare a file of `written` bytes with its numbers stored densely in 4, 2 or 1 bytes."""
    numbers = sum(rows * columns for rows, columns in (m.shape for _, m in model.matrices()))
    for layer in model.layers:
        numbers += sum(way.input_bias.size + way.recurrent_bias.size for way in layer)
    numbers += sum(each.weight.size + each.bias.size for each in model.convolutions)
    numbers += 0 if model.lookahead is None else model.lookahead.size
    numbers += 0 if model.projection is None else model.projection.bias.size
    numbers += model.output.bias.size
    return FileSize(written, 4 * numbers, 2 * numbers, numbers)
