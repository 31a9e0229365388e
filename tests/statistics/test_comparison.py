import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from asr.errors import InputError
from asr.statistics.bootstrap import bootstrap
from asr.statistics.comparison import compare, counts, holm
from asr.statistics.power import utterances_needed
from asr.statistics.system import System
from tests.statistics.systems import system

WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight"]


def spoken(rng: np.random.Generator, count: int) -> list[str]:
    return [" ".join(rng.choice(WORDS, 1 + rng.integers(8))) for _ in range(count)]


def misheard(rng: np.random.Generator, texts: list[str], rate: float) -> list[str]:
    return [" ".join(w if rng.random() > rate else "x" for w in t.split()) for t in texts]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[System, System]:
    """A good system of one seed, and one twice as bad of three."""
    rng = np.random.default_rng(0)
    references = spoken(rng, 150)
    dense = system(tmp_path, references, misheard(rng, references, 0.1))
    worse = [misheard(rng, references, 0.2) for _ in range(3)]
    return dense, system(tmp_path, references, *worse, group="sparse")


def test_differences_are_of_pooled_rates(pair: tuple[System, System]) -> None:
    a, b = pair
    found = compare(a, b)
    assert found.difference.estimate == pytest.approx(b.wer - a.wer)
    assert found.relative.estimate == pytest.approx((b.wer - a.wer) / a.wer)
    by_characters = compare(a, b, unit="characters")
    assert by_characters.difference.estimate == pytest.approx(b.cer - a.cer)
    assert math.isnan(by_characters.p_mapsswe)  # it is a test of words
    assert by_characters.segments is None
    assert found.segments is not None
    assert found.segments > 10
    assert found.p_mapsswe < 0.01
    for one in (found, by_characters):
        assert one.difference.low > 0
        assert max(one.p, one.p_utterances) < 0.01
        assert one.utterances_needed is None
        assert not one.non_inferior(0.05)
        assert one.non_inferior(5.0)
        assert one.drawn == "utterances"
        assert one.difference_by_utterance == one.difference


def test_sides_changed_only_change_the_sign(pair: tuple[System, System]) -> None:
    a, b = pair
    there, back = compare(a, b), compare(b, a)
    assert there.difference.low == pytest.approx(-back.difference.high)
    assert (there.p, there.p_mapsswe) == pytest.approx((back.p, back.p_mapsswe))
    assert back.non_inferior(0.05)
    assert back.utterances_for(0.05) is None


def test_a_system_beside_itself(pair: tuple[System, System]) -> None:
    a, _ = pair
    found = compare(a, a)
    assert found.difference.estimate == 0
    assert np.isnan([found.difference.low, found.difference.high]).all()
    assert (found.p, found.p_mapsswe, found.p_utterances) == (1.0, 1.0, 1.0)
    assert found.utterances_needed is None
    # No disagreement was seen; at the margin there would be 5 % as many as errors.
    unseen = math.exp(-0.05 * a.word_errors.sum())
    assert found.non_inferiority_p(0.05) == pytest.approx(unseen)
    assert unseen > 0.025
    assert not found.non_inferior(0.05)
    assert found.non_inferior(0.2)
    # 0.05 e n is to be 1.96 of its own standard errors, and no disagreement has none.
    needed = math.ceil(150 * 1.959964**2 / (0.05 * a.word_errors.sum()))
    assert found.utterances_for(0.05) == needed


def test_a_difference_too_small_for_the_set_tells_how_many_it_needs(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    references = spoken(rng, 60)
    a = system(tmp_path, references, misheard(rng, references, 0.1))
    b = system(tmp_path, references, misheard(rng, references, 0.11), group="sparse")
    found = compare(a, b)
    assert found.p > 0.05
    assert found.difference.low < 0 < found.difference.high
    assert found.utterances_needed is not None
    assert found.utterances_needed > 60


@pytest.mark.parametrize("count", [6, 8, 11, 12, 40])
def test_more_utterances_are_needed_than_those_that_did_not_show_it(
    tmp_path: Path, count: int
) -> None:
    said = ["one two"] * count
    a = system(tmp_path, said, said)
    b = system(tmp_path, said, ["one"] * 5 + said[5:], group="sparse")
    found = compare(a, b)
    assert found.p > 0.05  # a sign test of five is 0.0625
    assert found.utterances_needed is not None
    assert found.utterances_needed >= math.ceil(count * 6 / 5) > count


def test_speakers_from_twenty_on(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    references = spoken(rng, 60)
    options = {"speakers": [f"s{i % 20}" for i in range(60)]}
    a = system(tmp_path, references, misheard(rng, references, 0.1), **options)
    worse = misheard(rng, references, 0.3)
    b = system(tmp_path, references, worse, group="sparse", **options)
    found = compare(a, b)
    assert found.drawn == "speakers"
    assert found.difference_by_utterance.estimate == pytest.approx(found.difference.estimate)
    # Speakers drawn: the same as one long utterance each.
    gap, words, base = (
        np.array([values[n::20].sum() for n in sorted(range(20), key=str)])
        for values in (b.word_errors - a.word_errors, a.words, a.word_errors)
    )
    alone = bootstrap(gap, words, 2000, 0)
    assert found.difference.high == pytest.approx(alone.symmetric_interval().high)
    assert found.p == pytest.approx(alone.p())
    relative = bootstrap(gap, base, 2000, 0).symmetric_interval()
    assert found.relative.low == pytest.approx(relative.low)
    assert found.non_inferiority_p(0.5) == pytest.approx(
        bootstrap(gap - 0.5 * base, words, 2000, 0).p_below()
    )
    by_utterance = bootstrap(b.word_errors - a.word_errors, a.words, 2000, 0)
    assert found.difference_by_utterance == by_utterance.symmetric_interval()


def test_speakers_of_one_opinion_each_are_as_many_as_they_are(tmp_path: Path) -> None:
    """20 speakers of 30 equal utterances: 12 lose a word in each, 8 win one.

    By utterance that is certain; by speaker 12 of 20 is next to nothing, and what would show it is
    more speakers: ((1.960 + 0.842) * s / 0.2)^2 of them, 30 utterances each.
    """
    references = ["one two"] * 600
    options = {"speakers": [f"s{i % 20}" for i in range(600)]}
    first = ["one two" if i % 20 < 12 else "one" for i in range(600)]
    second = ["one" if i % 20 < 12 else "one two" for i in range(600)]
    a = system(tmp_path, references, first, **options)
    b = system(tmp_path, references, second, group="sparse", **options)
    found = compare(a, b)
    assert found.p > 0.2
    assert found.difference.low < 0 < found.difference.high
    assert found.difference_by_utterance.low > 0
    s = math.sqrt((12 * 0.8**2 + 8 * 1.2**2) / 19)
    speakers = math.ceil((2.801585 * s / 0.2) ** 2)
    assert found.utterances_needed == 30 * speakers
    assert found.speakers_of(30 * speakers) == speakers


def test_non_inferiority_is_the_upper_end_below_the_margin(pair: tuple[System, System]) -> None:
    a, b = pair
    found = compare(a, b)
    margins = np.linspace(0.2, 4.0, 39)
    shown = [found.non_inferior(margin) for margin in margins]
    assert shown == sorted(shown)  # once a margin is wide enough, wider ones are
    first = margins[shown.index(True)]
    assert first == pytest.approx(found.relative.high, rel=0.2)


def test_what_cannot_be_paired_is_refused(pair: tuple[System, System], tmp_path: Path) -> None:
    a, b = pair
    with pytest.raises(InputError, match="results on one manifest"):
        compare(a, replace(b, manifest_sha256="f" * 64))
    with pytest.raises(InputError, match="results on one manifest"):
        compare(a, replace(b, ids=b.ids[::-1]))
    with pytest.raises(InputError, match="1 of 150 that differ"):
        compare(a, replace(b, references=("other", *b.references[1:])))


def test_counts_are_of_the_unit(pair: tuple[System, System]) -> None:
    a, _ = pair
    errors, lengths = counts(a, "characters")
    assert errors.sum() / lengths.sum() == a.cer


def test_holm_by_hand() -> None:
    """Sorted 0.005, 0.01, 0.03, 0.04 by 4, 3, 2, 1: 0.02, 0.03, 0.06, and no less than that."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []
    adjusted = holm([0.01, math.nan, 0.04])
    assert math.isnan(adjusted[1])
    assert (adjusted[0], adjusted[2]) == pytest.approx((0.02, 0.04))


def test_utterances_needed_by_hand() -> None:
    """n = ((1.960 + 0.842) * s / d)^2, with utterances of equal length: d and s are in errors."""
    differences = np.array([1.0, 1, 1, 1, 1, 1, -1, -1, -1, -1])
    s = math.sqrt(sum((x - 0.2) ** 2 for x in differences) / 9)
    assert utterances_needed(differences, np.full(10, 10.0)) == math.ceil((2.801585 * s / 0.2) ** 2)
    assert utterances_needed(np.zeros(10), np.ones(10)) is None
    assert utterances_needed(np.ones(1), np.ones(1)) is None
