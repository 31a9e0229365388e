"""Settings beside a reference: their comparisons, and the table and picture of these."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from matplotlib.figure import Figure

from asr.statistics.comparison import ALPHA, Comparison, Unit, compare, holm
from asr.study import figures
from asr.study.setting import Setting
from asr.study.wording import each, p_value, percent, seeds_of, signed, table


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


def each_seed(a: Setting, b: Setting, unit: Unit = "characters") -> str:
    """b's rate relative to a's in each seed that both were trained with: what no interval holds."""
    before, after = a.by_seed(unit), b.by_seed(unit)
    shared = [seed for seed in before if seed in after and before[seed]]
    return ", ".join(f"{100 * (after[seed] / before[seed] - 1):+.1f}" for seed in shared)


def in_seeds(a: Setting, b: Setting, unit: Unit = "characters") -> str:
    """The same behind a difference, where there are several: (by seed +19.6, +25.1)."""
    said = each_seed(a, b, unit)
    return f" (by seed {said})" if "," in said else ""


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
