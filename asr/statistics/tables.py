"""A comparison for people."""

import math
from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from asr.statistics.bootstrap import Interval
from asr.statistics.comparison import Comparison
from asr.statistics.report import Rates, Report
from asr.statistics.side_by_side import Row, SideBySide
from asr.statistics.subgroups import Subgroup
from asr.statistics.word_changes import WordChange

_WORDS = 20  # that turned wrong, or right
_SPEAKERS = 10  # at each end
_GAP = "***"
_SHORT = {"words": "WER", "characters": "CER"}


def show(found: Report, console: Console) -> None:
    """Print every part of a report."""
    console.print(
        f"{escape(found.test_set)}, {escape(found.decoder)}: {found.utterances:,} utterances, "
        f"{found.words:,} words, {found.speakers} named speakers"
    )
    console.print(_rates(found.a, found.b), _pair(found))
    for what, parts in found.who_pays.items():
        console.print(_who_pays(what, parts, _SHORT[found.unit]))
    for title, changes in (("wrong", found.turned_wrong), ("right", found.turned_right)):
        console.print(_changes(title, changes))
    for title, utterances in (
        ("most word errors, a and b together", found.most_errors),
        ("most word errors of b beyond those of a", found.most_lost),
    ):
        if utterances:
            console.print(f"\n[bold]{title}[/]{_seeds(found)}")
            console.print(Group(*(_alignment(one, console.width) for one in utterances)))


def _rates(a: Rates, b: Rates) -> Table:
    table = Table("", "system", "seeds", title="error rates, % [95 % interval]")
    for heading in ("WER", "by speaker", "CER", "by speaker"):
        table.add_column(heading, justify="right")
    for letter, one in (("a", a), ("b", b)):
        table.add_row(
            letter,
            escape(one.name),
            ", ".join(map(str, one.seeds)),
            *map(_percent, (one.wer, one.wer_by_speaker, one.cer, one.cer_by_speaker)),
        )
    return table


def _pair(found: Report) -> Table:
    compared, rate = found.comparison, _SHORT[found.unit]
    table = Table("question", "answer", title="b beside a")
    table.add_row("resampled", compared.drawn)
    table.add_row(f"{rate} of b less that of a, points", _percent(compared.difference))
    if compared.drawn == "speakers":
        table.add_row("the same, utterances drawn", _percent(compared.difference_by_utterance))
    table.add_row("relative, %", _percent(compared.relative))
    table.add_row("p, paired bootstrap", _p(compared.p))
    if compared.segments is not None:
        answer = _p(compared.p_mapsswe, "too few segments")
        table.add_row(f"p, MAPSSWE ({compared.segments:,} segments)", answer)
    table.add_row("p, matched pairs by utterance", _p(compared.p_utterances, "too few utterances"))
    needed = compared.utterances_needed
    if needed is not None:
        table.add_row("utterances to show such a difference", _needed(compared, needed))
    margin = f"within {100 * found.margin:g} % relative of a"
    p = compared.non_inferiority_p(found.margin)
    answer = "shown" if compared.non_inferior(found.margin) else "not shown"
    table.add_row(margin, f"{answer}, one-sided p {_p(p)} against 0.025")
    needed = compared.utterances_for(found.margin)
    if needed is not None:
        table.add_row("utterances to show that", _needed(compared, needed))
    return table


def _needed(compared: Comparison, utterances: int) -> str:
    if compared.drawn == "utterances":
        return f"{utterances:,}"
    return f"{utterances:,}, of {compared.speakers_of(utterances):,} speakers"


def _who_pays(what: str, parts: Sequence[Subgroup], rate: str) -> RenderableType:
    if not parts:
        return f"\nwho pays, by {what}: none is named in the manifest"
    if what.startswith("word"):
        rate = "errors"
    table = Table(what, title=f"who pays, by {what}")
    for heading in ("utterances", "length", f"{rate} a %", f"{rate} b %", "b - a, points"):
        table.add_column(heading, justify="right", no_wrap=True)
    left_out = max(0, len(parts) - 2 * _SPEAKERS)
    for place, part in enumerate(parts):
        if left_out and _SPEAKERS <= place < len(parts) - _SPEAKERS:
            if place == _SPEAKERS:
                table.add_row(f"... {left_out} between, all in --json", *[""] * 5)
            continue
        table.add_row(
            escape(part.name),
            f"{part.utterances:,}",
            f"{part.length:,}",
            _number(100 * part.rate_a),
            _number(100 * part.rate_b),
            _percent(part.difference),
        )
    return table


def _changes(title: str, changes: Sequence[WordChange]) -> RenderableType:
    if not changes:
        return f"\nwords that turned {title}: none"
    hidden = f", {_WORDS} of {len(changes)}" if len(changes) > _WORDS else ""
    table = Table("word", title=f"words that turned {title}{hidden}")
    for heading in ("times", "of", "instead"):
        table.add_column(heading, justify="left" if heading == "instead" else "right")
    for one in changes[:_WORDS]:
        times = f"{one.changed:.1f}".removesuffix(".0")
        table.add_row(escape(one.word), times, f"{one.occurrences}", escape(one.instead))
    return table


def _seeds(found: Report) -> str:
    several = [f"{len(one.seeds)} of {side}" for side, one in (("a", found.a), ("b", found.b))]
    if max(len(found.a.seeds), len(found.b.seeds)) == 1:
        return ""
    return f" (means over the seeds, {' and '.join(several)}; the texts are of the first)"


def _alignment(one: SideBySide, width: int) -> Text:
    """Reference, a and b below each other, wrapped to a width; errors in red, gaps as ***."""
    speaker = f", {one.speaker}" if one.speaker else ""
    counts = f"{one.words} words, errors {one.errors_a:.3g} and {one.errors_b:.3g}"
    text = Text(f"\n{one.id}{speaker}: {counts}\n")
    for group in _lines(one.rows, width - 4):
        for label, side in (("ref", 0), ("a", 1), ("b", 2)):
            text.append(f"{label:<4}", style="dim")
            for row in group:
                word = row[side] or _GAP
                text.append(word, style="red" if side and row[side] != row[0] else "")
                text.append(" " * (_width(row) - cell_len(word) + 1))
            text.append("\n")
    return text


def _width(row: Row) -> int:
    return max(cell_len(word or _GAP) for word in row)


def _lines(rows: Iterable[Row], width: int) -> list[list[Row]]:
    lines: list[list[Row]] = [[]]
    used = 0
    for row in rows:
        if lines[-1] and used + _width(row) > width:
            lines.append([])
            used = 0
        lines[-1].append(row)
        used += _width(row) + 1
    return lines


def _percent(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    if math.isnan(interval.low):
        return f"{_number(100 * interval.estimate)} \\[-]"
    ends = ", ".join(_number(100 * end) for end in (interval.low, interval.high))
    return f"{_number(100 * interval.estimate)} \\[{ends}]"


def _number(value: float) -> str:
    return f"{value:.2f}" if math.isfinite(value) else "-"


def _p(p: float, none: str = "-") -> str:
    if math.isnan(p):
        return none
    return "below 0.0001" if p < 0.0001 else f"{p:.4f}"
