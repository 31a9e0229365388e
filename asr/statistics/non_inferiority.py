"""Whether b is shown to be within a margin of a, and how many units would show it.

A unit is what is drawn, an utterance or a speaker. b's excess is its errors less (1 + margin) times
those of a, and b is within the margin where the sum is below 0. Where both systems err alike, the
margin alone makes an excess, whose spread is that of a's errors: of disagreements that were not
seen it knows nothing. So both answers also ask how many units in which b errs more there would be,
were they what takes b to the margin, and how likely it is to see as few as were seen (Poisson).
"""

import math

import numpy as np
from numpy.typing import NDArray

from asr.statistics.bootstrap import RESAMPLES, SEED, bootstrap
from asr.statistics.few import at_most, differing
from asr.statistics.power import events_needed, utterances_needed

Errors = NDArray[np.float64]  # of each unit, `(N,)`


def non_inferiority_p(
    a: Errors,
    b: Errors,
    lengths: NDArray[np.float64],
    margin: float,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> float:
    """One-sided p of b's rate being (1 + margin) times a's, or more.

    At a margin of 0 units that do not differ make no excess, and the sign test bounds p already.
    """
    p = bootstrap(b - (1 + margin) * a, lengths, resamples, seed).p_below()
    seen, missing = _short_of_margin(a, b, margin)
    return max(p, at_most(seen, seen + missing)) if margin > 0 and missing > 0 else p


def units_needed(a: Errors, b: Errors, lengths: NDArray[np.float64], margin: float) -> int | None:
    """Units like these that show b within the margin with 80 % power, were the rates as seen.

    None where b's rate is beyond the margin.
    """
    seen, missing = _short_of_margin(a, b, margin)
    needed = utterances_needed(b - (1 + margin) * a, lengths)
    if missing <= 0 or needed is None:
        return None
    return max(needed, math.ceil(len(a) * events_needed(seen, missing)) if margin > 0 else 0)


def _short_of_margin(a: Errors, b: Errors, margin: float) -> tuple[int, float]:
    """Units in which b errs more, and how many more of them it would take to the margin.

    Each as large as those seen are on average, and at least a whole error: means over seeds are
    fractions of one, and none may have been seen.
    """
    gap = b - a
    more = gap[differing(gap, float(np.abs([a, b]).max())) & (gap > 0)]
    size = max(1.0, float(more.mean())) if len(more) else 1.0
    return len(more), float((1 + margin) * a.sum() - b.sum()) / size
