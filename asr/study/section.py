"""A part of the page, and how its numbers and comparisons are written."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from matplotlib.figure import Figure

from asr.statistics.bootstrap import Interval
from asr.statistics.comparison import Comparison, compare, counts, holm
from asr.statistics.interval import error_rate_interval
from asr.study.kept import Kept
from asr.study.setting import Setting


@dataclass(frozen=True)
class Material:
    """All that sections are worked out from."""

    folder: Path  # of the kept runs
    runs: Sequence[Kept]
    settings: Sequence[Setting]  # those that were scored on the test split
    tuned: Sequence[Setting]  # on the validation split, choices between them included


@dataclass(frozen=True)
class Section:
    """Markdown for between two markers of a page, and its pictures by file name."""

    text: str
    figures: Mapping[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Compared:
    """A setting beside the reference, by characters; None for the reference itself."""

    setting: Setting
    comparison: Comparison | None
    p: float  # Holm's, over the table


def beside(reference: Setting, others: Sequence[Setting]) -> list[Compared]:
    """Compare each with the reference, which comes first."""
    comparisons = [compare(reference.system, one.system, unit="characters") for one in others]
    adjusted = holm([one.p for one in comparisons])
    return [
        Compared(reference, None, math.nan),
        *map(Compared, others, comparisons, adjusted),
    ]


def verdict(comparison: Comparison, margin: float) -> str:
    """Whether the rate is within a margin of the reference's: shown, refuted or open."""
    if comparison.non_inferior(margin):
        return "shown"
    return "refuted" if comparison.relative.low > margin else "open"


def rate_cells(setting: Setting) -> list[str]:
    """CER with its interval, the CER of each seed, WER with its interval; in percent."""
    cer = error_rate_interval(*counts(setting.system, "characters"))
    wer = error_rate_interval(*counts(setting.system, "words"))
    seeds = ", ".join(f"{100 * rate:.1f}" for rate in setting.rates)
    return [percent(cer), seeds, percent(wer)]


RATE_HEADS = ["CER %", "of each seed", "WER %"]
DIFFERENCE_HEADS = ["CER to dense, relative", "p"]


def difference_cells(one: Compared) -> list[str]:
    """The relative difference with its interval, and p."""
    if one.comparison is None:
        return ["", ""]
    return [signed(one.comparison.relative), p_value(one.p)]


def percent(interval: Interval) -> str:
    """A rate: 33.0 (31.4 to 34.8), in percent."""
    return f"{100 * interval.estimate:.1f} {_ends(interval, '.1f')}"


def signed(interval: Interval) -> str:
    """A relative difference: +5.0 % (+1.0 to +9.0)."""
    return f"{100 * interval.estimate:+.1f} % {_ends(interval, '+.1f')}"


def _ends(interval: Interval, form: str) -> str:
    return f"({100 * interval.low:{form}} to {100 * interval.high:{form}})"


def p_value(p: float) -> str:
    """To three digits."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; a cell must hold no bar."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def seeds_of(setting: Setting) -> str:
    """How many seeds it was trained with."""
    count = len(setting.runs)
    return "1 seed" if count == 1 else f"{count} seeds"


def picture(name: str, alternative: str) -> str:
    """A picture of the section, as a page in docs/ shows it."""
    return f"![{alternative}](results/study/figures/{name})\n"


def nothing_yet(what: str, command: str) -> Section:
    """What a section says before its runs are there."""
    return Section(f"No runs of {what} are kept yet: `{command}`.\n")
