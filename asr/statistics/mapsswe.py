"""The matched-pairs test of NIST: differences by segments that err independently.

Gillick and Cox (1989), as in NIST's sc_stats (Pallett et al. 1990): both systems' errors are
counted over stretches that two words right in both of them bound, so that an error in one says
little of the next. The mean difference of the segments by its standard error is a normal score.
"""

import math

import numpy as np
from numpy.typing import NDArray

from asr.statistics.alignment import Slots

MIN_SEGMENTS = 10  # fewer make no normal score; Gillick and Cox ask for 50 or so
BOUNDARY = 2  # words right in both systems between two segments, as sc_stats has by default


def segment_errors(a: Slots, b: Slots) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Errors of both systems, `(M,)` each, in each segment where either has one.

    With several seeds a word counts as right where it is in all of them.
    """
    errors = a.errors + b.errors
    right = (a.wrong + b.wrong == 0).astype(np.int64)
    right[a.ends] = BOUNDARY  # no segment goes on in the next utterance
    before = np.cumsum(right) - right
    (bad,) = np.nonzero(errors)
    if not len(bad):
        return np.zeros(0), np.zeros(0)
    apart = np.diff(before[bad]) >= BOUNDARY
    starts = np.concatenate([[0], np.flatnonzero(apart) + 1])
    return np.add.reduceat(a.errors[bad], starts), np.add.reduceat(b.errors[bad], starts)


def matched_pairs_p(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    """Two-sided p of equal means, from errors of both systems in each segment `(M,)`.

    NaN with fewer than 10 segments. Where all differ alike there is no standard error, and the
    exact sign test takes its place.
    """
    difference = b - a
    if len(difference) < MIN_SEGMENTS:
        return math.nan
    if not difference.any():
        return 1.0
    spread = float(difference.std(ddof=1))
    if spread < 1e-9 * abs(float(difference.mean())):  # rounding: means over seeds are thirds
        return float(2 * 0.5 ** len(difference))
    z = float(difference.mean()) / (spread / math.sqrt(len(difference)))
    return math.erfc(abs(z) / math.sqrt(2))
