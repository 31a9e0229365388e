"""Bounds on p where few units differ, for a bootstrap, which draws only what was seen."""

import math

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-9  # of a scale: means over three seeds are thirds, whose sums are seldom exact


def differing(values: NDArray[np.float64], scale: float) -> NDArray[np.bool_]:
    """Which values are not 0, but for the rounding of numbers of a scale."""
    return np.abs(values) > _ROUNDING * scale


def sign_test(count: int) -> float:
    """Exact two-sided p where all units that differ do so in one direction, 2 * 0.5**n."""
    return min(1.0, 2 * 0.5**count)


def least_differing(alpha: float) -> int:
    """Units that have to differ, all in one direction, for that test to reject at a level."""
    return math.floor(1 - math.log2(alpha)) + 1


def at_most(count: int, expected: float) -> float:
    """Probability of `count` rare events or fewer where `expected` are (Poisson)."""
    if expected <= 0:
        return 1.0
    logs = (k * math.log(expected) - expected - math.lgamma(k + 1) for k in range(count + 1))
    return min(1.0, math.fsum(map(math.exp, logs)))
