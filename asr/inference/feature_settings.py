"""What a model's features are: sizes, bands of the spectrum, normalisation."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.errors import InputError
from asr.features.mel import mel_filters

_LARGEST_FFT = 1 << 14
_LARGEST_TABLE = 1 << 22  # points of the FFT times bands: of mel filters
_MOST_OVERLAP = 1 << 10  # points of the FFT a sample


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
            and all(type(size) is int for size in (*sizes, self.fft_size))
            and all(type(limit) in (int, float) for limit in (self.low_hz, self.high_hz))
            and 1 <= min(sizes) <= max(sizes) < 2**20
            and self.hop <= self.window <= self.fft_size <= _LARGEST_FFT
            and self.fft_size <= _MOST_OVERLAP * self.hop
            and shapes == ((self.bins,), (self.bins,))
            and (self.kind == "log_mel" or self.bins == self.fft_size // 2 + 1)
            and (self.kind != "log_mel" or self.fft_size * self.bins <= _LARGEST_TABLE)
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

    def hann(self) -> NDArray[np.float64]:
        """The periodic Hann window, `(window,)`."""
        return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.window) / self.window)

    def bands(self) -> "Bands":
        """Which bins of the spectrum make up each feature.

        Raises:
            InputError: band limits so close that a weight is not finite.
        """
        if self.kind == "spectrogram":
            return Bands(np.arange(self.bins), np.arange(self.bins + 1), np.ones(self.bins))
        with np.errstate(all="ignore"):
            filters = mel_filters(
                self.fft_size, self.sample_rate, self.bins, self.low_hz, self.high_hz
            )
        if not np.isfinite(filters).all():
            raise InputError(
                "feature settings",
                expected="bands that are apart",
                got=f"{self.bins} from {self.low_hz:g} to {self.high_hz:g} Hz",
                remedy="The file is damaged: export again.",
            )
        # A band too narrow for any bin keeps one, at weight zero.
        used = [np.flatnonzero(band) if band.any() else np.zeros(1, int) for band in filters.T]
        weights = [band[bins] for band, bins in zip(filters.T, used, strict=True)]
        starts = np.cumsum([0, *map(len, used)])
        return Bands(np.array([bins[0] for bins in used]), starts, np.concatenate(weights))


@dataclass(frozen=True)
class Bands:
    """Neighbouring bins of the spectrum, weighted and added.

    Band f is the bins from first[f] on at weights[starts[f] : starts[f + 1]].

    Args:
        first: (F,)
        starts: (F + 1,)
        weights: (starts[F],) float64.
    """

    first: NDArray
    starts: NDArray
    weights: NDArray
