"""Words of a reference beside the words understood, and where in it the errors lie."""

from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
import numpy as np
from numpy.typing import NDArray

# A reference word and what stands in its place; None on the left is an insertion, on the right a
# deletion.
Column = tuple[str | None, str | None]


def align(references: Sequence[str], texts: Sequence[str]) -> list[list[Column]]:
    """Minimum edit distance alignment of each utterance, by words, as jiwer counts errors."""
    if not references:
        return []  # jiwer gives one alignment for none
    left = [text.split() for text in references]
    right = [text.split() for text in texts]
    output = jiwer.process_words([" ".join(one) for one in left], [" ".join(one) for one in right])
    return [
        [column for chunk in alignment for column in _columns(chunk, reference, text)]
        for alignment, reference, text in zip(output.alignments, left, right, strict=True)
    ]


def _columns(
    chunk: jiwer.AlignmentChunk, reference: Sequence[str], text: Sequence[str]
) -> list[Column]:
    said = reference[chunk.ref_start_idx : chunk.ref_end_idx]
    heard = text[chunk.hyp_start_idx : chunk.hyp_end_idx]
    if chunk.type == "insert":
        return [(None, word) for word in heard]
    if chunk.type == "delete":
        return [(word, None) for word in said]
    return list(zip(said, heard, strict=True))


@dataclass(frozen=True, eq=False)
class Slots:
    """Errors by place, all utterances end to end.

    An utterance of L words has L + 1 slots, one a word and one for its end. A slot's insertions
    are those before its word.
    """

    wrong: NDArray[np.float64]  # (K,) the slot's word substituted or deleted; 0 at an end
    insertions: NDArray[np.float64]  # (K,)
    ends: NDArray[np.int64]  # (N,) index of the last slot of each utterance

    @property
    def errors(self) -> NDArray[np.float64]:
        """All errors of each slot `(K,)`."""
        return self.wrong + self.insertions

    def per_utterance(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums `(N,)` over each utterance's slots of values `(K,)`."""
        starts = np.concatenate([[0], self.ends[:-1] + 1]) if len(self.ends) else self.ends
        sums: NDArray[np.float64] = np.add.reduceat(values, starts) if len(starts) else values
        return sums


def slots(references: Sequence[str], readings: Sequence[Sequence[str]]) -> Slots:
    """Errors by place, the mean over several readings of the same references.

    Args:
        references: of N utterances.
        readings: texts of the N utterances, of each seed.
    """
    lengths = np.array([len(reference.split()) for reference in references], dtype=np.int64)
    ends = np.cumsum(lengths + 1) - 1
    size = int(ends[-1]) + 1 if len(ends) else 0
    wrong, insertions = np.zeros(size), np.zeros(size)
    for texts in readings:
        slot = 0
        for columns in align(references, texts):
            for said, heard in columns:
                if said is None:
                    insertions[slot] += 1
                else:
                    wrong[slot] += said != heard
                    slot += 1
            slot += 1  # the utterance's end
    return Slots(wrong / len(readings), insertions / len(readings), ends)
