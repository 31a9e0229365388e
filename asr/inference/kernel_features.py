"""Resampling and log energies by the compiled kernel."""

import ctypes
from itertools import chain, count
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.features.mel import ENERGY_FLOOR
from asr.inference.feature_settings import FeatureSettings
from asr.inference.library import BandsStruct, address
from asr.inference.resampling import ResamplingFilters

_LARGEST_FACTOR = 13  # the work of a prime factor grows with its square


def transformable(fft_size: int) -> bool:
    """Whether the kernel has a fast transform of this size."""
    return max(_factors(fft_size)) <= _LARGEST_FACTOR


class KernelResampling:
    """`Resampling` of asr.inference.layers."""

    def __init__(self, library: Any, filters: ResamplingFilters) -> None:
        self._function = library.features_resample
        self._original, self._target = filters.original, filters.target
        # The addresses hold as long as the arrays are kept.
        self._filters = np.ascontiguousarray(filters.filters, np.float64)
        self._firsts = np.ascontiguousarray(filters.firsts, np.int64)
        taps = self._filters.shape[1]
        self._reach = int(self._firsts.max()) + taps  # of a row's last filter
        tables = (address(self._filters), address(self._firsts))
        self._arguments = (*tables, self._target, taps, self._original)

    def __call__(self, padded: NDArray, rows: int) -> NDArray[np.float32]:
        padded = np.ascontiguousarray(padded, np.float32)
        assert rows >= 1
        assert (rows - 1) * self._original + self._reach <= len(padded)
        resampled = np.empty(rows * self._target, np.float32)
        self._function(*self._arguments, address(padded), rows, address(resampled))
        return resampled


class KernelLogEnergies:
    """`LogEnergies` of asr.inference.layers, where the transform's size is `transformable`."""

    def __init__(self, library: Any, settings: FeatureSettings) -> None:
        self._function, self._settings = library.features_log_energies, settings
        size, bands = settings.fft_size, settings.bands()
        # An even transform is a complex one of half the size.
        factors = _factors(size // 2 if size % 2 == 0 else size)
        # The addresses hold as long as the arrays are kept.
        self._arrays: dict[str, NDArray] = {
            "window": settings.hann(),
            "roots": np.exp(-2j * np.pi * np.arange(size) / size),
            "factors": np.array(factors, np.int32),
            "first": bands.first.astype(np.int32),
            "starts": bands.starts.astype(np.int32),
            "weights": np.ascontiguousarray(bands.weights, np.float64),
            "mean": np.ascontiguousarray(settings.mean, np.float32),
            "deviation": np.ascontiguousarray(settings.deviation, np.float32),
        }
        self._struct = BandsStruct(
            **{name: address(array) for name, array in self._arrays.items()},
            window_size=settings.window,
            hop=settings.hop,
            fft_size=size,
            bands=settings.bins,
            largest_factor=max(factors),
            floor=ENERGY_FLOOR,
        )

    def __call__(self, waveform: NDArray, frames: int) -> NDArray[np.float32]:
        waveform = np.ascontiguousarray(waveform, np.float32)
        assert frames >= 1
        assert (frames - 1) * self._settings.hop + self._settings.window <= len(waveform)
        logs = np.empty((self._settings.bins, frames), np.float32)
        struct, source = ctypes.byref(self._struct), address(waveform)
        if self._function(struct, source, frames, address(logs)):
            raise MemoryError("no memory for the spectra of a few frames")
        return logs


def _factors(size: int) -> list[int]:
    """Fours, then primes, whose product is `size`; a one for 1."""
    factors: list[int] = []
    for divisor in chain([4], count(2)):
        while size % divisor == 0:
            factors.append(divisor)
            size //= divisor
        if size == 1:
            return factors or [1]
    raise AssertionError("a size of 1 or more ends there")
