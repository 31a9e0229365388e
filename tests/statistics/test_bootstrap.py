import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.statistics.bootstrap import Bootstrap, bootstrap, resampling_weights

counts = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(1, 20)), min_size=2, max_size=40
)


def enumerated(values: list[float], lengths: list[float]) -> list[float]:
    """t of every one of the N^N equally likely resamples, in plain Python."""
    n = len(values)
    estimate = sum(values) / sum(lengths)

    def error(chosen: tuple[int, ...]) -> tuple[float, float]:
        total = sum(lengths[i] for i in chosen)
        ratio = sum(values[i] for i in chosen) / total
        return ratio, math.sqrt(sum((values[i] - ratio * lengths[i]) ** 2 for i in chosen)) / total

    drawn = [error(chosen) for chosen in itertools.product(range(n), repeat=n)]
    t = [((ratio - estimate) / spread, ratio) for ratio, spread in drawn if spread > 1e-12]
    low, high = min(t)[0], max(t)[0]
    rest = [low if ratio < estimate else high for ratio, spread in drawn if spread <= 1e-12]
    return sorted([one for one, _ in t] + rest)


def test_intervals_against_all_resamples() -> None:
    values, lengths = [0.0, 2.0, 1.0, 3.0, 1.0, 5.0], [3.0, 8.0, 5.0, 9.0, 2.0, 20.0]
    t = enumerated(values, lengths)
    found = bootstrap(np.array(values), np.array(lengths), 40_000, seed=0)
    rate = 12 / 47
    residuals = [v - rate * n for v, n in zip(values, lengths, strict=True)]
    error = math.sqrt(sum(one**2 for one in residuals)) / 47
    assert found.estimate == pytest.approx(rate)
    assert found.error == pytest.approx(error)
    for level in (0.8, 0.9):
        tail = (1 - level) / 2
        low, high = t[int(tail * len(t))], t[int((1 - tail) * len(t))]
        interval = found.interval(level)
        assert interval.low == pytest.approx(rate - high * error, rel=0.03)
        assert interval.high == pytest.approx(rate - low * error, rel=0.03)
        half = sorted(map(abs, t))[int(level * len(t))] * error
        both = found.symmetric_interval(level)
        assert (both.low, both.high) == pytest.approx((rate - half, rate + half), rel=0.05)


def test_p_against_all_resamples() -> None:
    values, lengths = [0.0, 2.0, -1.0, 3.0, 1.0, 1.0], [3.0, 8.0, 5.0, 9.0, 2.0, 20.0]
    t = enumerated(values, lengths)
    found = bootstrap(np.array(values), np.array(lengths), 40_000, seed=0)
    share = sum(abs(one) >= abs(found.estimate / found.error) for one in t) / len(t)
    assert 0.05 < share < 0.5
    assert found.p() == pytest.approx(share, rel=0.05)
    assert found.p_below() == pytest.approx(1 - share / 2, rel=0.05)


def test_at_the_edge_p_and_interval_disagree_by_one_resample() -> None:
    """Of t = 0.001 ... 2 the interval ends at 1.90005; 100 of the 2,000 are above."""
    found = Bootstrap(estimate=1.9005, error=1.0, t=np.arange(1, 2001) / 1000, least_p=0.0)
    assert found.symmetric_interval().low == pytest.approx(1.9005 - 1.90005)
    assert found.p() == pytest.approx(101 / 2001)


@settings(deadline=None, max_examples=60)
@given(counts)
def test_p_and_interval_agree_and_swapping_mirrors(drawn: list[tuple[int, int, int]]) -> None:
    a, b, lengths = (np.array(one, dtype=float) for one in zip(*drawn, strict=True))
    gap, back = (bootstrap(d, lengths, 199, 0) for d in (b - a, a - b))
    interval, mirrored = gap.symmetric_interval(), back.symmetric_interval()
    assert gap.p() == pytest.approx(back.p())
    assert interval.low == pytest.approx(-mirrored.high, abs=1e-12, nan_ok=True)
    assert 0 <= gap.p() <= 1
    sign_test = 2 * 0.5 ** np.count_nonzero(a != b)
    assert gap.p() >= min(sign_test, 1)
    if math.isnan(interval.low):
        return
    if gap.p() < 0.04:  # between the two lies the rounding of 199 resamples
        assert interval.low > 0 or interval.high < 0
    if gap.p() > 0.06:
        assert interval.low <= 0 <= interval.high


def test_a_tail_goes_on_where_the_resamples_end() -> None:
    rng = np.random.default_rng(0)
    lengths = np.full(200, 10.0)
    values = rng.normal(size=200)
    values = (values - values.mean()) / values.std()
    p = [bootstrap(values + z / 200**0.5, lengths, 1000, 0).p() for z in (0, 2, 3, 4, 7, 14)]
    assert p == sorted(p, reverse=True)
    assert p[0] == 1.0
    # Those of normal scores of 2, 3, 4 and 7 are 0.046, 0.0027, 6e-5 and 3e-12.
    assert p[1] == pytest.approx(0.046, rel=0.3)
    assert p[2] == pytest.approx(0.0027, rel=0.7)
    assert 1e-6 < p[3] < 1e-3
    assert 1e-16 < p[4] < 1e-9


def test_where_nothing_can_be_said() -> None:
    one = bootstrap(np.array([1.0]), np.array([5.0]), 100, 0)
    assert one.estimate == 0.2
    assert math.isnan(one.interval().low)
    assert one.p() == 1.0
    assert math.isnan(bootstrap(np.zeros(3), np.zeros(3), 100, 0).estimate)
    none = bootstrap(np.zeros(3), np.ones(3), 100, 0)
    assert (none.interval().low, none.interval().high, none.p()) == (0.0, 0.0, 1.0)
    assert math.isnan(none.symmetric_interval().low)  # of a difference


@pytest.mark.parametrize(("units", "p"), [(1, 1.0), (2, 0.5), (5, 1 / 16), (10, 2**-9)])
def test_no_spread_is_no_certainty(units: int, p: float) -> None:
    """All units one error more: the exact sign test, and no interval."""
    lengths = np.full(units, 7.0)
    found = bootstrap(np.ones(units), lengths, 100, 0)
    assert found.p() == pytest.approx(p)
    assert found.p_below() == pytest.approx(1 - p / 2)
    assert bootstrap(-np.ones(units), lengths, 100, 0).p_below() == pytest.approx(p / 2)
    for interval in (found.interval(), found.symmetric_interval()):
        assert interval.estimate == pytest.approx(1 / 7)
        assert math.isnan(interval.low)
        assert math.isnan(interval.high)


def test_rounding_is_no_difference() -> None:
    """Thirds, as means over three seeds are, that cancel in all speakers but two."""
    values = np.array([1 / 3 + 1 / 3 - 2 / 3 + 1e-17] * 20 + [1.0, 2.0])
    assert bootstrap(values, np.full(22, 9.0), 100, 0).least_p == 2 * 0.5**2


def test_two_units_or_three_prove_nothing() -> None:
    """Of two units of one length no resample has a t but 0; three have no tail to go on from."""
    two = bootstrap(np.array([2.0, 1.0]), np.full(2, 7.0), 2000, 0)
    assert two.p() == 1.0
    assert math.isnan(two.interval().high)
    three = bootstrap(np.array([2.0, 1.0, 1.0]), np.full(3, 7.0), 2000, 0)
    assert three.p() == pytest.approx(1 / 4)
    assert three.symmetric_interval().low == 0


@pytest.mark.parametrize("utterances", [10, 30, 200, 300])
@pytest.mark.parametrize("erring", [1, 2, 3, 4])
def test_few_utterances_with_errors_give_sane_intervals(utterances: int, erring: int) -> None:
    """Many resamples draw none of them; what rounding leaves there is no spread."""
    rng = np.random.default_rng(100 * utterances + erring)
    for _ in range(8):
        lengths = rng.integers(1, 31, utterances).astype(float)
        values = np.zeros(utterances)
        chosen = rng.choice(utterances, erring, replace=False)
        values[chosen] = rng.integers(1, 4, erring)
        rate = bootstrap(values, lengths, 2000, 0)
        interval = rate.interval()
        assert rate.estimate < interval.high < 20 * rate.estimate
        assert -20 * rate.estimate < interval.low < rate.estimate
        signs = rng.choice([-1.0, 1.0], utterances)
        interval = bootstrap(signs * values, lengths, 2000, 0).symmetric_interval()
        assert interval.high - interval.low < 40 * rate.estimate


def test_rare_errors_give_a_finite_interval_that_holds_the_rate() -> None:
    values = np.zeros(300)
    values[[3, 50]] = 1, 2
    interval = bootstrap(values, np.full(300, 8.0), 2000, 0).interval()
    assert interval.low < 3 / 2400 < interval.high < 0.1


def test_every_resample_draws_as_many() -> None:
    weights = resampling_weights(7, 50, 3)
    assert (weights.sum(axis=1) == 7).all()
    assert len(np.unique(weights, axis=0)) > 40
    assert resampling_weights(7, 50, 3) is weights
