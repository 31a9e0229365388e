"""Intervals of medians."""

import math

import numpy as np
import pytest

from asr.statistics.median import median_interval


@pytest.mark.parametrize("n", range(6, 16))
def test_ends_miss_in_at_most_a_twentieth_of_all_sign_patterns(n: int) -> None:
    found = median_interval([float(value) for value in range(n, 0, -1)])
    k = int(found.low)
    assert (found.low, found.high) == (k, n + 1 - k)
    assert found.estimate == (n + 1) / 2
    # Each value is below the true median or above it, all patterns equally likely.
    below = np.array([bin(pattern).count("1") for pattern in range(2**n)])
    missed = [np.mean((below < rank) | (n - below < rank)) for rank in (k, k + 1)]
    assert missed[0] <= 0.05 < missed[1]


def test_five_values_are_too_few() -> None:
    found = median_interval([3.0, 1.0, 2.0, 5.0, 4.0])
    assert found.estimate == 3
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    with pytest.raises(ValueError, match="median of nothing"):
        median_interval([])


def test_a_skewed_law_is_covered_as_often_as_promised() -> None:
    drawn = np.random.default_rng(0).lognormal(0.0, 1.0, (4000, 9))  # its median is 1
    found = [median_interval(row.tolist()) for row in drawn]
    covered = float(np.mean([one.low <= 1.0 <= one.high for one in found]))
    assert covered == pytest.approx(1 - 2 * (1 + 9) / 2**9, abs=0.01)  # 96.1 %
