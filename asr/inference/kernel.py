"""The compiled kernel: which library this processor runs, and calls into it."""

import ctypes
import sys
from ctypes import POINTER, c_float, c_int32, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.errors import InputError
from asr.inference.block_sparse_matrix import BlockSparseMatrix
from asr.inference.layers import CLIP, GATES, ConvolutionWeights, Direction
from asr.inference.packing import Strips, pack_lanes, pack_panel

# From the least to the most that a processor may have; the number is what
# `block_sparse_processor` answers.
INSTRUCTION_SETS = ("portable", "avx2", "avx512")

_MARGIN = 64  # floats that the kernel may read behind a bias
_WEIGHT_TYPES = {np.dtype(np.float32): 0, np.dtype(np.float16): 1, np.dtype(np.int8): 2}
_CELLS = {"gru": 0, "lstm": 1, "tanh": 2, "clipped_relu": 3}


class _Packed(ctypes.Structure):
    _fields_ = (
        *((name, c_void_p) for name in ("weights", "scales", "starts", "columns", "first_row")),
        *((name, c_int32) for name in ("strips", "tile_rows", "tile_columns", "tiles")),
        *((name, c_int32) for name in ("weight_type", "rows", "reach")),
    )


class _Layer(ctypes.Structure):
    _fields_ = (
        *(
            (name, _Packed)
            for name in ("input_panel", "input_lanes", "recurrent_panel", "recurrent_lanes")
        ),
        ("input_bias", c_void_p),
        ("recurrent_bias", c_void_p),
        *((name, c_int32) for name in ("cell", "gates", "hidden", "inputs")),
    )


def available() -> tuple[str, ...]:
    """Instruction sets that were built and that this processor has, the fastest first."""
    portable = _open("portable")
    if portable is None:
        return ()
    has = portable.block_sparse_processor()
    found = [name for name in INSTRUCTION_SETS[: has + 1] if _open(name) is not None]
    return tuple(reversed(found))


class Kernel:
    """The compiled kernel for one instruction set.

    Calls release the GIL. Weights are packed when they are first needed, for one vector or for
    many.

    Raises:
        InputError: it was not built, or the processor lacks it.
    """

    def __init__(self, instruction_set: str) -> None:
        library = _open(instruction_set) if instruction_set in available() else None
        if library is None:
            raise InputError(
                "kernel",
                expected=f"one of {', '.join(available()) or 'none, for none was built'}",
                got=instruction_set,
                remedy="Install again where there is a C++ compiler (g++ or clang++).",
            )
        self.name = instruction_set
        self._library = library

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
                x.ctypes.data,
                inputs,
                y.ctypes.data,
                rows,
                len(x),
            )
        )
        return y


class _Recurrence:
    def __init__(self, library: Any, direction: Direction, threads: int) -> None:
        self._library, self._direction, self._threads = library, direction, threads
        self._biases = [
            _with_margin(direction.input_bias),
            _with_margin(direction.recurrent_bias),
        ]
        self._lanes = library.block_sparse_lanes()
        self._strips: dict[str, Strips] = {}
        self._layer = _Layer(
            input_bias=self._biases[0].ctypes.data,
            recurrent_bias=self._biases[1].ctypes.data,
            cell=_CELLS[direction.cell],
            gates=GATES[direction.cell],
            hidden=direction.hidden,
            inputs=direction.inputs.shape[1],
        )
        self._function = library.block_sparse_recur
        self._reference = ctypes.byref(self._layer)

    def _pack(self, name: str) -> None:
        if name in self._strips:
            return
        side, form = name.split("_")
        matrix = self._direction.inputs if side == "input" else self._direction.recurrent
        strips = pack_panel(matrix) if form == "panel" else pack_lanes(matrix, self._lanes)
        setattr(self._layer, name, _packed(strips))
        self._strips[name] = strips

    def __call__(
        self,
        x: NDArray,
        lengths: NDArray | None = None,
        state: NDArray | None = None,
        cell: NDArray | None = None,
    ) -> NDArray[np.float32]:
        hidden = self._direction.hidden
        _require_shape("x", x.shape, ("T", "B", self._direction.inputs.shape[1]))
        x = np.ascontiguousarray(x, np.float32)
        frames, batch, inputs = x.shape
        counts = np.full(batch, frames) if lengths is None else np.asarray(lengths)
        counts = np.ascontiguousarray(counts, np.int64)
        _require_shape("lengths", counts.shape, (batch,))
        if batch and not 0 <= counts.min() <= counts.max() <= frames:
            raise InputError(
                "lengths",
                expected=f"from 0 to the {frames} frames given",
                got=f"{counts.min()} to {counts.max()}",
                remedy="Pass the number of real frames of each utterance.",
            )
        for name, values in (("state", state), ("cell", cell)):
            if values is not None:
                _require_shape(name, values.shape, (batch, hidden))
                if values.dtype != np.float32 or not values.flags.c_contiguous:
                    raise InputError(
                        name,
                        expected="a contiguous float32 array, to be overwritten",
                        got=f"{values.dtype}, strides {values.strides}",
                        remedy="Make it with numpy.zeros((B, H), numpy.float32).",
                    )
        alone = frames <= 4 and batch <= 4
        self._pack("input_lanes" if alone else "input_panel")
        # Up to four utterances (of the last 32) run one by one, in registers' lanes.
        rest = batch % 32
        if 0 < rest <= 4:
            self._pack("recurrent_lanes")
        if batch > 4:
            self._pack("recurrent_panel")
        if not alone:
            self._layer.input_lanes.weights = None
        elif self._layer.input_lanes.weights is None:
            self._layer.input_lanes.weights = self._strips["input_lanes"].weights.ctypes.data
        make = np.empty if lengths is None or (counts == frames).all() else np.zeros
        y = make((frames, batch, hidden), np.float32)
        _check(
            self._function(
                self._reference,
                x.ctypes.data,
                batch * inputs,
                inputs,
                y.ctypes.data,
                batch * hidden,
                hidden,
                counts.ctypes.data,
                batch,
                self._direction.reverse,
                self._threads,
                None if state is None else state.ctypes.data,
                None if cell is None else cell.ctypes.data,
            )
        )
        return y


class _Convolution:
    def __init__(self, library: Any, weights: ConvolutionWeights) -> None:
        self._library, self._weights = library, weights
        matrix = weights.weight.reshape(len(weights.weight), -1)
        self._strips = pack_panel(BlockSparseMatrix.whole(matrix))
        self._packed = _packed(self._strips)
        self._bias = _with_margin(weights.bias)

    def __call__(self, x: NDArray) -> NDArray[np.float32]:
        outputs, channels, tall, long = self._weights.weight.shape
        _require_shape("x", x.shape, (channels, "F", "T"))
        source = self._weights.phases(x)
        rows, frames = (self._weights.output(x.shape[axis], axis - 1) for axis in (1, 2))
        _, _, phases, length = source.shape
        channel, row, tap = np.meshgrid(*map(np.arange, (channels, tall, long)), indexing="ij")
        offsets = ((channel * source.shape[1] + row) * phases + tap % phases) * length
        offsets = (offsets + tap // phases).reshape(-1).astype(np.int64)
        # The last block of a matrix whose columns are no multiple of a block meets zero weights.
        offsets = np.append(offsets, np.zeros(self._strips.reach - len(offsets), np.int64))
        whole = -(-frames // 32) * 32
        y = np.empty((outputs, rows, whole), np.float32)
        _check(
            self._library.block_sparse_convolve(
                ctypes.byref(self._packed),
                self._bias.ctypes.data,
                offsets.ctypes.data,
                source.ctypes.data,
                self._weights.stride[0] * phases * length,
                y.ctypes.data,
                whole,
                rows,
                frames,
                CLIP,
            )
        )
        return y[:, :, :frames]


def _packed(strips: Strips) -> _Packed:
    """The addresses hold as long as `strips` is kept."""
    return _Packed(
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


def _with_margin(bias: NDArray) -> NDArray[np.float32]:
    return np.append(np.asarray(bias, np.float32), np.zeros(_MARGIN, np.float32))


def _check(code: int) -> None:
    if code:
        raise MemoryError("no memory for a layer's intermediate values")


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


@cache
def _open(instruction_set: str) -> Any:
    """The library, or None where it was not built."""
    path = library_path(instruction_set)
    if not path.is_file():
        return None
    library = ctypes.CDLL(str(path))
    sizes = (library.block_sparse_packed_size(), library.block_sparse_layer_size())
    if sizes != (ctypes.sizeof(_Packed), ctypes.sizeof(_Layer)):
        raise InputError(
            str(path),
            expected="the library that belongs to this version",
            got="another",
            remedy="Install again: pip install -e . rebuilds it.",
        )
    pointer = c_void_p
    library.block_sparse_multiply.argtypes = (
        *(POINTER(_Packed), POINTER(_Packed), pointer, c_int32),
        *(pointer, c_int64, pointer, c_int64, c_int64),
    )
    library.block_sparse_convolve.argtypes = (
        *(POINTER(_Packed), pointer, pointer, pointer, c_int64),
        *(pointer, c_int64, c_int64, c_int64, c_float),
    )
    library.block_sparse_recur.argtypes = (
        *(POINTER(_Layer), pointer, c_int64, c_int64, pointer, c_int64, c_int64),
        *(pointer, c_int32, c_int32, c_int32, pointer, pointer),
    )
    return library


def library_path(instruction_set: str) -> Path:
    """Where the build puts a library."""
    suffix = "dll" if sys.platform == "win32" else "so"
    return Path(__file__).parent / "core" / f"block_sparse_{instruction_set}.{suffix}"
