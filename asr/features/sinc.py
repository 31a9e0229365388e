"""Windowed-sinc resampling without torch: lengths, and torchaudio's filters in numpy."""

from math import ceil
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Count = TypeVar("Count", int, NDArray[np.int64])

_ZERO_CROSSINGS = 6  # of the sinc on each side, and
_ROLL_OFF = 0.99  # of the lower Nyquist frequency: torchaudio's defaults


def resampled_samples(samples: Count, original: int, target: int) -> Count:
    """Length after resampling: ceil(samples * target / original), in exact integers."""
    return -(-samples * target // original)


def sinc_filters(original: int, target: int) -> tuple[NDArray[np.float32], int]:
    """Filters `(target, taps)` for rates in lowest terms, and how many taps precede a sample.

    Output sample i * target + j is filter j on the taps from input sample i * original - width
    on. A sinc under a Hann window, cut off at 0.99 of the lower rate's half: the very
    numbers of `torchaudio.transforms.Resample`, which takes a second of torch to import.
    """
    cutoff = min(original, target) * _ROLL_OFF
    width = ceil(_ZERO_CROSSINGS * original / cutoff)
    taps = np.arange(-width, width + original) / original
    # Delays in single precision, as torchaudio has them; 44,100 to 16,000 Hz shows the difference.
    delays = (np.arange(target) / target).astype(np.float32)
    time = (taps - delays[:, None]) * cutoff
    time = np.clip(time, -_ZERO_CROSSINGS, _ZERO_CROSSINGS)
    window = np.cos(time * np.pi / _ZERO_CROSSINGS / 2) ** 2
    filters = np.sinc(time) * window * (cutoff / original)
    return filters.astype(np.float32), width
