"""The studentised bootstrap of a ratio of sums, such as a pooled error rate or a difference.

Utterances, or speakers, are drawn again with replacement (Bisani and Ney 2004), and the ratio is
taken of what was drawn. Not its percentiles but those of its t, the deviation by its own standard
error, make the interval (Efron and Tibshirani 1993, section 12.5): errors are skewed, and the
percentile interval of a few hundred utterances leaves the truth out more often than it says.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from asr.statistics.few import differing, sign_test

RESAMPLES, SEED = 2000, 0  # of everything this project prints: equal draws wherever N is equal

_COUNTED = 10  # resamples beyond a value: fewer are too few to count a tail by
_NOTHING = 1e-9  # of the standard error, or of the values: what is below it is rounding
_CANCELLED = 1e-12  # of the sum of squares that cancels: what is left below it is rounding


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and its confidence interval; NaN where there is none."""

    estimate: float
    low: float
    high: float
    level: float = 0.95


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """A ratio with its standard error, and the t of each resample.

    Without any spread nothing is known of the ratio elsewhere, however many units agree: there
    are no t, hence no interval.
    """

    estimate: float
    error: float  # standard
    t: NDArray[np.float64]  # (resamples,), or none where nothing can be said
    least_p: float  # two-sided; p is never below it, so few units differ

    def interval(self, level: float = 0.95) -> Interval:
        """Equal-tailed: for rates, whose distribution leans to one side.

        0 to 0 for a rate of 0, which has no spread to draw from.
        """
        if self.error == 0 and self.estimate == 0:
            return Interval(0.0, 0.0, 0.0, level)
        if not len(self.t):
            return Interval(self.estimate, math.nan, math.nan, level)
        low, high = np.quantile(self.t, [(1 - level) / 2, (1 + level) / 2])
        ends = self.estimate - self.error * high, self.estimate - self.error * low
        return Interval(self.estimate, float(ends[0]), float(ends[1]), level)

    def symmetric_interval(self, level: float = 0.95) -> Interval:
        """Of a difference, which may lean to either side (Hall 1988: the smaller error there).

        It holds 0 where so few units differ that no test of them would reject it.
        """
        if not len(self.t):
            return Interval(self.estimate, math.nan, math.nan, level)
        half = self.error * float(np.quantile(np.abs(self.t), level))
        if self.least_p > 1 - level:
            half = max(half, abs(self.estimate))
        return Interval(self.estimate, self.estimate - half, self.estimate + half, level)

    def p(self) -> float:
        """Two-sided p of a truth of 0: below 0.05 where 0 is outside the symmetric interval.

        But for one resample at the edge (0.0505 of 2,000), since the interval ends between two.
        Never below `least_p`: five units that differ show nothing at 5 %.
        """
        if self.estimate == 0 or not (self.error == 0 or len(self.t)):
            return 1.0
        if self.error == 0:  # the same deviation everywhere
            return self.least_p
        beyond = _share_beyond(np.sort(-np.abs(self.t)), -abs(self.estimate / self.error))
        return max(self.least_p, beyond)

    def p_below(self) -> float:
        """One-sided p of a truth of 0 or more: small where the estimate is well below 0."""
        return self.p() / 2 if self.estimate < 0 else 1 - self.p() / 2


def bootstrap(
    values: NDArray[np.float64], lengths: NDArray[np.float64], resamples: int, seed: int
) -> Bootstrap:
    """Bootstrap the sum of values by the sum of lengths, both `(N,)`, of N units drawn.

    A resample that has no spread (as where it drew no error) has no t; it counts as the most
    extreme of the others.
    """
    total, none = float(lengths.sum()), np.zeros(0)
    least_p = sign_test(int(differing(values, np.abs(values).max(initial=0)).sum()))
    if not total:
        return Bootstrap(math.nan, math.nan, none, least_p)
    estimate = float(values.sum()) / total
    if len(values) < 2:
        return Bootstrap(estimate, math.nan, none, least_p)
    residual = values - estimate * lengths
    error = math.sqrt(float(residual @ residual)) / total
    if error * total <= _NOTHING * math.sqrt(float(values @ values)):
        return Bootstrap(estimate, 0.0, none, least_p)
    terms = np.stack([residual, lengths, residual**2, residual * lengths, lengths**2], axis=1)
    sums = resampling_weights(len(values), resamples, seed) @ terms
    sums = sums[sums[:, 1] > 0]  # some reference that is not empty was drawn
    drawn = sums[:, 1]
    deviation = sums[:, 0] / drawn
    squares = sums[:, 2] - 2 * deviation * sums[:, 3] + deviation**2 * sums[:, 4]
    return studentised(estimate, error, deviation, squares / drawn**2, least_p)


def studentised(
    estimate: float,
    error: float,
    deviation: NDArray[np.float64],
    variance: NDArray[np.float64],
    least_p: float,
) -> Bootstrap:
    """From each resample's deviation from the estimate and its squared standard error, `(R,)`."""
    # Squares that are 0 come out as the rounding of what cancelled, and their root is no spread.
    usable = variance > _CANCELLED * error**2
    t = deviation[usable] / np.sqrt(variance[usable])
    if np.abs(t).max(initial=0) < _NOTHING:  # as with two units of one length
        return Bootstrap(estimate, error, np.zeros(0), least_p)
    rest = deviation[~usable]
    rest = np.where(np.abs(rest) > _NOTHING * error, np.sign(rest), 0) * np.abs(t).max()
    return Bootstrap(estimate, error, np.concatenate([t, rest]), least_p)


@lru_cache(maxsize=4)
def resampling_weights(n: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """How often each of `n` was drawn in each resample, `(resamples, n)`.

    Kept, since systems on one test set share it: the same draws for all, and one product each.
    """
    rng = np.random.default_rng(seed)
    weights = np.empty((resamples, n))
    for row in weights:
        row[:] = np.bincount(rng.integers(n, size=n), minlength=n)
    weights.flags.writeable = False
    return weights


def _share_beyond(t: NDArray[np.float64], value: float) -> float:
    """Share of `t`, all negative and in rising order, at or below a value.

    Beyond the last few of them it goes on as a normal tail scaled to the last one counted: no p
    could otherwise be below that of one resample, and no sweep survive Holm's correction.
    """
    last = float(t[min(_COUNTED, len(t)) - 1])
    if value >= last or last >= 0:
        return (1 + int(np.searchsorted(t, value, side="right"))) / (1 + len(t))
    score = NormalDist().inv_cdf((1 + _COUNTED) / (1 + len(t)) / 2)
    return math.erfc(-score * value / last / math.sqrt(2))
