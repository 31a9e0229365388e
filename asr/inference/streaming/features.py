"""Samples to features as they come: the same resampled samples and frames as of the whole."""

import numpy as np
from numpy.typing import NDArray

from asr.features.sinc import resampled_samples
from asr.inference.features import FeatureExtractor, Resampler
from asr.inference.streaming.tail import Tail


class StreamingResampler:
    """A sample comes out as soon as all that its filter reaches have come in."""

    def __init__(self, resampler: Resampler) -> None:
        self._filters, self._apply = resampler.filters, resampler.apply
        self.width = self._filters.width
        # Begins `width` before the first sample of the row that the next output is in.
        self.tail = Tail(self.width)
        self._received = self._sent = 0

    def __call__(self, samples: NDArray, last: bool) -> NDArray[np.float32]:
        """`(N,)` to the samples that follow from them, beyond the end zeros."""
        each = self._filters
        self._received += len(samples)
        self.tail.append(samples)
        if last:
            ready = resampled_samples(self._received, each.original, each.target)
        else:
            # Output n reaches to sample floor(n * original / target) + width.
            known = max(self._received - each.width, 0)
            ready = resampled_samples(known, each.original, each.target)
        if ready == self._sent:
            return np.empty(0, np.float32)
        first = self._sent // each.target
        rows = -(-ready // each.target) - first
        seen = self.tail.rows
        # The taps of a row not yet complete; those of its outputs that go out do not reach them.
        missing = (rows - 1) * each.original + each.reach - len(seen)
        if missing > 0:
            seen = np.concatenate([seen, np.zeros(missing, np.float32)])
        phases = self._apply(seen, rows)
        resampled = phases[self._sent - first * each.target : ready - first * each.target]
        self._sent = ready
        self.tail.drop((ready // each.target - first) * each.original)
        return resampled


class StreamingFeatures:
    """Samples at one rate to normalised features."""

    def __init__(self, extractor: FeatureExtractor, rate: int) -> None:
        self._extractor = extractor
        resampler = extractor.resampler(rate)
        self.resampling = None if resampler is None else StreamingResampler(resampler)
        self.tail = Tail(0)
        self._sent = 0

    def __call__(self, samples: NDArray, last: bool) -> NDArray[np.float32]:
        """`(N,)` to the features of every window that they complete, `(T, F)`."""
        if self.resampling is not None:
            samples = self.resampling(samples, last)
        window, hop = self._extractor.settings.window, self._extractor.settings.hop
        self.tail.append(samples)
        if last and not self._sent and len(self.tail) < window:
            self.tail.append(np.zeros(window - len(self.tail), np.float32))  # one frame at least
        frames = max((len(self.tail) - window) // hop + 1, 0)
        if not frames:
            return np.empty((0, self._extractor.settings.bins), np.float32)
        features = self._extractor.log_energies(self.tail.rows, frames).T
        self.tail.drop(frames * hop)
        self._sent += frames
        return features
