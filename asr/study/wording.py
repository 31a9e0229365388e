"""How models, rates, differences and tables are written."""

import math
from collections.abc import Iterable, Sequence

from asr.statistics.bootstrap import Interval
from asr.statistics.comparison import ALPHA
from asr.study.plan import BLOCK
from asr.study.setting import Setting


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
