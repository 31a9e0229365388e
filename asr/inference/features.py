"""The training features in numpy: resampling, frames, log energies, normalisation."""

from dataclasses import dataclass, field
from math import gcd

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from asr.errors import InputError
from asr.features.mel import ENERGY_FLOOR, mel_filters
from asr.features.sinc import resampled_samples, sinc_filters

_TAPS = 1 << 16  # of resampled samples made at once, so that they stay in the cache
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
            and all(type(size) is int for size in (*sizes, self.fft_size))
            and all(type(limit) in (int, float) for limit in (self.low_hz, self.high_hz))
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


@dataclass(frozen=True)
class Resampler:
    """Filters between two rates, in lowest terms; a row is `target` samples.

    Sample j of row i is filter j on the taps from sample i * original + firsts[j] - width on.

    Args:
        filters: (target, taps) float64, without the zeros around them.
        firsts: (target,) the first tap of each.
        width: zeros before the first sample.
    """

    original: int
    target: int
    width: int
    filters: NDArray
    firsts: NDArray

    @classmethod
    def between(cls, original: int, target: int) -> "Resampler":
        """From `original` to `target`, in lowest terms."""
        filters, width = sinc_filters(original, target)
        used = filters != 0
        firsts = used.argmax(1)
        taps = int((filters.shape[1] - used[:, ::-1].argmax(1) - firsts).max())
        firsts = np.minimum(firsts, filters.shape[1] - taps)
        short = np.take_along_axis(filters, firsts[:, None] + np.arange(taps), 1)
        return cls(original, target, width, short.astype(np.float64), firsts)

    @property
    def reach(self) -> int:
        """Samples that a row is made of."""
        return 2 * self.width + self.original

    def rows(self, padded: NDArray, count: int) -> NDArray[np.float32]:
        """So many rows, from samples that begin `width` before: `(count * target,)`.

        Summed in float64 and rounded once, as training does: the order of a sum in float32 would
        show in the bins that a lower rate leaves empty.
        """
        taps = sliding_window_view(padded.astype(np.float64), self.filters.shape[1])
        resampled = np.empty((count, self.target), np.float32)
        step = max(_TAPS // self.filters.size, 1)
        for first in range(0, count, step):
            rows = np.arange(first, min(first + step, count))
            seen = taps[rows[:, None] * self.original + self.firsts]
            # Not by BLAS, whose threads spin.
            resampled[rows] = np.einsum("ijk,jk->ij", seen, self.filters)
        return resampled.reshape(-1)


@dataclass
class FeatureExtractor:
    """Samples to normalised features, in numpy whatever the engine."""

    settings: FeatureSettings
    _hann: NDArray = field(init=False)
    # Bins of the FFT under each band, one band after the other; their weights; where bands begin.
    _within: NDArray = field(init=False)
    _weights: NDArray = field(init=False)
    _starts: NDArray = field(init=False)
    _resamplers: dict[int, Resampler] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        settings = self.settings
        self._hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(settings.window) / settings.window)
        filters = np.eye(settings.bins)
        if settings.kind == "log_mel":
            filters = mel_filters(
                settings.fft_size,
                settings.sample_rate,
                settings.bins,
                settings.low_hz,
                settings.high_hz,
            )
        # A band too narrow for any bin keeps one, at weight zero.
        used = [np.flatnonzero(band) if band.any() else np.zeros(1, int) for band in filters.T]
        weights = [band[bins] for band, bins in zip(filters.T, used, strict=True)]
        self._within, self._weights = np.concatenate(used), np.concatenate(weights)
        self._starts = np.cumsum([0, *map(len, used[:-1])])

    def __call__(self, samples: NDArray, rate: int) -> NDArray[np.float32]:
        """Samples `(N,)` at `rate` Hz to features `(F, T)`."""
        waveform = self.resample(checked_samples(samples), rate)
        return self.features(waveform)

    def features(self, waveform: NDArray) -> NDArray[np.float32]:
        """Samples at the model's rate to normalised features `(F, T)`."""
        settings = self.settings
        if len(waveform) < settings.window:
            waveform = np.pad(waveform, (0, settings.window - len(waveform)))
        framed = sliding_window_view(waveform, settings.window)[:: settings.hop]
        logs = np.empty((settings.bins, len(framed)), np.float32)
        for first in range(0, len(framed), _BLOCK):
            block = framed[first : first + _BLOCK]
            logs[:, first : first + _BLOCK] = self.of_frames(block).T
        return logs

    def of_frames(self, framed: NDArray) -> NDArray[np.float32]:
        """Windows of samples `(T, window)` to normalised features, `(T, F)`."""
        spectrum = np.fft.rfft(framed.astype(np.float64) * self._hann, self.settings.fft_size)
        power = np.square(spectrum.real) + np.square(spectrum.imag)  # (T, fft_size // 2 + 1)
        logs = np.log(self._energies(power) + ENERGY_FLOOR).astype(np.float32)
        logs -= self.settings.mean
        logs /= self.settings.deviation
        return logs

    def _energies(self, power: NDArray) -> NDArray:
        """Power `(T, fft_size // 2 + 1)` to energies `(T, F)`; a matrix product starts threads."""
        weighted = power[:, self._within]
        weighted *= self._weights
        return np.add.reduceat(weighted, self._starts, axis=1)

    def resample(self, waveform: NDArray, rate: int) -> NDArray[np.float32]:
        """Samples at `rate` Hz to the model's rate, as training resamples."""
        resampler = self.resampler(rate)
        if resampler is None:
            return waveform
        original, target, width = resampler.original, resampler.target, resampler.width
        padded = np.pad(waveform, (width, width + original))
        resampled = resampler.rows(padded, len(waveform) // original + 1)
        return resampled[: resampled_samples(len(waveform), original, target)]

    def resampler(self, rate: int) -> Resampler | None:
        """From `rate` Hz to the model's rate; None where they are the same.

        Raises:
            InputError: no rate, or the common divisor of the two is so small that the filters
                fill the memory.
        """
        if not isinstance(rate, int | np.integer) or isinstance(rate, bool) or rate < 1:
            raise InputError(
                "sample rate",
                expected="a whole number of Hz above 0",
                got=repr(rate),
                remedy="Pass the rate at which the samples were recorded, such as 16000.",
            )
        wanted = self.settings.sample_rate
        if rate == wanted:
            return None
        if rate not in self._resamplers:
            divisor = gcd(rate, wanted)
            original, target = rate // divisor, wanted // divisor
            if original * target > _LARGEST_FILTERS:
                raise InputError(
                    "resampling",
                    expected="sample rates with a large common divisor",
                    got=f"{rate} to {wanted} Hz",
                    remedy="Convert the audio to the model's sample rate beforehand.",
                )
            self._resamplers[rate] = Resampler.between(original, target)
        return self._resamplers[rate]


def checked_samples(samples: NDArray) -> NDArray[np.float32]:
    """The samples in float32.

    Raises:
        InputError: integers, several channels, or what is not finite.
    """
    samples = np.asarray(samples)
    if samples.ndim != 1 or samples.dtype.kind != "f":
        raise InputError(
            "samples",
            expected="a one-dimensional array of floats, nominally within [-1, 1]",
            got=f"{samples.dtype} of shape {samples.shape}",
            remedy="Take the mean over the channels, and divide 16-bit integers by 32768.",
        )
    samples = samples.astype(np.float32, copy=False)
    if not np.isfinite(samples).all():
        raise InputError(
            "samples",
            expected="finite samples",
            got=f"{int((~np.isfinite(samples)).sum())} that are NaN or infinite",
            remedy="Find out where they come from; every label would depend on them.",
        )
    return samples
