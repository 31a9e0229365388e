"""Whether a part of a test set differs from the rest of it."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.statistics.bootstrap import (
    RESAMPLES,
    SEED,
    Bootstrap,
    Interval,
    resampling_weights,
    studentised,
)
from asr.statistics.few import at_most, differing, sign_test

Ratio = tuple[NDArray[np.float64], NDArray[np.float64]]  # what is summed, and by what; each `(N,)`


@dataclass(frozen=True, slots=True)
class Contrast:
    """A part's ratio less the rest's; NaN where either has nothing to divide by."""

    difference: Interval
    p: float  # two-sided, of no difference


def contrast(part: Ratio, rest: Ratio, resamples: int = RESAMPLES) -> Contrast:
    """Compare two ratios of sums over the same N utterances, which may add to both.

    A part is not compared with all, which it would be a part of. Studentised, by the delta
    method's standard error of each resample (Efron and Tibshirani 1993, section 12.5).

    Args:
        part: values and what to divide by, of each utterance; 0 where it has nothing of the part.
        rest: likewise.
        resamples: of the bootstrap.
    """
    if not (part[1].sum() and rest[1].sum()):
        return Contrast(Interval(math.nan, math.nan, math.nan), math.nan)
    found = _bootstrap(np.stack([*part, *rest], axis=1), resamples)
    return Contrast(found.symmetric_interval(), found.p())


def _bootstrap(summed: NDArray[np.float64], resamples: int) -> Bootstrap:
    """Of `(N, 4)`: the part's values and lengths, and the rest's."""
    totals = summed.sum(axis=0, keepdims=True)
    difference = float(_difference(totals)[0])
    error = float(np.linalg.norm(summed @ _gradient(totals)[0]))
    weights = resampling_weights(len(summed), resamples, SEED)
    drawn = weights @ summed
    some = (drawn[:, 1] > 0) & (drawn[:, 3] > 0)
    products = (summed[:, :, None] * summed[:, None, :]).reshape(len(summed), -1)
    squares = (weights[some] @ products).reshape(-1, 4, 4)
    gradient = _gradient(drawn[some])
    variance = np.einsum("ri,rij,rj->r", gradient, squares, gradient)
    deviation = _difference(drawn[some]) - difference
    return studentised(difference, error, deviation, variance, _least_p(summed))


def _least_p(summed: NDArray[np.float64]) -> float:
    """Two-sided p below which the few units that differ on one side cannot bring it.

    A side in which no unit differs has no spread, and would seem known exactly. But where few of
    its units differ by chance alone, none may have.
    """
    values, lengths = summed[:, [0, 2]], summed[:, [1, 3]]
    differ = differing(values, float(lengths.max()))
    counts = differ.sum(axis=0)
    of_fewer = max(
        _of_fewer(counts, room) for room in ((lengths > 0).sum(axis=0), lengths.sum(axis=0))
    )
    return max(sign_test(int(differ.any(axis=1).sum())), of_fewer)


def _of_fewer(counts: NDArray[np.int64], room: NDArray[np.float64]) -> float:
    """As likely as so few units that differ on the side where they are rarer, for its room.

    That is at the other side's rate, or, if that is less, as all of these few leaning one way.
    Room is units, or what they have to differ in: a unit of one word differs less often.
    """
    fewer, more = np.argsort(counts / room)
    expected = float(room[fewer] * counts[more] / room[more])
    few = int(counts[fewer])
    return min(sign_test(few), 2 * at_most(few, expected))


def _difference(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3]


def _gradient(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of the difference in each of the four sums, `(R, 4)`."""
    values, lengths = sums[:, [0, 2]], sums[:, [1, 3]]
    signs = np.array([1.0, -1.0])
    by_values, by_lengths = signs / lengths, -signs * values / lengths**2
    return np.stack([by_values[:, 0], by_lengths[:, 0], by_values[:, 1], by_lengths[:, 1]], axis=1)
