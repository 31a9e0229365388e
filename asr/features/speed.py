"""Speech played faster or slower."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asr.errors import InputError
from asr.features.resample import resample_tensor
from asr.features.sinc import resampled_samples

_FINEST = 100  # factors are fractions with at most this denominator: 1.05 is 21/20


class SpeedPerturbation:
    """Resample by one of `factors`: tempo and pitch change together (Ko et al. 2015).

    Which factor an utterance gets in an epoch, and how long it is then, is known before any
    audio is read, so that batches can be planned with exact lengths.
    """

    def __init__(self, factors: Sequence[float]) -> None:
        if not factors or not all(0.5 <= factor <= 2 for factor in factors):
            raise InputError(
                "speed perturbation",
                expected="factors between 0.5 and 2",
                got=str(list(factors)),
                remedy="Usual are [0.9, 1.0, 1.1]; 1.0 leaves the speech as it is.",
            )
        self.factors = tuple(float(factor) for factor in factors)

    def draw(self, seed: int, epoch: int, count: int) -> NDArray[np.float64]:
        """The factor of every utterance in an epoch, `(count,)`: a pure function."""
        chosen = np.random.default_rng((seed, epoch)).integers(len(self.factors), size=count)
        return np.array(self.factors)[chosen]

    def apply(self, waveform: Tensor | NDArray[np.float32], factor: float) -> Tensor:
        """Waveform `(N,)` to `(samples(N, factor),)`."""
        faster = _fraction(factor)
        return resample_tensor(torch.as_tensor(waveform), faster.numerator, faster.denominator)

    @overload
    def samples(self, samples: int, factor: float) -> int: ...
    @overload
    def samples(
        self, samples: NDArray[np.int64], factor: float | NDArray[np.float64]
    ) -> NDArray[np.int64]: ...
    def samples(self, samples: Any, factor: Any) -> Any:
        """The length that `apply` gives; arrays of lengths and of factors broadcast."""
        if np.ndim(factor) == 0:
            faster = _fraction(factor)
            return resampled_samples(samples, faster.numerator, faster.denominator)
        before, factors = np.broadcast_arrays(samples, factor)
        after = np.empty_like(before)
        for each in np.unique(factors):
            after[factors == each] = self.samples(before[factors == each], float(each))
        return after


def _fraction(factor: float) -> Fraction:
    return Fraction(float(factor)).limit_denominator(_FINEST)
