"""The filters that take audio from one sample rate to another, without torch."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.features.sinc import sinc_filters


@dataclass(frozen=True)
class ResamplingFilters:
    """Filters between two rates, in lowest terms; a row is `target` samples.

    Sample j of row i is filter j on the taps from sample i * original + firsts[j] - width on.

    Args:
        filters: (target, taps) float64, without most of the zeros around them.
        firsts: (target,) int64, the first tap of each.
        width: zeros before the first sample.
    """

    original: int
    target: int
    width: int
    filters: NDArray
    firsts: NDArray

    @classmethod
    def between(cls, original: int, target: int) -> "ResamplingFilters":
        """From `original` to `target`, in lowest terms."""
        filters, width = sinc_filters(original, target)
        used = filters != 0
        firsts = used.argmax(1)
        taps = int((filters.shape[1] - used[:, ::-1].argmax(1) - firsts).max())
        taps = min(-(-taps // 8) * 8, filters.shape[1])  # whole registers
        firsts = np.minimum(firsts, filters.shape[1] - taps)
        short = np.take_along_axis(filters, firsts[:, None] + np.arange(taps), 1)
        return cls(original, target, width, short.astype(np.float64), firsts)

    @property
    def reach(self) -> int:
        """Samples that a row is made of."""
        return 2 * self.width + self.original
