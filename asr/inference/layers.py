"""What the kernel and its numpy stand-in both compute: features, products, recurrent layers."""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from asr.errors import InputError
from asr.inference.block_sparse_matrix import BlockSparseMatrix
from asr.inference.feature_settings import FeatureSettings
from asr.inference.resampling import ResamplingFilters

CellName = Literal["gru", "lstm", "tanh", "clipped_relu"]
GATES: dict[str, int] = {"gru": 3, "lstm": 4, "tanh": 1, "clipped_relu": 1}
CLIP = 20.0  # of the clipped ReLU


@dataclass(frozen=True)
class Direction:
    """One direction of a recurrent layer, gates in torch's order and form.

    gru (r, z, n): n = tanh(W_n x + b_n + r (U_n h + c_n)), h' = n + z (h - n).
    lstm (i, f, g, o): c' = f c + i g, h' = o tanh(c').
    tanh, clipped_relu: h' = f(W x + b + U h + c).

    Args:
        inputs, recurrent: W (G * H, K) and U (G * H, H).
        input_bias, recurrent_bias: b and c, float32 (G * H,).
        cell: its kind.
        reverse: reads each utterance from its last frame to its first.
    """

    inputs: BlockSparseMatrix
    recurrent: BlockSparseMatrix
    input_bias: NDArray
    recurrent_bias: NDArray
    cell: CellName
    reverse: bool = False

    def __post_init__(self) -> None:
        rows = GATES[self.cell] * self.hidden
        shapes = (
            self.inputs.shape[0],
            self.recurrent.shape[0],
            self.input_bias.shape,
            self.recurrent_bias.shape,
        )
        if shapes != (rows, rows, (rows,), (rows,)):
            raise InputError(
                f"recurrent layer ({self.cell})",
                expected=f"matrices of {rows} rows and biases of {rows}",
                got=str(shapes),
                remedy="The file is damaged: export again.",
            )

    @property
    def hidden(self) -> int:
        """H."""
        return self.recurrent.shape[1]


class Product(Protocol):
    """x (N, K) to x W' + bias (N, R), float32; ready to be called from any thread."""

    def __call__(self, x: NDArray) -> NDArray[np.float32]: ...


class Recurrence(Protocol):
    """x (T, B, K), and lengths (B,) or None where all are T, to states (T, B, H), float32.

    Frames beyond a length are zero. `state` and, for an LSTM, `cell` (B, H), float32, are where
    it begins, from zero without, and are overwritten with where it ends.
    """

    def __call__(
        self,
        x: NDArray,
        lengths: NDArray | None = None,
        state: NDArray | None = None,
        cell: NDArray | None = None,
    ) -> NDArray[np.float32]: ...


class Convolution(Protocol):
    """One utterance (channels, rows, T) to (channels', rows', T'), clipped to [0, CLIP]."""

    def __call__(self, x: NDArray) -> NDArray[np.float32]: ...


@dataclass(frozen=True)
class ConvolutionWeights:
    """A convolution, padded by half its odd kernel, with its batch norm folded in.

    Args:
        weight: float32 (channels', channels, frequency, time).
        bias: float32 (channels',).
        stride: frequency, time.
    """

    weight: NDArray
    bias: NDArray
    stride: tuple[int, int]

    def output(self, size: int, axis: int) -> int:
        """Rows (axis 0) or frames (axis 1) that come out of so many."""
        return -(-size // self.stride[axis])


class LogEnergies(Protocol):
    """Samples (N,) float32 at the model's rate to normalised log energies (F, frames), float32.

    Frame t is the window from sample t * hop on; the last one ends within the samples. A frame's
    features are the same bits whatever others are computed with it.
    """

    def __call__(self, waveform: NDArray, frames: int) -> NDArray[np.float32]: ...


class Resampling(Protocol):
    """So many rows, from samples that begin `width` before the first: (rows * target,) float32.

    Summed in float64 and rounded once, as training does: the order of a sum in float32 would show
    in the bins that a lower rate leaves empty.
    """

    def __call__(self, padded: NDArray, rows: int) -> NDArray[np.float32]: ...


class Engine(Protocol):
    """Makes filters and weights ready to run; `name` says by what."""

    name: str

    def resampling(self, filters: ResamplingFilters) -> Resampling: ...
    def log_energies(self, settings: FeatureSettings) -> LogEnergies: ...
    def product(self, matrix: BlockSparseMatrix, bias: NDArray | None = None) -> Product: ...
    def recurrence(self, direction: Direction, threads: int = 1) -> Recurrence: ...
    def convolution(self, weights: ConvolutionWeights) -> Convolution: ...
