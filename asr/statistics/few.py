"""Bounds on p where too few units differ for a bootstrap to draw from what it has not seen."""

import math


def sign_test(differing: int) -> float:
    """Exact two-sided p where all units that differ do so in one direction, 2 * 0.5**n."""
    return min(1.0, 2 * 0.5**differing)


def at_most(count: int, expected: float) -> float:
    """Probability of `count` rare events or fewer where `expected` are (Poisson)."""
    if expected <= 0:
        return 1.0
    logs = (k * math.log(expected) - expected - math.lgamma(k + 1) for k in range(count + 1))
    return min(1.0, math.fsum(map(math.exp, logs)))
