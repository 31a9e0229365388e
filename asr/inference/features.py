"""Samples to the training features: resampling, frames, log energies, normalisation."""

from dataclasses import dataclass, field
from math import gcd

import numpy as np
from numpy.typing import NDArray

from asr.errors import InputError
from asr.features.sinc import resampled_samples
from asr.inference.feature_settings import FeatureSettings
from asr.inference.layers import Engine, LogEnergies, Resampling
from asr.inference.resampling import ResamplingFilters

# Numbers in a table of filters: 15,999 to 16,000 Hz would need gigabytes.
_LARGEST_FILTERS = 50_000_000


@dataclass
class Resampler:
    """From one rate to the model's.

    Args:
        filters: between the two.
        apply: rows of samples through them.
    """

    filters: ResamplingFilters
    apply: Resampling

    def __call__(self, waveform: NDArray) -> NDArray[np.float32]:
        """All samples `(N,)` to all that come of them."""
        each = self.filters
        padded = np.pad(waveform, (each.width, each.width + each.original))
        resampled = self.apply(padded, len(waveform) // each.original + 1)
        return resampled[: resampled_samples(len(waveform), each.original, each.target)]


@dataclass
class FeatureExtractor:
    """Samples to normalised features.

    Args:
        settings: of the model.
        engine: what computes them.

    Attributes:
        log_energies: samples at the model's rate, and a number of frames, to features.
    """

    settings: FeatureSettings
    engine: Engine
    log_energies: LogEnergies = field(init=False)
    _resamplers: dict[int, Resampler] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.log_energies = self.engine.log_energies(self.settings)

    def __call__(self, samples: NDArray, rate: int) -> NDArray[np.float32]:
        """Samples `(N,)` at `rate` Hz to features `(F, T)`."""
        return self.features(self.resample(checked_samples(samples), rate))

    def features(self, waveform: NDArray) -> NDArray[np.float32]:
        """Samples at the model's rate to normalised features `(F, T)`."""
        frames = self.settings.frames(len(waveform))
        if len(waveform) < self.settings.window:
            waveform = np.pad(waveform, (0, self.settings.window - len(waveform)))
        return self.log_energies(waveform, frames)

    def resample(self, waveform: NDArray, rate: int) -> NDArray[np.float32]:
        """Samples at `rate` Hz to the model's rate, as training resamples."""
        resampler = self.resampler(rate)
        return waveform if resampler is None else resampler(waveform)

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
        # Of numpy's integers, 32 bits hold the samples of five minutes times the rate's factor.
        rate, wanted = int(rate), self.settings.sample_rate
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
            filters = ResamplingFilters.between(original, target)
            self._resamplers[rate] = Resampler(filters, self.engine.resampling(filters))
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
