"""The compiled libraries: where they are, which this processor runs, and their C interface."""

import ctypes
import sys
import warnings
from ctypes import POINTER, addressof, c_char, c_double, c_float, c_int32, c_int64, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from asr.errors import InputError

# From the least to the most that a processor may have; the number is what
# `block_sparse_processor` answers.
INSTRUCTION_SETS = ("portable", "avx2", "avx512")
_NOTHING = c_char * 0  # of any array's start


class PackedStruct(ctypes.Structure):
    """`Packed` of core/block_sparse.cpp."""

    _fields_ = (
        *((name, c_void_p) for name in ("weights", "scales", "starts", "columns", "first_row")),
        *((name, c_int32) for name in ("strips", "tile_rows", "tile_columns", "tiles")),
        *((name, c_int32) for name in ("weight_type", "rows", "reach")),
    )


class LayerStruct(ctypes.Structure):
    """`Layer` of core/block_sparse.cpp."""

    _fields_ = (
        *(
            (name, PackedStruct)
            for name in ("input_panel", "input_lanes", "recurrent_panel", "recurrent_lanes")
        ),
        ("input_bias", c_void_p),
        ("recurrent_bias", c_void_p),
        *((name, c_int32) for name in ("cell", "gates", "hidden", "inputs", "reverse")),
    )


class ConvolutionStruct(ctypes.Structure):
    """`Convolution` of core/block_sparse.cpp."""

    _fields_ = (
        ("panel", PackedStruct),
        ("bias", c_void_p),
        *((name, c_int32) for name in ("channels", "tall", "wide", "row_stride", "time_stride")),
        ("clip", c_float),
    )


class BandsStruct(ctypes.Structure):
    """`Bands` of core/features.cpp."""

    _fields_ = (
        *(
            (name, c_void_p)
            for name in (
                *("window", "roots", "factors", "first", "starts"),
                *("weights", "mean", "deviation"),
            )
        ),
        *((name, c_int64) for name in ("window_size", "hop", "fft_size", "bands")),
        ("largest_factor", c_int64),
        ("floor", c_double),
    )


def available() -> tuple[str, ...]:
    """Instruction sets that were built and that this processor has, the fastest first."""
    portable = open_library("portable")
    if portable is None:
        return ()
    has = portable.block_sparse_processor()
    found = [name for name in INSTRUCTION_SETS[: has + 1] if open_library(name) is not None]
    return tuple(reversed(found))


@cache
def open_library(instruction_set: str) -> Any:
    """The library, or None where it was not built or cannot be loaded."""
    path = library_path(instruction_set)
    if not path.is_file():
        return None
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:  # built for another machine, or damaged
        warnings.warn(
            f"{path} cannot be loaded ({error}). Install again: pip install -e . rebuilds it.",
            RuntimeWarning,
            stacklevel=2,
        )
        return None
    structs = (
        ("block_sparse_packed_size", PackedStruct),
        ("block_sparse_layer_size", LayerStruct),
        ("block_sparse_convolution_size", ConvolutionStruct),
        ("features_bands_size", BandsStruct),
    )
    # A function that is not there is an older version's library.
    sizes = [getattr(library, name, lambda: 0)() for name, _ in structs]
    if sizes != [ctypes.sizeof(struct) for _, struct in structs]:
        raise InputError(
            str(path),
            expected="the library that belongs to this version",
            got="another",
            remedy="Install again: pip install -e . rebuilds it.",
        )
    pointer = c_void_p
    library.block_sparse_multiply.argtypes = (
        *(POINTER(PackedStruct), POINTER(PackedStruct), pointer, c_int32),
        *(pointer, c_int64, pointer, c_int64, c_int64),
    )
    library.block_sparse_convolve.argtypes = (
        *(POINTER(ConvolutionStruct), pointer, c_int64, c_int64, c_int64),
        *(pointer, c_int64),
    )
    library.block_sparse_recur.argtypes = (
        *(POINTER(LayerStruct), pointer, pointer, pointer),
        *(c_int32, c_int32, pointer, pointer),
    )
    library.features_resample.argtypes = (
        *(pointer, pointer, c_int64, c_int64, c_int64),
        *(pointer, c_int64, pointer),
    )
    library.features_log_energies.argtypes = (POINTER(BandsStruct), pointer, c_int64, pointer)
    return library


def library_path(instruction_set: str) -> Path:
    """Where the build puts a library."""
    suffix = "dll" if sys.platform == "win32" else "so"
    return Path(__file__).parent / "core" / f"block_sparse_{instruction_set}.{suffix}"


def address(values: NDArray) -> int:
    """Of the array's first value."""
    # A fourth of the time that the interface takes, which a short stream's step feels.
    buffer: Any = values  # before Python 3.12 types do not say that an array is a buffer
    try:
        return addressof(_NOTHING.from_buffer(buffer))
    except (TypeError, ValueError):  # read-only, or with gaps
        first: int = values.__array_interface__["data"][0]
        return first
