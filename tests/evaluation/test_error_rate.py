import math

import jiwer
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asr.evaluation.error_rate import ErrorCounts, character_counts, pool, word_counts

texts = st.lists(st.sampled_from(["a", "b", "ab", "ba", "\u00e9", "\u4e2d", "'"]), max_size=7).map(
    " ".join
)
pairs = st.lists(st.tuples(texts, texts), min_size=1, max_size=6)


def distance(reference: str | list[str], hypothesis: str | list[str]) -> int:
    """Levenshtein's distance, by the textbook's table."""
    row = list(range(len(hypothesis) + 1))
    for i, left in enumerate(reference, 1):
        previous, row = row, [i]
        for j, right in enumerate(hypothesis, 1):
            row.append(min(previous[j] + 1, row[-1] + 1, previous[j - 1] + (left != right)))
    return row[-1]


def check(counts: ErrorCounts, reference: str | list[str], hypothesis: str | list[str]) -> None:
    assert counts.errors == distance(reference, hypothesis)
    assert counts.reference_length == len(reference)
    assert counts.hits + counts.substitutions + counts.insertions == len(hypothesis)


@settings(deadline=None)
@given(pairs)
@example([("", "")])
@example([("", "a b"), ("a", "")])
def test_counts_against_levenshtein_and_jiwers_corpus_numbers(drawn: list[tuple[str, str]]):
    references, hypotheses = map(list, zip(*drawn, strict=True))
    words, characters = (
        word_counts(references, hypotheses),
        character_counts(references, hypotheses),
    )
    for (reference, hypothesis), word, character in zip(drawn, words, characters, strict=True):
        check(word, reference.split(), hypothesis.split())
        check(character, reference, hypothesis)
    for pooled, output in (
        (pool(words), jiwer.process_words(references, hypotheses)),
        (pool(characters), jiwer.process_characters(references, hypotheses)),
    ):
        assert pooled == ErrorCounts(
            output.hits, output.substitutions, output.deletions, output.insertions
        )
    if any(references):
        assert pool(words).rate == pytest.approx(jiwer.wer(references, hypotheses))
        assert pool(characters).rate == pytest.approx(jiwer.cer(references, hypotheses))


def test_hand_worked():
    (counts,) = word_counts(["the cat sat down"], ["a cat sat down there"])
    assert counts == ErrorCounts(hits=3, substitutions=1, deletions=0, insertions=1)
    assert counts.rate == 0.5


def test_pooled_rate_is_not_the_mean_of_rates_and_may_exceed_one():
    counts = word_counts(["a", "a b c d"], ["x y z", "a b c d"])
    assert [one.rate for one in counts] == [3.0, 0.0]
    assert pool(counts).rate == pytest.approx(3 / 5)


def test_an_empty_reference_counts_its_insertions_and_has_no_rate():
    (counts,) = word_counts([""], ["a b"])
    assert counts.insertions == 2
    assert math.isnan(counts.rate)
    assert pool(word_counts(["", "a"], ["b", "a"])).rate == 1.0


@pytest.mark.parametrize("count", [word_counts, character_counts])
def test_nothing_gives_nothing_and_spacing_is_no_error(count):
    assert count([], []) == []
    (counts,) = count([" a  b\t c"], ["a b c "])
    assert counts.errors == 0


def test_unequal_lists_are_refused():
    with pytest.raises(ValueError, match="2 references, 1 hypotheses"):
        word_counts(["a", "b"], ["a"])
