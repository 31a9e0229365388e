"""Two systems on the same utterances: how much they differ, and whether that could be chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from asr.errors import InputError
from asr.statistics.bootstrap import RESAMPLES, SEED, Interval, bootstrap
from asr.statistics.few import differing, least_differing
from asr.statistics.interval import by_cluster, speaker_clusters
from asr.statistics.mapsswe import matched_pairs_p, segment_errors
from asr.statistics.non_inferiority import non_inferiority_p, units_needed
from asr.statistics.power import utterances_needed
from asr.statistics.system import System

Unit = Literal["words", "characters"]
Drawn = Literal["utterances", "speakers"]
_Counts = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]
ALPHA = 0.05


@dataclass(frozen=True, eq=False)
class Comparison:
    """System b beside system a, on the same utterances.

    Whole speakers are drawn where at least 20 are named, utterances elsewhere: what a system finds
    hard in a speaker it finds hard in all of that speaker's utterances, which are no further
    evidence of a difference on other speakers. What needs alignments, which take most of the
    time, is worked out when it is asked for.
    """

    a: System = field(repr=False)
    b: System = field(repr=False)
    unit: Unit
    drawn: Drawn  # by `difference`, `relative`, `p` and the non-inferiority test
    difference: Interval  # of rates, b - a
    relative: Interval  # (b - a) / a; NaN where a has no errors
    p: float  # paired bootstrap, two-sided
    resamples: int
    seed: int

    @cached_property
    def difference_by_utterance(self) -> Interval:
        """The difference where utterances are drawn, whoever speaks them."""
        errors_a, errors_b, lengths = _drawn_errors(self.a, self.b, self.unit, None)
        gap = bootstrap(errors_b - errors_a, lengths, self.resamples, self.seed)
        return gap.symmetric_interval()

    @property
    def p_utterances(self) -> float:
        """Two-sided p of matched pairs by utterances, whose errors may depend on each other."""
        return matched_pairs_p(counts(self.a, self.unit)[0], counts(self.b, self.unit)[0])

    @cached_property
    def segment_errors(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Errors of a and b in each segment of NIST's test, `(M,)` each; of words."""
        return segment_errors(self.a.slots, self.b.slots)

    @property
    def segments(self) -> int | None:
        """How many there are. Two characters right in a row bound nothing: None for those."""
        return len(self.segment_errors[0]) if self.unit == "words" else None

    @property
    def p_mapsswe(self) -> float:
        """Two-sided p of NIST's matched-pairs test; NaN for characters, which have no segments."""
        return matched_pairs_p(*self.segment_errors) if self.unit == "words" else math.nan

    @property
    def utterances_needed(self) -> int | None:
        """Utterances to show such a difference with 80 % power at 5 %.

        Where speakers are drawn, of more speakers with as many utterances each as here. None
        where this set shows it already, or where there is no difference.
        """
        if self.p < ALPHA:
            return None
        errors_a, errors_b, lengths = self._drawn_errors
        gap = errors_b - errors_a
        needed = utterances_needed(gap, lengths)
        if needed is None:
            return None
        # However large the difference, p stays at a sign test's until so many units differ.
        differ = int(differing(gap, float(np.abs([errors_a, errors_b]).max())).sum())
        return self._utterances(max(needed, -(-len(gap) * least_differing(ALPHA) // differ)))

    def utterances_for(self, margin: float) -> int | None:
        """Utterances to show b within `margin` of a with 80 % power, were the rates as seen.

        Of more speakers where speakers are drawn. None where this set shows it already, or where
        b's rate is beyond the margin.
        """
        if self.non_inferior(margin):
            return None
        return self._utterances(units_needed(*self._drawn_errors, margin))

    def speakers_of(self, utterances: int) -> int:
        """How many speakers so many utterances would have, each with as many as here."""
        return utterances * self._units // len(self.a.ids)

    def non_inferior(self, margin: float) -> bool:
        """Whether b is shown to be within `margin` (0.05 for 5 % relative) of a.

        At the one-sided 2.5 % of ICH E9 (1998): the 95 % interval of b's rate less (1 + margin)
        times a's is below 0.
        """
        return self.non_inferiority_p(margin) < ALPHA / 2

    def non_inferiority_p(self, margin: float) -> float:
        """One-sided p of b's rate being (1 + margin) times a's, or more."""
        return non_inferiority_p(*self._drawn_errors, margin, self.resamples, self.seed)

    @cached_property
    def _drawn_errors(self) -> _Counts:
        """Errors of a and of b and reference lengths of each unit drawn."""
        return _drawn_errors(self.a, self.b, self.unit, self._clusters)

    @cached_property
    def _clusters(self) -> NDArray[np.int64] | None:
        return speaker_clusters(self.a.speakers)

    @property
    def _units(self) -> int:
        clusters = self._clusters
        return len(self.a.ids) if clusters is None else int(clusters.max()) + 1

    def _utterances(self, units: int | None) -> int | None:
        return None if units is None else -(-units * len(self.a.ids) // self._units)


def compare(
    a: System, b: System, *, unit: Unit = "words", resamples: int = RESAMPLES, seed: int = SEED
) -> Comparison:
    """Compare two systems by a paired bootstrap: both are scored on the same draws.

    Raises:
        InputError: they were not scored on the same utterances and references.
    """
    refuse_unpaired(a, b)
    clusters = speaker_clusters(a.speakers)
    errors_a, errors_b, lengths = _drawn_errors(a, b, unit, clusters)
    difference = errors_b - errors_a
    gap = bootstrap(difference, lengths, resamples, seed)
    return Comparison(
        a=a,
        b=b,
        unit=unit,
        drawn="utterances" if clusters is None else "speakers",
        difference=gap.symmetric_interval(),
        relative=bootstrap(difference, errors_a, resamples, seed).symmetric_interval(),
        p=gap.p(),
        resamples=resamples,
        seed=seed,
    )


def counts(system: System, unit: Unit) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Errors and reference lengths of each utterance, `(N,)`."""
    if unit == "words":
        return system.word_errors, system.words
    return system.character_errors, system.characters


def _drawn_errors(a: System, b: System, unit: Unit, clusters: NDArray[np.int64] | None) -> _Counts:
    """Errors of a and of b and reference lengths, of each cluster or utterance."""
    (errors_a, lengths), (errors_b, _) = counts(a, unit), counts(b, unit)
    return (
        by_cluster(errors_a, clusters),
        by_cluster(errors_b, clusters),
        by_cluster(lengths, clusters),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values of a family of tests (Holm 1979): significant at 5 % where below 0.05.

    NaN, a test that was not made, stays NaN and counts for nothing.
    """
    adjusted = list(p_values)
    made = sorted((p, index) for index, p in enumerate(p_values) if not math.isnan(p))
    largest = 0.0
    for rank, (p, index) in enumerate(made):
        largest = max(largest, min(1.0, (len(made) - rank) * p))
        adjusted[index] = largest
    return adjusted


def refuse_unpaired(a: System, b: System) -> None:
    """Raise InputError unless both systems were scored on the same utterances."""
    subject = f"{a.name} and {b.name}"
    if a.manifest_sha256 != b.manifest_sha256 or a.ids != b.ids:
        raise InputError(
            subject,
            expected="results on one manifest",
            got=f"manifests {a.manifest_sha256[:12]} ({a.results[0].corpus}-{a.results[0].split}, "
            f"{len(a.ids)} utterances) and {b.manifest_sha256[:12]} ({b.results[0].corpus}-"
            f"{b.results[0].split}, {len(b.ids)} utterances)",
            remedy="Score both on the same file: python evaluate.py manifests=[MANIFEST].",
        )
    if a.references != b.references:
        differ = sum(x != y for x, y in zip(a.references, b.references, strict=True))
        raise InputError(
            subject,
            expected="the same references, from one normaliser",
            got=f"{differ} of {len(a.ids)} that differ (normalisers {a.results[0].normaliser} and "
            f"{b.results[0].normaliser})",
            remedy="Score runs whose normaliser is the same.",
        )
