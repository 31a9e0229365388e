import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.errors import InputError
from asr.features.statistics import (
    SMALLEST_DEVIATION,
    FeatureStatistics,
    feature_statistics,
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_equals_numpy_over_the_concatenation(lengths: list[int], seed: int) -> None:
    random = np.random.default_rng(seed)
    # Far from zero, where the difference of sums of squares would lose its digits.
    chunks = [random.normal(1e4, 3, (5, length)).astype(np.float32) for length in [*lengths, 7]]
    together = np.concatenate(chunks, axis=1).astype(np.float64)
    got = feature_statistics(iter(chunks))
    assert got.frames == together.shape[1]
    np.testing.assert_allclose(got.mean, together.mean(axis=1), rtol=1e-12)
    expected = np.maximum(together.std(axis=1), SMALLEST_DEVIATION)
    np.testing.assert_allclose(got.deviation, expected, rtol=1e-9)


def test_a_dead_bin_gets_the_floor() -> None:
    assert feature_statistics([np.full((2, 9), -13.8)]).deviation == (SMALLEST_DEVIATION,) * 2


def test_survives_json() -> None:
    statistics = FeatureStatistics((1.5, 2.0), (0.5, 4.0), 12)
    assert FeatureStatistics.from_plain(json.loads(json.dumps(statistics.plain()))) == statistics


def test_nothing_and_nan_are_refused() -> None:
    with pytest.raises(InputError, match="at least one frame"):
        feature_statistics([np.empty((3, 0))])
    with pytest.raises(InputError, match="array 1"):
        feature_statistics([np.zeros((1, 2)), np.array([[0.0, np.nan]])])
