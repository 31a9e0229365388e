"""How many utterances it takes to tell a difference from chance."""

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray


def utterances_needed(
    differences: NDArray[np.float64],
    lengths: NDArray[np.float64],
    *,
    alpha: float = 0.05,
    power: float = 0.8,
) -> int | None:
    """Utterances like these that show the difference seen here; None where there is none.

    By the normal approximation, n = ((z_{1 - alpha/2} + z_power) * s / d)^2, with d the
    difference of rates and s the standard deviation over utterances of its linearised terms
    (Cochran 1977, section 6.4: the variance of a ratio). It takes the difference seen for the
    true one, so that it is itself uncertain.

    Args:
        differences: of errors in each utterance, `(N,)`.
        lengths: of the references, `(N,)`.
        alpha: two-sided level of the test.
        power: wanted probability of finding the difference.
    """
    n, total = len(lengths), float(lengths.sum())
    if n < 2 or not total or abs(rate := float(differences.sum()) / total) < 1e-12:
        return None
    spread = float((differences - rate * lengths).std(ddof=1)) / (total / n)
    return max(2, math.ceil((sum(_scores(alpha, power)) * spread / rate) ** 2))


def events_needed(seen: int, missing: float, *, alpha: float = 0.05, power: float = 0.8) -> float:
    """How many times as many utterances show that rare events are fewer than `seen + missing`.

    By the normal approximation to Poisson counts: of `seen + missing` where the test has to
    reject, and of `seen` where it is to be found.
    """
    rejecting, finding = _scores(alpha, power)
    spread = rejecting * math.sqrt(seen + missing) + finding * math.sqrt(seen)
    return (spread / missing) ** 2


def _scores(alpha: float, power: float) -> tuple[float, float]:
    """Standard errors that a two-sided test asks for, and those that find an effect so often."""
    normal = NormalDist()
    return normal.inv_cdf(1 - alpha / 2), normal.inv_cdf(power)
