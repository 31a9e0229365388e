"""Errors between references and hypotheses: counts that add up, and one rate at the very end."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import jiwer


@dataclass(frozen=True, slots=True)
class ErrorCounts:
    """What a minimum edit distance alignment holds; sums of counts are counts of a corpus."""

    hits: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    def __add__(self, other: "ErrorCounts") -> "ErrorCounts":
        return ErrorCounts(
            self.hits + other.hits,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    @property
    def reference_length(self) -> int:
        return self.hits + self.substitutions + self.deletions

    @property
    def rate(self) -> float:
        """Errors as a fraction of the reference length: above 1 where insertions abound.

        NaN where the references are empty, since no number of insertions is a fraction of nothing.
        A mean of such rates over utterances is no corpus rate: `pool` the counts.
        """
        return self.errors / self.reference_length if self.reference_length else math.nan


def pool(counts: Iterable[ErrorCounts]) -> ErrorCounts:
    """The sum of all counts: those of the corpus."""
    return sum(counts, start=ErrorCounts())


def word_counts(references: Sequence[str], hypotheses: Sequence[str]) -> list[ErrorCounts]:
    """Word errors of each utterance; words are what white space separates."""
    return _counts(references, hypotheses, jiwer.process_words)


def character_counts(references: Sequence[str], hypotheses: Sequence[str]) -> list[ErrorCounts]:
    """Character errors of each utterance; a space is a character, but only single and inside."""
    return _counts(references, hypotheses, jiwer.process_characters)


_FIELD = {
    "equal": "hits",
    "substitute": "substitutions",
    "delete": "deletions",
    "insert": "insertions",
}


def _counts(
    references: Sequence[str],
    hypotheses: Sequence[str],
    process: Callable[[list[str], list[str]], jiwer.WordOutput | jiwer.CharacterOutput],
) -> list[ErrorCounts]:
    if len(references) != len(hypotheses):
        raise ValueError(f"{len(references)} references, {len(hypotheses)} hypotheses")
    if not references:
        return []  # jiwer gives one alignment for none
    output = process([_squeeze(text) for text in references], [_squeeze(t) for t in hypotheses])
    return [_count(alignment) for alignment in output.alignments]


def _squeeze(text: str) -> str:
    # A decoder may put spaces at the edges or two in a row, which nobody can see or hear.
    return " ".join(text.split())


def _count(alignment: Iterable[jiwer.AlignmentChunk]) -> ErrorCounts:
    counts = dict.fromkeys(_FIELD.values(), 0)
    for chunk in alignment:
        # An insertion spans no reference, a deletion no hypothesis, the others both alike.
        length = chunk.ref_end_idx - chunk.ref_start_idx or chunk.hyp_end_idx - chunk.hyp_start_idx
        counts[_FIELD[chunk.type]] += length
    return ErrorCounts(**counts)
