"""A setting on one test set: its rates with intervals, and its difference from the baseline."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from asr.errors import InputError
from asr.evaluation.result import HYPOTHESES
from asr.leaderboard.reading import Located
from asr.statistics.bootstrap import Interval
from asr.statistics.comparison import Unit, compare, counts
from asr.statistics.interval import error_rate_interval, speaker_clusters
from asr.statistics.system import System, read_systems

UNITS: tuple[Unit, Unit] = ("words", "characters")


@dataclass(frozen=True, slots=True)
class Rate:
    """A pooled error rate; its interval is NaN where there are no hypotheses to draw from."""

    interval: Interval
    drawn: str  # what was resampled: "utterances", "speakers", or nothing


@dataclass(frozen=True, slots=True)
class Difference:
    """From the dense baseline, in the rate; p-values are NaN without hypotheses."""

    interval: Interval
    relative: Interval
    p: float  # paired bootstrap
    p_holm: float = math.nan  # the same, adjusted over the table


def load_system(seeds: Sequence[Located], notes: list[str]) -> System | None:
    """All seeds with their hypotheses; None where some seed has none.

    Hypotheses that are damaged, or differ in their references, are as none, and a note says so.
    """
    if not all((one.path.parent / HYPOTHESES).is_file() for one in seeds):
        return None
    try:
        (system,) = read_systems([one.path.parent for one in seeds])
    except InputError as error:
        notes.append(f"no interval: {error}")
        return None
    return system


def rate(seeds: Sequence[Located], system: System | None, unit: Unit) -> Rate:
    """The rate over all seeds; by speakers where there are enough of them."""
    if system is None:
        return Rate(_bare(_pooled(seeds, unit)), "")
    clusters = speaker_clusters(system.speakers)
    interval = error_rate_interval(*counts(system, unit), clusters=clusters)
    if math.isnan(interval.low):  # all err alike
        return Rate(interval, "")
    return Rate(interval, "utterances" if clusters is None else "speakers")


def difference(
    seeds: Sequence[Located],
    system: System | None,
    dense_seeds: Sequence[Located],
    dense: System | None,
    unit: Unit,
) -> Difference:
    """What a setting costs beside its dense baseline; positive is worse.

    Raises:
        InputError: the two were scored against other references.
    """
    if system is None or dense is None:
        base = _pooled(dense_seeds, unit)
        gap = _pooled(seeds, unit) - base
        return Difference(_bare(gap), _bare(gap / base if base else math.nan), math.nan)
    found = compare(dense, system, unit=unit)
    return Difference(found.difference, found.relative, found.p)


def _pooled(seeds: Sequence[Located], unit: Unit) -> float:
    """All errors by all reference words, or characters."""
    errors = length = 0
    for one in seeds:
        r = one.result
        if unit == "words":
            wrong, extra, right = r.substitutions + r.deletions, r.insertions, r.hits
        else:
            wrong = r.char_substitutions + r.char_deletions
            extra, right = r.char_insertions, r.char_hits
        errors, length = errors + wrong + extra, length + wrong + right
    return errors / length if length else math.nan


def _bare(value: float) -> Interval:
    return Interval(value, math.nan, math.nan)
