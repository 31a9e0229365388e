"""Counts agree with jiwer's own numbers on any text."""

import jiwer
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.evaluation.error_rate import ErrorCounts, character_counts, pool, word_counts

# Any Unicode but lone surrogates, with white space of every kind, combining marks and empty texts.
characters = st.characters(exclude_categories=["Cs"])
spaces = st.sampled_from(" \t\n\u00a0\u2003\u3000")
any_text = st.text(characters | spaces, max_size=30)
# A few words only, so that hits and every kind of error are frequent.
similar = st.lists(
    st.sampled_from(["a", "aa", "\u00e9", "e\u0301", "\u4e2d\u6587", "\U0001f600", "I'm"]),
    max_size=9,
).map(" ".join)
corpora = st.lists(
    st.tuples(any_text, any_text) | st.tuples(similar, similar), min_size=1, max_size=8
)


def jiwer_counts(output: jiwer.WordOutput | jiwer.CharacterOutput) -> ErrorCounts:
    return ErrorCounts(output.hits, output.substitutions, output.deletions, output.insertions)


def single_spaced(text: str) -> str:
    """A space is what Python's `split` takes for one: jiwer splits at the plain one only."""
    return " ".join(text.split())


@settings(deadline=None, max_examples=300)
@given(corpora)
def test_counts_are_those_of_jiwer(corpus: list[tuple[str, str]]) -> None:
    references, hypotheses = map(list, zip(*corpus, strict=True))
    left, right = (list(map(single_spaced, texts)) for texts in (references, hypotheses))
    for count, process, rate in (
        (word_counts, jiwer.process_words, jiwer.wer),
        (character_counts, jiwer.process_characters, jiwer.cer),
    ):
        each = count(references, hypotheses)
        assert each == [
            jiwer_counts(process(one, other)) for one, other in zip(left, right, strict=True)
        ]
        assert pool(each) == jiwer_counts(process(left, right))
        if any(left):
            assert pool(each).rate == pytest.approx(rate(left, right))


@settings(deadline=None)
@given(st.lists(any_text, min_size=1, max_size=5))
def test_empty_sides(texts: list[str]) -> None:
    nothing = [""] * len(texts)
    for count in (word_counts, character_counts):
        deleted, inserted = pool(count(texts, nothing)), pool(count(nothing, texts))
        assert deleted == ErrorCounts(deletions=deleted.deletions)
        assert inserted == ErrorCounts(insertions=deleted.deletions)
        assert pool(count(texts, texts)) == ErrorCounts(hits=deleted.deletions)
