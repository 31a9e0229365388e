"""How far the median of a few measurements may be from the true one."""

from collections.abc import Sequence
from math import comb, nan

from asr.statistics.bootstrap import Interval


def median_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """The median of independent values with its interval by order statistics.

    From the k-th smallest to the k-th largest, with the largest k that keeps the level: nothing
    is taken for granted about how values are spread, and the level is reached or exceeded. Fewer
    than six values have no interval at 95 % (its ends are NaN). David and Nagaraja, Order
    Statistics, 3rd edition, 7.1.

    Raises:
        ValueError: there is no value.
    """
    if not values:
        raise ValueError("a median of nothing was asked for: give at least one value")
    ordered, n = sorted(values), len(values)
    median = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    k = 0  # the largest rank below which the true median lies in (1 - level) / 2 of all cases
    while 2 * sum(comb(n, i) for i in range(k + 1)) <= (1 - level) * 2**n:
        k += 1
    low, high = (ordered[k - 1], ordered[n - k]) if k else (nan, nan)
    return Interval(median, low, high, level)
