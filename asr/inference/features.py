"""The training features in numpy: resampling, frames, log energies, normalisation."""

from dataclasses import dataclass, field
from math import gcd

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from asr.errors import InputError
from asr.features.mel import ENERGY_FLOOR, mel_filters
from asr.features.sinc import resampled_samples, sinc_filters
from asr.inference.block_sparse_matrix import BlockSparseMatrix
from asr.inference.layers import Engine, Product

_BLOCK = 128  # frames transformed at once, so that they stay in the cache
# Numbers in a table of filters: 15,999 to 16,000 Hz would need gigabytes.
_LARGEST_FILTERS = 50_000_000


@dataclass(frozen=True)
class FeatureSettings:
    """Settings and statistics of `asr.features`, by the same names.

    Args:
        kind: `log_mel` or `spectrogram`; the latter has no band limits.
        mean, deviation: (bins,) float32, of the training set.
    """

    kind: str
    sample_rate: int
    window: int
    hop: int
    fft_size: int
    bins: int
    low_hz: float
    high_hz: float
    mean: NDArray
    deviation: NDArray

    def __post_init__(self) -> None:
        sizes = (self.sample_rate, self.window, self.hop, self.bins)
        shapes = (self.mean.shape, self.deviation.shape)
        legal = (
            self.kind in ("log_mel", "spectrogram")
            and 1 <= min(sizes) <= max(sizes) < 2**20
            and self.hop <= self.window <= self.fft_size < 2**20
            and shapes == ((self.bins,), (self.bins,))
            and (self.kind == "log_mel" or self.bins == self.fft_size // 2 + 1)
            and (self.kind != "log_mel" or 0 <= self.low_hz < self.high_hz <= self.sample_rate / 2)
            and bool((self.deviation > 0).all())
        )
        if not legal:
            raise InputError(
                "feature settings",
                expected="a kind, sizes, bands and statistics that fit together",
                got=f"{self.kind}, {self.bins} bins, an FFT of {self.fft_size}",
                remedy="The file is damaged: export again.",
            )

    def frames(self, samples: int) -> int:
        """Number of frames of so many samples, at least one."""
        return 1 + max(samples - self.window, 0) // self.hop


@dataclass
class FeatureExtractor:
    """Samples to normalised features, resampled by products of `engine`."""

    settings: FeatureSettings
    engine: Engine
    _bands: list[tuple[slice, NDArray]] = field(init=False)
    _hann: NDArray = field(init=False)
    _resamplers: dict[int, tuple[Product, int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        settings = self.settings
        self._hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(settings.window) / settings.window)
        self._bands = []
        if settings.kind == "log_mel":
            filters = mel_filters(
                settings.fft_size,
                settings.sample_rate,
                settings.bins,
                settings.low_hz,
                settings.high_hz,
            )
            for band in filters.T:
                used = np.flatnonzero(band)
                held = slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 1)
                self._bands.append((held, band[held]))

    def __call__(self, samples: NDArray, rate: int) -> NDArray[np.float32]:
        """Samples `(N,)` at `rate` Hz to features `(F, T)`."""
        waveform = self.resample(np.asarray(samples, np.float32), rate)
        return self.features(waveform)

    def features(self, waveform: NDArray) -> NDArray[np.float32]:
        """Samples at the model's rate to normalised features `(F, T)`."""
        settings = self.settings
        if len(waveform) < settings.window:
            waveform = np.pad(waveform, (0, settings.window - len(waveform)))
        framed = sliding_window_view(waveform, settings.window)[:: settings.hop]
        logs = np.empty((settings.bins, len(framed)), np.float32)
        for first in range(0, len(framed), _BLOCK):
            block = framed[first : first + _BLOCK].astype(np.float64) * self._hann
            spectrum = np.fft.rfft(block, settings.fft_size)
            power = np.square(spectrum.real) + np.square(spectrum.imag)  # (T, fft_size // 2 + 1)
            energies = self._energies(power.T)
            logs[:, first : first + _BLOCK] = np.log(energies + ENERGY_FLOOR)
        logs -= settings.mean[:, None]
        logs /= settings.deviation[:, None]
        return logs

    def _energies(self, power: NDArray) -> NDArray:
        """Power `(fft_size // 2 + 1, T)` to energies `(F, T)`; einsum starts no threads."""
        if not self._bands:
            return power
        power = np.ascontiguousarray(power)
        return np.stack([np.einsum("ft,f->t", power[held], band) for held, band in self._bands])

    def resample(self, waveform: NDArray, rate: int) -> NDArray[np.float32]:
        """Samples at `rate` Hz to the model's rate, as training resamples."""
        wanted = self.settings.sample_rate
        if rate == wanted:
            return waveform
        divisor = gcd(rate, wanted)
        original, target = rate // divisor, wanted // divisor
        if rate not in self._resamplers:
            if original * target > _LARGEST_FILTERS:
                raise InputError(
                    "resampling",
                    expected="sample rates with a large common divisor",
                    got=f"{rate} to {wanted} Hz",
                    remedy="Convert the audio to the model's sample rate beforehand.",
                )
            filters, width = sinc_filters(original, target)
            matrix = BlockSparseMatrix.from_dense(filters, (8, 16))
            self._resamplers[rate] = self.engine.product(matrix), width
        product, width = self._resamplers[rate]
        rows = len(waveform) // original + 1
        padded = np.pad(waveform, (width, width + original))
        seen = sliding_window_view(padded, 2 * width + original)[::original][:rows]
        phases = product(seen)
        return phases.reshape(-1)[: resampled_samples(len(waveform), original, target)]
