"""Who pays: how two systems differ on parts of a test set, each with its interval."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
from numpy.typing import NDArray

from asr.statistics.bootstrap import RESAMPLES, SEED, Interval, bootstrap
from asr.statistics.comparison import Unit, counts, refuse_unpaired
from asr.statistics.contrast import Contrast, contrast
from asr.statistics.system import System

RARE = 10  # occurrences in the training texts: up to so many, a word is rare


@dataclass(frozen=True, slots=True)
class Subgroup:
    """Errors of two systems in a part of a test set."""

    name: str
    utterances: int
    length: int  # of the references, in words or characters
    rate_a: float  # pooled
    rate_b: float
    difference: Interval  # b - a, utterances of the part drawn; NaN ends where all differ alike
    to_rest: Contrast | None  # of b - a; None without a rest, as of insertions
    relative_to_rest: Contrast | None  # of b - a by the errors of a
    lost: "Lost | None" = None  # of words alone


@dataclass(frozen=True, slots=True)
class Lost:
    """Reference words that a has right, and those of them that another has wrong.

    Means over all pairs of seeds.
    """

    right: float  # in a
    by_b: float
    by_seed: float  # of a's own others; NaN of one seed


@dataclass(frozen=True, eq=False)
class _Counts:
    """Errors of two systems and lengths of the references, by utterance, each `(N,)`."""

    a: NDArray[np.float64]
    b: NDArray[np.float64]
    lengths: NDArray[np.float64]

    @property
    def some(self) -> NDArray[np.bool_]:
        """The utterances that have something of it."""
        return (self.lengths > 0) | (self.a > 0) | (self.b > 0)

    def where(self, chosen: NDArray[np.bool_]) -> "_Counts":
        """Those of some utterances, and 0 of the others."""
        return _Counts(self.a * chosen, self.b * chosen, self.lengths * chosen)

    def __add__(self, other: "_Counts") -> "_Counts":
        return _Counts(self.a + other.a, self.b + other.b, self.lengths + other.lengths)


def by_speaker(a: System, b: System, unit: Unit = "words") -> list[Subgroup]:
    """Each speaker, the one who loses most by b first; none where no speaker is named."""
    refuse_unpaired(a, b)
    names = np.array([name or "(unnamed)" for name in a.speakers], dtype=np.str_)
    if not any(a.speakers):
        return []
    parts = [_part(str(name), a, b, unit, names == name) for name in np.unique(names)]
    rates = [part.difference.estimate for part in parts]  # NaN of who said nothing: last
    order = sorted(range(len(parts)), key=lambda at: (math.isnan(rates[at]), -rates[at]))
    return [parts[at] for at in order]


def by_duration(a: System, b: System, unit: Unit = "words") -> list[Subgroup]:
    """Thirds of the utterances by their length in seconds."""
    refuse_unpaired(a, b)
    return _thirds(a, b, unit, a.seconds, "s")


def by_speaking_rate(a: System, b: System, unit: Unit = "words") -> list[Subgroup]:
    """Thirds of the utterances by reference words a second."""
    refuse_unpaired(a, b)
    return _thirds(a, b, unit, a.words / a.seconds, "words/s")


def by_frequency(a: System, b: System, trained_on: Mapping[str, int]) -> list[Subgroup]:
    """Reference words by how often they occur in the training texts; insertions at the end.

    A word counts as an error where it was substituted or deleted. An insertion belongs to no
    reference word; its rate is by all of them.

    Args:
        a, b: two systems on one test set.
        trained_on: occurrences of each word in the training texts.
    """
    refuse_unpaired(a, b)
    # As in Slots: the words of each utterance and one place more for its end.
    seen = [trained_on.get(w, 0) for r in a.references for w in r.split()]
    times = np.full(len(a.slots.wrong), -1, dtype=np.int64)
    times[np.delete(np.arange(len(times)), a.slots.ends)] = seen
    bands = {
        "out of vocabulary": times == 0,
        f"rare, 1 to {RARE}": (times > 0) & (times <= RARE),
        f"common, over {RARE}": times > RARE,
    }
    counted = {
        name: _Counts(
            a.slots.per_utterance(a.slots.wrong * band),
            b.slots.per_utterance(b.slots.wrong * band),
            a.slots.per_utterance(band.astype(np.float64)),
        )
        for name, band in bands.items()
    }
    parts = [
        replace(
            _errors(name, own, [other for other in counted.values() if other is not own]),
            lost=_lost(a, b, bands[name]),
        )
        for name, own in counted.items()
    ]
    of_a, of_b = (one.slots.per_utterance(one.slots.insertions) for one in (a, b))
    return [*parts, _errors("insertions", _Counts(of_a, of_b, a.words), [])]


def _lost(a: System, b: System, band: NDArray[np.bool_]) -> Lost:
    """Of the reference words of a band, (slots,)."""
    seeds, wrong_a, wrong_b = len(a.results), a.slots.wrong[band], b.slots.wrong[band]
    # Of n seeds that have w of a word's n readings wrong, w (n - w) of n (n - 1) pairs lose it.
    pairs = seeds / (seeds - 1) if seeds > 1 else math.nan
    return Lost(
        float((1 - wrong_a).sum()),
        float(((1 - wrong_a) * wrong_b).sum()),
        pairs * float((wrong_a * (1 - wrong_a)).sum()),
    )


def _thirds(
    a: System, b: System, unit: Unit, values: NDArray[np.float64], symbol: str
) -> list[Subgroup]:
    """Thirds by a value of each utterance `(N,)`; equal values stay together."""
    low, high = np.quantile(values, [1 / 3, 2 / 3])
    third = np.searchsorted([low, high], values)
    names = (
        f"up to {low:.2f} {symbol}",
        f"{low:.2f} to {high:.2f} {symbol}",
        f"over {high:.2f} {symbol}",
    )
    parts = [_part(name, a, b, unit, third == index) for index, name in enumerate(names)]
    return [part for part in parts if part.utterances]


def _part(name: str, a: System, b: System, unit: Unit, chosen: NDArray[np.bool_]) -> Subgroup:
    (errors_a, lengths), (errors_b, _) = counts(a, unit), counts(b, unit)
    whole = _Counts(errors_a, errors_b, lengths)
    return _subgroup(name, whole.where(chosen), whole.where(~chosen), chosen)


def _errors(name: str, own: _Counts, others: Sequence[_Counts]) -> Subgroup:
    """Of the utterances that have something of the part, so that every draw has some too."""
    rest = reduce(_Counts.__add__, others) if others else None
    return _subgroup(name, own, rest, own.some)


def _subgroup(name: str, own: _Counts, rest: _Counts | None, chosen: NDArray[np.bool_]) -> Subgroup:
    total = float(own.lengths.sum())
    rates = [float(one.sum()) / total if total else float("nan") for one in (own.a, own.b)]
    change = own.b - own.a
    difference = bootstrap(change[chosen], own.lengths[chosen], RESAMPLES, SEED)
    to_rest, relative = None, None
    if rest is not None and rest.some.any():
        changed = rest.b - rest.a
        to_rest = contrast((change, own.lengths), (changed, rest.lengths))
        relative = contrast((change, own.a), (changed, rest.a))
    return Subgroup(
        name,
        int(chosen.sum()),
        int(total),
        rates[0],
        rates[1],
        difference.symmetric_interval(),
        to_rest,
        relative,
    )
