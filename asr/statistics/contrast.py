"""Whether a part of a test set differs from the rest of it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.statistics.bootstrap import RESAMPLES, SEED, Interval, bootstrap

Ratio = tuple[NDArray[np.float64], NDArray[np.float64]]  # what is summed, and by what; each `(N,)`


@dataclass(frozen=True, slots=True)
class Contrast:
    """A part's ratio less the rest's; NaN where either has nothing to divide by."""

    difference: Interval
    p: float  # two-sided, of no difference


def contrast(part: Ratio, rest: Ratio, resamples: int = RESAMPLES) -> Contrast:
    """Compare two ratios of sums over the same N utterances, which may add to both.

    The ratio of a part beside that of all would be compared with itself, in part. What each
    utterance adds to the difference to first order (Efron and Tibshirani 1993, chapter 21) is a
    mean of N values, which is bootstrapped as any other.

    Args:
        part: values and what to divide by, of each utterance; 0 where it has nothing of the part.
        rest: likewise.
        resamples: of the bootstrap.
    """
    if not (part[1].sum() and rest[1].sum()):
        return Contrast(Interval(math.nan, math.nan, math.nan), math.nan)
    estimates, influences = zip(*map(_influence, (part, rest)), strict=True)
    difference = estimates[0] - estimates[1]
    count = len(part[0])
    values = difference + count * (influences[0] - influences[1])
    found = bootstrap(values, np.ones(count), resamples, SEED)
    return Contrast(found.symmetric_interval(), found.p())


def _influence(ratio: Ratio) -> tuple[float, NDArray[np.float64]]:
    values, lengths = ratio
    total = float(lengths.sum())
    estimate = float(values.sum()) / total
    return estimate, (values - estimate * lengths) / total
