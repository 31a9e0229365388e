"""Everything that is known of a pair of systems, as one record."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from asr.statistics.comparison import Comparison, Unit, compare, counts
from asr.statistics.interval import Interval, error_rate_interval, speaker_clusters
from asr.statistics.side_by_side import SideBySide, worst
from asr.statistics.subgroups import (
    Subgroup,
    by_duration,
    by_frequency,
    by_speaker,
    by_speaking_rate,
)
from asr.statistics.system import System
from asr.statistics.word_changes import WordChange, turned_right, turned_wrong


@dataclass(frozen=True, slots=True)
class Rates:
    """One system's error rates."""

    name: str
    group_key: str
    seeds: list[int]
    wer: Interval  # utterances drawn
    cer: Interval
    wer_by_speaker: Interval | None  # speakers drawn; None with fewer than 20
    cer_by_speaker: Interval | None


@dataclass(frozen=True, slots=True)
class Report:
    """Two systems on one test set."""

    test_set: str
    decoder: str
    manifest_sha256: str
    utterances: int
    words: int
    speakers: int  # that have a name
    unit: Unit
    margin: float
    a: Rates
    b: Rates
    comparison: Comparison
    who_pays: dict[str, list[Subgroup]]
    turned_wrong: list[WordChange]
    turned_right: list[WordChange]
    most_errors: list[SideBySide]
    most_lost: list[SideBySide]


def report(
    a: System,
    b: System,
    *,
    unit: Unit,
    margin: float,
    trained_on: Mapping[str, int] | None,
    shown: int,
) -> Report:
    """Compare two systems in every way that this package knows.

    Args:
        a, b: the baseline and what is compared with it.
        unit: of the comparison and of who pays.
        margin: of the non-inferiority test, a fraction of a's rate.
        trained_on: occurrences of words in the training texts, for the frequency bands.
        shown: utterances side by side, in each of the two orders.

    Raises:
        InputError: they were not scored on the same utterances.
    """
    comparison = compare(a, b, unit=unit)
    first = a.results[0]
    who_pays = {
        "speaker": by_speaker(a, b, unit),
        "utterance length": by_duration(a, b, unit),
        "speaking rate": by_speaking_rate(a, b, unit),
    }
    if trained_on is not None:
        who_pays["word frequency in training"] = by_frequency(a, b, trained_on)
    return Report(
        test_set=f"{first.corpus}-{first.split}",
        decoder=" and ".join(dict.fromkeys((a.decoder, b.decoder))),
        manifest_sha256=a.manifest_sha256,
        utterances=len(a.ids),
        words=int(a.words.sum()),
        speakers=len(set(a.speakers) - {""}),
        unit=unit,
        margin=margin,
        a=rates(a),
        b=rates(b),
        comparison=comparison,
        who_pays=who_pays,
        turned_wrong=turned_wrong(a, b),
        turned_right=turned_right(a, b),
        most_errors=worst(a, b, shown, "errors"),
        most_lost=worst(a, b, shown, "change"),
    )


def rates(system: System) -> Rates:
    """Word and character error rates with their intervals."""
    clusters = speaker_clusters(system.speakers)
    units: tuple[Unit, Unit] = ("words", "characters")
    wer, cer = (error_rate_interval(*counts(system, unit)) for unit in units)
    by_speakers: list[Interval | None] = [None, None]
    if clusters is not None:
        by_speakers = [error_rate_interval(*counts(system, u), clusters=clusters) for u in units]
    seeds = [result.seed for result in system.results]
    return Rates(system.name, system.group_key, seeds, wer, cer, *by_speakers)


def plain(found: Report) -> dict[str, Any]:
    """For JSON: numbers, strings, lists and dicts; what is not a number is None."""
    compared = found.comparison
    content = {key: value for key, value in asdict(found).items() if key != "comparison"}
    content["comparison"] = {
        "drawn": compared.drawn,
        "difference": asdict(compared.difference),
        "difference_by_utterance": asdict(compared.difference_by_utterance),
        "relative": asdict(compared.relative),
        "p": compared.p,
        "p_mapsswe": compared.p_mapsswe,
        "p_utterances": compared.p_utterances,
        "segments": compared.segments,
        "utterances_needed": compared.utterances_needed,
        "non_inferior": compared.non_inferior(found.margin),
        "non_inferiority_p": compared.non_inferiority_p(found.margin),
        "utterances_for_margin": compared.utterances_for(found.margin),
    }
    return _without_nan(content)  # type: ignore[no-any-return]


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
