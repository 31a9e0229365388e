import math

import pytest

from asr.decoding.confidence import word_posteriors
from asr.decoding.prefix_search import Reading


def reading(probability: float, *words: tuple[str, int, int]) -> Reading:
    frames = tuple((start, stop) for _, start, stop in words)
    return Reading(tuple(word for word, *_ in words), frames, math.log(probability) - 7.0)


def test_posteriors_by_hand():
    readings = [
        reading(0.5, ("the", 0, 3), ("cat", 4, 8)),
        reading(0.3, ("the", 0, 2), ("hat", 4, 8)),
        reading(0.2, ("a", 0, 3), ("cat", 7, 9), ("the", 9, 12)),  # another "the", elsewhere
    ]
    assert word_posteriors(readings) == pytest.approx((0.8, 0.7))


def test_a_word_said_twice_counts_where_it_is():
    readings = [reading(0.6, ("so", 0, 2), ("so", 5, 7)), reading(0.4, ("so", 5, 7))]
    assert word_posteriors(readings) == pytest.approx((0.6, 1.0))


def test_a_reading_of_no_words_has_none():
    assert word_posteriors([Reading((), (), -3.0)]) == ()
