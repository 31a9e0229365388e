"""The compiled kernel: layers made ready for it, and calls into it."""

import ctypes
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.errors import InputError
from asr.inference.block_sparse_matrix import BlockSparseMatrix
from asr.inference.fallback import Numpy
from asr.inference.feature_settings import FeatureSettings
from asr.inference.kernel_features import KernelLogEnergies, KernelResampling, transformable
from asr.inference.layers import CLIP, GATES, ConvolutionWeights, Direction, LogEnergies
from asr.inference.library import (
    ConvolutionStruct,
    LayerStruct,
    PackedStruct,
    address,
    available,
    open_library,
)
from asr.inference.packing import Strips, pack_lanes, pack_panel
from asr.inference.resampling import ResamplingFilters

_MARGIN = 64  # floats that the kernel may read behind a bias
_WEIGHT_TYPES = {np.dtype(np.float32): 0, np.dtype(np.float16): 1, np.dtype(np.int8): 2}
_CELLS = {"gru": 0, "lstm": 1, "tanh": 2, "clipped_relu": 3}


class Kernel:
    """The compiled kernel for one instruction set.

    Calls release the GIL. Weights are packed when they are first needed, for one vector or for
    many.

    Raises:
        InputError: it was not built, or the processor lacks it.
    """

    def __init__(self, instruction_set: str) -> None:
        library = open_library(instruction_set) if instruction_set in available() else None
        if library is None:
            built = available()
            raise InputError(
                "engine",
                expected=f"one of {', '.join((*built, 'numpy'))}",
                got=instruction_set,
                remedy="Name one of these, or none for the fastest."
                if built
                else "For others install again where there is a C++ compiler (g++ or clang++).",
            )
        self.name = instruction_set
        self._library = library

    def resampling(self, filters: ResamplingFilters) -> KernelResampling:
        """Rows of resampled samples."""
        return KernelResampling(self._library, filters)

    def log_energies(self, settings: FeatureSettings) -> LogEnergies:
        """Samples to normalised log energies."""
        if transformable(settings.fft_size):
            return KernelLogEnergies(self._library, settings)
        return Numpy().log_energies(settings)

    def product(self, matrix: BlockSparseMatrix, bias: NDArray | None = None) -> "_Product":
        """x (N, K) to x W' + bias (N, R)."""
        return _Product(self._library, matrix, bias)

    def recurrence(self, direction: Direction, threads: int = 1) -> "_Recurrence":
        """One direction of a layer, ready to run, by as many of `threads` as pay."""
        return _Recurrence(self._library, direction, threads)

    def convolution(self, weights: ConvolutionWeights) -> "_Convolution":
        """A convolution, ready to run."""
        return _Convolution(self._library, weights)


class _Product:
    def __init__(self, library: Any, matrix: BlockSparseMatrix, bias: NDArray | None) -> None:
        self._library, self._matrix = library, matrix
        self._bias = None if bias is None else _with_margin(bias)
        self._bias_address = None if self._bias is None else self._bias.ctypes.data
        lanes = pack_lanes(matrix, library.block_sparse_lanes())
        self._strips = [pack_panel(matrix), lanes]
        self._packed = [_packed(strips) for strips in self._strips]

    def __call__(self, x: NDArray) -> NDArray[np.float32]:
        rows, inputs = self._matrix.shape
        _require_shape("x", x.shape, ("N", inputs))
        x = np.ascontiguousarray(x, np.float32)
        y = np.empty((len(x), rows), np.float32)
        _check(
            self._library.block_sparse_multiply(
                *map(ctypes.byref, self._packed),
                self._bias_address,
                inputs,
                address(x),
                inputs,
                address(y),
                rows,
                len(x),
            )
        )
        return y


class _Recurrence:
    def __init__(self, library: Any, direction: Direction, threads: int) -> None:
        self._direction, self._threads = direction, threads
        self._hidden, self._inputs = direction.hidden, direction.inputs.shape[1]
        self._biases = [
            _with_margin(direction.input_bias),
            _with_margin(direction.recurrent_bias),
        ]
        self._lanes = library.block_sparse_lanes()
        self._function = library.block_sparse_recur
        self._strips: dict[str, Strips] = {}
        # Few frames of few utterances, as in a stream, are multiplied one by one.
        self._few, self._many = self._layer(), self._layer()
        self._references = ctypes.byref(self._many), ctypes.byref(self._few)
        self._ready: set[tuple[bool, tuple[str, ...]]] = set()
        self._whole = (0, 0, *_addressed(np.empty(0, np.int64)))
        self._lock = Lock()

    def _layer(self) -> LayerStruct:
        direction = self._direction
        return LayerStruct(
            input_bias=self._biases[0].ctypes.data,
            recurrent_bias=self._biases[1].ctypes.data,
            cell=_CELLS[direction.cell],
            gates=GATES[direction.cell],
            hidden=self._hidden,
            inputs=self._inputs,
            reverse=direction.reverse,
        )

    def _pack(self, few: bool, names: tuple[str, ...]) -> None:
        """Pack what the layer for few or many lacks; other threads may be running it."""
        layer = self._few if few else self._many
        with self._lock:
            for name in names:
                if getattr(layer, name).weights:
                    continue
                if name not in self._strips:
                    side, form = name.split("_")
                    direction = self._direction
                    matrix = direction.inputs if side == "input" else direction.recurrent
                    self._strips[name] = (
                        pack_panel(matrix) if form == "panel" else pack_lanes(matrix, self._lanes)
                    )
                setattr(layer, name, _packed(self._strips[name]))
            self._ready.add((few, names))

    def _all(self, frames: int, batch: int) -> tuple[NDArray[np.int64], int]:
        """The lengths of utterances that are all whole; a stream asks for the same ones again."""
        whole = self._whole
        if whole[0] != frames or whole[1] != batch:
            self._whole = whole = frames, batch, *_addressed(np.full(batch, frames, np.int64))
        return whole[2:]

    def __call__(
        self,
        x: NDArray,
        lengths: NDArray | None = None,
        state: NDArray | None = None,
        cell: NDArray | None = None,
    ) -> NDArray[np.float32]:
        if x.ndim != 3 or x.shape[2] != self._inputs:
            _require_shape("x", x.shape, ("T", "B", self._inputs))
        x = np.ascontiguousarray(x, np.float32)
        frames, batch, _ = x.shape
        if lengths is None:
            counts = self._all(frames, batch)
        else:
            counts = _addressed(_counts(lengths, frames, batch))
        if state is not None:
            _require_state("state", state, (batch, self._hidden))
        if cell is not None:
            _require_state("cell", cell, (batch, self._hidden))
        few = frames <= 4 and batch <= 4
        packings = few, _packings(few, batch)
        if packings not in self._ready:
            self._pack(*packings)
        y = (np.empty if lengths is None else np.zeros)((frames, batch, self._hidden), np.float32)
        _check(
            self._function(
                self._references[few],
                address(x),
                address(y),
                counts[1],
                batch,
                self._threads,
                None if state is None else address(state),
                None if cell is None else address(cell),
            )
        )
        return y


class _Convolution:
    def __init__(self, library: Any, weights: ConvolutionWeights) -> None:
        self._function, self._weights = library.block_sparse_convolve, weights
        matrix = weights.weight.reshape(len(weights.weight), -1)
        # The addresses hold as long as the arrays are kept.
        self._strips = pack_panel(BlockSparseMatrix.whole(matrix))
        self._bias = _with_margin(weights.bias)
        _, channels, tall, wide = weights.weight.shape
        self._struct = ConvolutionStruct(
            panel=_packed(self._strips),
            bias=address(self._bias),
            channels=channels,
            tall=tall,
            wide=wide,
            row_stride=weights.stride[0],
            time_stride=weights.stride[1],
            clip=CLIP,
        )

    def __call__(self, x: NDArray) -> NDArray[np.float32]:
        outputs, channels, _, _ = self._weights.weight.shape
        _require_shape("x", x.shape, (channels, "F", "T"))
        x, pitch = _with_pitch(x)
        rows, frames = (self._weights.output(x.shape[axis], axis - 1) for axis in (1, 2))
        whole = -(-frames // 32) * 32
        y = np.empty((outputs, rows, whole), np.float32)
        _check(
            self._function(
                ctypes.byref(self._struct), address(x), *x.shape[1:], pitch, address(y), whole
            )
        )
        return y[:, :, :frames]


def _packings(few: bool, batch: int) -> tuple[str, ...]:
    """What the kernel reads: one by one run the few, and what is left of a batch beyond 32s.

    Of five to eight that are left the kernel chooses, by the instruction set and the blocks.
    """
    if few:
        return "input_lanes", "recurrent_lanes"
    rest = ("recurrent_lanes",) if 0 < batch % 32 <= 8 else ()
    return ("input_panel", *rest, *(("recurrent_panel",) if batch > 4 else ()))


def _packed(strips: Strips) -> PackedStruct:
    """The addresses hold as long as `strips` is kept."""
    return PackedStruct(
        weights=strips.weights.ctypes.data,
        scales=None if strips.scales is None else strips.scales.ctypes.data,
        starts=strips.starts.ctypes.data,
        columns=strips.columns.ctypes.data,
        first_row=strips.first_row.ctypes.data,
        strips=len(strips.first_row),
        tile_rows=strips.tile_rows,
        tile_columns=strips.tile_columns,
        tiles=strips.tiles,
        weight_type=_WEIGHT_TYPES[strips.weights.dtype],
        rows=strips.rows,
        reach=strips.reach,
    )


def _with_pitch(x: NDArray) -> tuple[NDArray[np.float32], int]:
    """(C, F, T) in float32 with the distance of its rows; what a convolution left is not copied."""
    x = np.require(x, np.float32, ["ALIGNED"])
    _, rows, frames = x.shape
    size = x.itemsize
    pitch = x.strides[1] // size
    if pitch >= frames and x.strides == (rows * pitch * size, pitch * size, size):
        return x, pitch
    return np.ascontiguousarray(x), frames


def _with_margin(bias: NDArray) -> NDArray[np.float32]:
    return np.append(np.asarray(bias, np.float32), np.zeros(_MARGIN, np.float32))


def _check(code: int) -> None:
    if code:
        raise MemoryError("no memory for a layer's intermediate values")


def _addressed(counts: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    return counts, address(counts)


def _counts(lengths: NDArray, frames: int, batch: int) -> NDArray[np.int64]:
    counts = np.ascontiguousarray(lengths, np.int64)
    _require_shape("lengths", counts.shape, (batch,))
    if batch and not 0 <= counts.min() <= counts.max() <= frames:
        raise InputError(
            "lengths",
            expected=f"from 0 to the {frames} frames given",
            got=f"{counts.min()} to {counts.max()}",
            remedy="Pass the number of real frames of each utterance.",
        )
    return counts


def _require_state(name: str, values: NDArray, shape: tuple[int, int]) -> None:
    if values.shape != shape:
        _require_shape(name, values.shape, shape)
    if values.dtype != np.float32 or not values.flags.carray:
        raise InputError(
            name,
            expected="a contiguous, aligned and writeable float32 array, to be overwritten",
            got=f"{values.dtype}, strides {values.strides}, writeable: {values.flags.writeable}",
            remedy="Make it with numpy.zeros((B, H), numpy.float32).",
        )


def _require_shape(name: str, shape: tuple[int, ...], expected: tuple[Any, ...]) -> None:
    fits = len(shape) == len(expected) and all(
        isinstance(size, str) or size == given for size, given in zip(expected, shape, strict=True)
    )
    if not fits:
        raise InputError(
            name,
            expected=f"an array of shape {expected}",
            got=str(shape),
            remedy="Use the features and layers that belong to the model.",
        )
