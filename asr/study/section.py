"""A part of the page, and how its numbers and comparisons are written."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from matplotlib.figure import Figure

from asr.statistics.bootstrap import Interval
from asr.statistics.comparison import ALPHA, Comparison, Unit, compare, holm
from asr.study import figures
from asr.study.kept import SEARCHED, Kept
from asr.study.plan import BLOCK, Experiment, Grid, grid
from asr.study.setting import Setting, settings

FIGURES = "figures:"  # where pictures are, until it is known which page shows them


@dataclass(frozen=True)
class Material:
    """All that sections are worked out from."""

    folder: Path  # of the kept runs
    real: Experiment  # that questions on real speech are answered by
    runs: Sequence[Kept]
    settings: Sequence[Setting]  # on the test split
    tuned: Sequence[Setting]  # on the validation split, by which choices are made
    searched: Sequence[Setting]  # on the test split, with a language model

    @classmethod
    def of(cls, folder: Path, runs: Sequence[Kept], real: Experiment) -> "Material":
        """Of all runs kept in a folder."""
        return cls(
            folder,
            real,
            runs,
            settings(runs, "test"),
            settings(runs, "validation"),
            settings(runs, "test", SEARCHED),
        )

    @property
    def grid(self) -> Grid | None:
        """The experiment's models, by greedy decoding."""
        return grid(self.settings, self.real)

    @property
    def searched_grid(self) -> Grid | None:
        """Those that were scored with a language model, by that."""
        return grid(self.searched, self.real)

    def by(self, real: Experiment) -> "Material":
        """The same, with questions on real speech answered by another experiment."""
        return replace(self, real=real)

    def measured(self, name: str) -> Path:
        """What a benchmark wrote about the experiment's models, beside their runs."""
        return self.folder / self.real.name / name


@dataclass(frozen=True)
class Section:
    """Markdown for between two markers of a page, and its pictures by file name."""

    text: str
    figures: Mapping[str, Figure] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Compared:
    """A setting beside the reference, None for the reference itself."""

    setting: Setting
    comparison: Comparison | None
    p: float  # Holm's, over the table


@cache
def compare_settings(a: Setting, b: Setting, unit: Unit = "characters") -> Comparison:
    """Compare two settings; once a pair, since several sections show the same."""
    return compare(a.system, b.system, unit=unit)


def beside(
    reference: Setting, others: Sequence[Setting], *, unit: Unit = "characters"
) -> list[Compared]:
    """Compare each with the reference, which comes first."""
    comparisons = [compare_settings(reference, one, unit) for one in others]
    adjusted = holm([one.p for one in comparisons])
    return [
        Compared(reference, None, math.nan),
        *map(Compared, others, comparisons, adjusted),
    ]


def without_reference(rows: Iterable[Compared]) -> list[tuple[Setting, Comparison]]:
    """What was compared with the reference, and how."""
    return [(one.setting, one.comparison) for one in rows if one.comparison is not None]


def told_apart(comparison: Comparison) -> int:
    """1 where b is shown to err more than a at 5 %, -1 where less, else 0."""
    if not comparison.p < ALPHA:
        return 0
    return 1 if comparison.difference.estimate > 0 else -1


def verdict(comparison: Comparison, margin: float) -> str:
    """Whether b's rate is within a margin of a's, by the one-sided test of either side at 2.5 %."""
    if comparison.non_inferior(margin):
        return "shown"
    return "refuted" if comparison.non_inferiority_p(margin) > 1 - ALPHA / 2 else "open"


def comparison_table(
    rows: Sequence[Compared],
    name: Callable[[Setting], str],
    *,
    what: str,
    more: Mapping[str, Callable[[Setting], str]],
    margin: float | None = None,
    to: str = "dense",
) -> str:
    """Markdown: what it is, further columns, rates, the difference, and the margin's verdict.

    `to` is what the first row is called in the head of the differences.
    """
    head = [what, *more, "CER %", "of each seed", "WER %", f"CER to {to}, relative", "p"]
    head += [] if margin is None else [f"within {100 * margin:.0f} %"]
    lines = []
    for one in rows:
        setting, found = one.setting, one.comparison
        line = [f"{name(setting)}, {seeds_of(setting)}", *(cell(setting) for cell in more.values())]
        line += rate_cells(setting)
        line += ["", ""] if found is None else [signed(found.relative), p_value(one.p)]
        if margin is not None:
            line.append("" if found is None else verdict(found, margin))
        lines.append(line)
    return table(head, lines)


def comparison_figure(rows: Sequence[Compared], name: Callable[[Setting], str]) -> Figure:
    """The CER of each row with its interval and seeds."""
    return figures.rates(
        [name(one.setting) for one in rows],
        [one.setting.dense for one in rows],
        [one.setting.cer_interval for one in rows],
        [one.setting.rates for one in rows],
        "CER, test split, %, with 95 % intervals; ticks: seeds",
    )


def rate_cells(setting: Setting) -> list[str]:
    """CER with its interval, the CER of each seed, WER with its interval; in percent."""
    return [percent(setting.cer_interval), each(setting.rates), percent(setting.wer_interval)]


def each(rates: Iterable[float]) -> str:
    """Of the seeds, in percent: 32.3, 31.7."""
    return ", ".join(f"{100 * rate:.1f}" for rate in rates)


def units_and_zeros(setting: Setting) -> str:
    """What a model is called where widths differ; with its block where that is not the usual."""
    if setting.dense:
        return f"{setting.hidden} units, dense"
    block = "" if setting.block == BLOCK else f" in {setting.block}"
    return f"{setting.hidden} units, {100 * setting.sparsity:.0f} % zeros{block}"


def with_seeds(setting: Setting) -> str:
    """What a model is called, and how many seeds of it were trained."""
    return f"{units_and_zeros(setting)}, {seeds_of(setting)}"


def megabytes(size: int) -> str:
    """Of a file: 0.70 MB."""
    return f"{size / 1e6:.2f} MB"


def percent(interval: Interval) -> str:
    """A rate: 33.0 (31.4 to 34.8), in percent."""
    return f"{100 * interval.estimate:.1f} {_ends(interval, '.1f', 100)}"


def signed(interval: Interval) -> str:
    """A relative difference: +5.0 % (+1.0 to +9.0)."""
    return f"{100 * interval.estimate:+.1f} % {_ends(interval, '+.1f', 100)}"


def points(interval: Interval) -> str:
    """A difference of rates, or of differences: +5.0 (+1.0 to +9.0), in points of percent."""
    return f"{100 * interval.estimate:+.1f} {_ends(interval, '+.1f', 100)}"


def times(interval: Interval) -> str:
    """How many times as fast: 5.7x (5.5 to 5.9)."""
    return f"{interval.estimate:.1f}x {_ends(interval, '.1f', 1)}"


def _ends(interval: Interval, form: str, scale: float) -> str:
    if not math.isfinite(interval.low):
        return "(no interval)"
    return f"({scale * interval.low:{form}} to {scale * interval.high:{form}})"


def between(values: Iterable[float], form: str) -> str:
    """The smallest to the largest of some values, or the one that they all are as written."""
    ends = list(dict.fromkeys(form.format(value) for value in sorted(values)))
    return ends[0] if len(ends) == 1 else f"{ends[0]} to {ends[-1]}"


def p_value(p: float) -> str:
    """To three digits, or to four where three would not tell on which side of 5 % it is."""
    if p < 0.001:
        return "< 0.001"
    return f"{p:.4f}" if f"{p:.3f}" == f"{ALPHA:.3f}" else f"{p:.3f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Markdown; a cell must hold no bar."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def folded(what: str, text: str) -> str:
    """Markdown that a reader unfolds: a long table, whose message is said beside it."""
    return f"<details><summary>{what}</summary>\n\n{text}\n</details>\n"


def seeds_of(*settings: Setting) -> str:
    """The fewest seeds that any of them was trained with."""
    count = min(len(setting.runs) for setting in settings)
    return "1 seed" if count == 1 else f"{count} seeds"


def picture(name: str, alternative: str) -> str:
    """A picture of the section."""
    return f"![{alternative}]({FIGURES}{name})\n"


def nothing_yet(what: str, command: str) -> Section:
    """What a section says before its runs are there."""
    return Section(f"No {what} yet: train by `{command}`, then score and keep the runs.\n")
