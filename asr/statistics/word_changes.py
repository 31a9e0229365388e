"""Which words turned wrong and which turned right from one system to the other."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.statistics.alignment import align
from asr.statistics.comparison import refuse_unpaired
from asr.statistics.system import System

DELETED = "(nothing)"


@dataclass(frozen=True, slots=True)
class WordChange:
    """A reference word that one system got right and the other wrong, over its occurrences.

    With several seeds an occurrence counts by the share of seeds that got it wrong, so that what
    fails in one seed of three in both systems is no change.
    """

    word: str
    occurrences: int  # in the references
    changed: float  # occurrences
    instead: str  # what the system that is wrong wrote most often there


def turned_wrong(a: System, b: System) -> list[WordChange]:
    """Words that a got right and b gets wrong, the most frequent change first."""
    refuse_unpaired(a, b)
    return _changes(b, b.slots.wrong - a.slots.wrong)


def turned_right(a: System, b: System) -> list[WordChange]:
    """Words that a got wrong and b gets right, with what a wrote instead."""
    refuse_unpaired(a, b)
    return _changes(a, a.slots.wrong - b.slots.wrong)


def _changes(worse: System, excess: NDArray[np.float64]) -> list[WordChange]:
    """Changes by word, of those slots `(K,)` where the excess is above 0."""
    occurrences: Counter[str] = Counter()
    changed: defaultdict[str, float] = defaultdict(float)
    instead: defaultdict[str, Counter[str]] = defaultdict(Counter)
    places = np.delete(np.arange(len(excess)), worse.slots.ends)  # an utterance's end is no word
    for slot, (word, heard) in zip(places, _heard(worse), strict=True):
        occurrences[word] += 1
        if excess[slot] > 1e-9:
            changed[word] += float(excess[slot])
            instead[word].update(other for other in heard if other != word)
    return [
        WordChange(word, occurrences[word], count, instead[word].most_common(1)[0][0])
        for word, count in sorted(changed.items(), key=lambda item: (-item[1], item[0]))
    ]


def _heard(system: System) -> list[tuple[str, Sequence[str]]]:
    """Each reference word, and what each seed wrote in its place."""
    seeds = [
        [
            (said, heard or DELETED)
            for columns in align(system.references, texts)
            for said, heard in columns
            if said is not None
        ]
        for texts in system.texts
    ]
    return [(at[0][0], [heard for _, heard in at]) for at in zip(*seeds, strict=True)]
