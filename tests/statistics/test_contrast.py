"""A part of a test set beside the rest: by hand and by simulation."""

import math

import numpy as np

from asr.statistics.bootstrap import bootstrap
from asr.statistics.contrast import contrast
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
    assert back.p == found.p


def test_a_whole_beside_a_constant_is_that_ratio() -> None:
    """The rest without any spread adds nothing: what is left is the interval of the part."""
    rng = np.random.default_rng(0)
    lengths, errors = np.full(400, 10.0), rng.integers(0, 5, 400).astype(float)
    found = contrast((errors, lengths), (0.1 * lengths, lengths))
    alone = bootstrap(errors, lengths, 2000, 0).symmetric_interval()
    assert np.allclose(
        [found.difference.estimate, found.difference.low, found.difference.high],
        [alone.estimate - 0.1, alone.low - 0.1, alone.high - 0.1],
    )


def test_nothing_to_divide_by() -> None:
    found = contrast((np.ones(3), np.zeros(3)), (np.ones(3), np.ones(3)))
    assert math.isnan(found.difference.estimate)
    assert math.isnan(found.p)


def test_coverage_and_false_positives() -> None:
    """80 utterances of a part beside 160: the part's rate is twice as high, and so is its gap."""
    rng = np.random.default_rng(4)
    inside = np.arange(240) < 80
    points, relative, same = [], [], []
    for _ in range(SETS):
        hard, rest = simulate(rng, 80, 0.07, 0.09), simulate(rng, 160, 0.035, 0.045)
        a, b = (np.concatenate([one.errors(side) for one in (hard, rest)]) for side in "ab")
        words = np.concatenate([hard.words, rest.words]).astype(float)
        by_words, by_errors = (
            contrast(((b - a) * inside, by * inside), ((b - a) * ~inside, by * ~inside), RESAMPLES)
            for by in (words, a)
        )
        points.append(covered(by_words.difference, true_rate(0.02) - true_rate(0.01)))
        relative.append(covered(by_errors.difference, 0.0))
        same.append(by_errors.p)
    check_coverage("a part of 80 beside 160 utterances: points", points)
    check_coverage("a part of 80 beside 160 utterances: relative", relative)
    check_false_positives("a part whose relative difference is the rest's", same)
