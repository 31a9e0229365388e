"""The worst utterances, the words of both systems below those of the reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from asr.statistics.alignment import Column, align
from asr.statistics.comparison import refuse_unpaired
from asr.statistics.system import System

Order = Literal["errors", "change"]
# Reference, system a, system b; None where one has no word.
Row = tuple[str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class SideBySide:
    """One utterance by two systems, of several seeds the first one of each."""

    id: str
    speaker: str
    words: int
    errors_a: float  # mean over the seeds
    errors_b: float
    rows: list[Row]


def worst(a: System, b: System, count: int, order: Order) -> list[SideBySide]:
    """The `count` utterances with most word errors, or with most more errors by b than by a.

    Those without any (more) errors are no part of it.

    Args:
        a, b: two systems on one test set.
        count: of utterances, at most.
        order: "errors" of both together, or their "change" from a to b.
    """
    refuse_unpaired(a, b)
    lost = b.word_errors - a.word_errors
    score = a.word_errors + b.word_errors if order == "errors" else lost
    chosen = [i for i in np.argsort(-score, kind="stable")[:count].tolist() if score[i] > 0]
    references = [a.references[i] for i in chosen]
    of_a = align(references, [a.texts[0][i] for i in chosen])
    of_b = align(references, [b.texts[0][i] for i in chosen])
    return [
        SideBySide(
            id=a.ids[i],
            speaker=a.speakers[i],
            words=int(a.words[i]),
            errors_a=float(a.word_errors[i]),
            errors_b=float(b.word_errors[i]),
            rows=merge(left, right),
        )
        for i, left, right in zip(chosen, of_a, of_b, strict=True)
    ]


def merge(a: Sequence[Column], b: Sequence[Column]) -> list[Row]:
    """Two alignments with one reference as one: insertions at the same place share a row."""
    rows: list[Row] = []
    left, right = 0, 0
    while left < len(a) or right < len(b):
        inserted_a = a[left][1] if left < len(a) and a[left][0] is None else None
        inserted_b = b[right][1] if right < len(b) and b[right][0] is None else None
        if inserted_a is None and inserted_b is None:
            rows.append((a[left][0], a[left][1], b[right][1]))
            left, right = left + 1, right + 1
        else:
            rows.append((None, inserted_a, inserted_b))
            left, right = left + (inserted_a is not None), right + (inserted_b is not None)
    return rows
