"""A part of a test set beside the rest: by hand, by what it must equal, and by simulation."""

import math

import numpy as np
import pytest

from asr.statistics.bootstrap import bootstrap
from asr.statistics.contrast import Contrast, Ratio, contrast
from asr.statistics.few import sign_test
from tests.statistics.simulation import simulate, true_rate
from tests.statistics.test_simulation import (
    RESAMPLES,
    SETS,
    check_coverage,
    check_false_positives,
    covered,
)


def test_by_hand() -> None:
    part = (np.array([1.0, 2, 0, 0, 1]), np.array([4.0, 6, 0, 0, 2]))  # 4 of 12
    rest = (np.array([0.0, 0, 1, 3, 1]), np.array([0.0, 0, 10, 20, 10]))  # 5 of 40
    found = contrast(part, rest)
    assert math.isclose(found.difference.estimate, 4 / 12 - 5 / 40)
    back = contrast(rest, part)
    assert math.isclose(back.difference.low, -found.difference.high)
    assert math.isclose(back.p, found.p)


def test_a_whole_beside_a_constant_is_that_ratio() -> None:
    """The rest without any spread adds nothing: what is left is the interval of the part."""
    rng = np.random.default_rng(0)
    lengths, errors = rng.integers(5, 20, 400).astype(float), rng.integers(0, 5, 400).astype(float)
    found = contrast((errors, lengths), (0.1 * lengths, lengths))
    alone = bootstrap(errors, lengths, 2000, 0)
    gap = alone.symmetric_interval()
    assert np.allclose(
        [found.difference.estimate, found.difference.low, found.difference.high],
        [gap.estimate - 0.1, gap.low - 0.1, gap.high - 0.1],
    )


def test_what_never_differs_shows_nothing() -> None:
    lengths = np.full(50, 10.0)
    inside = np.arange(50) < 20
    few = np.zeros(50)
    few[:5] = 3.0  # five units that differ, all alike: 2 * 0.5**5
    found = contrast((few * inside, lengths * inside), (few * ~inside, lengths * ~inside))
    assert found.p >= 2 * 0.5**5
    assert found.difference.low <= 0
    none = contrast((0 * few, lengths * inside), (0 * few, lengths * ~inside))
    assert none.p == 1


def both(part: Ratio, rest: Ratio, resamples: int) -> tuple[float, Contrast]:
    """p by the bootstrap alone, as if units that differ on either side were known as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "asr.statistics.contrast._least_p",
            lambda summed: sign_test(int(summed[:, [0, 2]].any(axis=1).sum())),
        )
        alone = contrast(part, rest, resamples).p
    return alone, contrast(part, rest, resamples)


def rejected(p_values: list[float]) -> float:
    return float(np.mean(np.array(p_values) < 0.05))


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_a_part_in_which_hardly_a_unit_differs_by_chance(share: float) -> None:
    """10 utterances beside 240, each with one error more with the same probability in both."""
    rng = np.random.default_rng(8)
    lengths, inside = np.full(250, 10.0), np.arange(250) < 10
    alone, p_values, hits = [], [], []
    for _ in range(500):
        values = (rng.random(250) < share).astype(float)
        ratios = (values * inside, lengths * inside), (values * ~inside, lengths * ~inside)
        p, found = both(*ratios, 2000)
        alone.append(p)
        p_values.append(found.p)
        hits.append(covered(found.difference, 0.0))
    print(
        f"a part of 10 beside 240, {share} of them differ: p below 0.05 in "
        f"{100 * rejected(p_values):.1f} %, by the bootstrap alone {100 * rejected(alone):.1f} %"
    )
    assert rejected(p_values) <= 0.05
    assert rejected(alone) > 0.05  # what the bound is for
    assert np.mean(hits) >= 0.95


@pytest.mark.parametrize(
    ("sizes", "counts", "rate"), [((1, 6), (40, 250), 0.03), ((3, 20), (80, 170), 0.01)]
)
def test_a_part_of_short_units_beside_long_ones(
    sizes: tuple[int, int], counts: tuple[int, int], rate: float
) -> None:
    """Units of few words differ less often by chance, where each word does alike."""
    rng = np.random.default_rng(9)
    apart = sizes[0] > 1  # else the part's words lie in the rest's utterances
    n = sum(counts) if apart else counts[1]
    inside = np.arange(n) < counts[0]
    lengths = np.stack([inside * sizes[0], (~inside if apart else 1) * np.full(n, sizes[1])], 1)
    alone, p_values = [], []
    for _ in range(200):
        part, rest = rng.binomial(lengths.astype(int), rate).astype(float).T
        whole = lengths.astype(float).T
        p, found = both((part, whole[0]), (rest, whole[1]), 200)
        alone.append(p)
        p_values.append(found.p)
    print(
        f"{counts[0]} units of {sizes[0]} beside {counts[1]} of {sizes[1]}: p below 0.05 in "
        f"{100 * rejected(p_values):.1f} %, by the bootstrap alone {100 * rejected(alone):.1f} %"
    )
    assert rejected(p_values) <= 0.05
    assert rejected(alone) > 0.05


def test_few_beside_many_by_hand() -> None:
    """None of 10 units differs, 60 of 240 do: 2.5 are expected, and none is seen at exp(-2.5)."""
    lengths, inside = np.full(250, 10.0), np.arange(250) < 10
    values = np.zeros(250)
    values[10:70] = 1.0
    found = contrast((values * inside, lengths * inside), (values * ~inside, lengths * ~inside))
    assert math.isclose(found.p, 2 * math.exp(-2.5))
    assert found.difference.high >= 0
    values[0] = 1.0  # one differs: at most as many at exp(-2.5) (1 + 2.5), and a coin shows nothing
    found = contrast((values * inside, lengths * inside), (values * ~inside, lengths * ~inside))
    assert found.p >= 2 * math.exp(-2.5) * 3.5 - 1e-12


def test_nothing_to_divide_by() -> None:
    found = contrast((np.ones(3), np.zeros(3)), (np.ones(3), np.ones(3)))
    assert math.isnan(found.difference.estimate)
    assert math.isnan(found.p)


@pytest.mark.parametrize(
    ("size", "others"),
    [(30, 220), *(pytest.param(*each, marks=pytest.mark.flow) for each in ((80, 160), (10, 240)))],
)
def test_coverage_and_false_positives(size: int, others: int) -> None:
    """The part's rate is twice as high, and so is its difference."""
    rng = np.random.default_rng(4)
    inside = np.arange(size + others) < size
    points, relative, same_points, same_relative = [], [], [], []
    for _ in range(SETS):
        hard, rest = simulate(rng, size, 0.07, 0.09), simulate(rng, others, 0.035, 0.045)
        a, b = (np.concatenate([one.errors(side) for one in (hard, rest)]) for side in "ab")
        words = np.concatenate([hard.words, rest.words]).astype(float)
        # Against what the part's and the rest's differences are known to be.
        known = np.where(inside, true_rate(0.02), true_rate(0.01)) * words
        by_words, by_errors, no_gap = (
            contrast((values * inside, by * inside), (values * ~inside, by * ~inside), RESAMPLES)
            for values, by in ((b - a, words), (b - a, a), (b - a - known, words))
        )
        points.append(covered(by_words.difference, true_rate(0.02) - true_rate(0.01)))
        relative.append(covered(by_errors.difference, 0.0))
        same_relative.append(by_errors.p)
        same_points.append(no_gap.p)
    about = f"a part of {size} beside {others} utterances"
    if size < 30:  # too few for 95 %: an interval may be too wide, and is no wider than it has to
        print(f"{about}: points {np.mean(points):.3f}, relative {np.mean(relative):.3f} covered")
        for hits, p in ((points, same_points), (relative, same_relative)):
            assert 0.9 < np.mean(hits) < 1
            assert np.mean(np.array(p) < 0.05) < 0.08
        return
    check_coverage(f"{about}: points", points)
    check_coverage(f"{about}: relative", relative)
    check_false_positives(f"{about}, points", same_points)
    check_false_positives(f"{about}, relative", same_relative)


def test_coverage_of_words_within_the_same_utterances() -> None:
    """As of common and rare words: what makes an utterance hard for b makes it so in both."""
    rng = np.random.default_rng(6)
    hits, apart = [], []
    for _ in range(SETS):
        lengths = rng.integers(1, 16, (250, 2)).astype(float)
        hard = rng.beta(0.5, 4.5, (250, 1)) / 0.1  # mean 1
        a = rng.binomial(lengths.astype(int), 0.05, (250, 2)).astype(float)
        b = rng.binomial(lengths.astype(int), np.minimum(hard * [0.09, 0.08], 1)).astype(float)
        found = contrast(*zip((b - a).T, lengths.T, strict=True), RESAMPLES)
        hits.append(covered(found.difference, 0.01))
        alone = [
            bootstrap(*one, RESAMPLES, 0).error for one in zip((b - a).T, lengths.T, strict=True)
        ]
        half = 1.96 * math.hypot(*alone)  # as if they were of different utterances
        apart.append(abs(found.difference.estimate - 0.01) < half)
    check_coverage("two kinds of words in the same 250 utterances", hits)
    assert np.mean(apart) > 0.97  # so this would be told
