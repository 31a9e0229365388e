"""A row as a person reads it: Markdown and the terminal."""

import math
from html import escape

from rich.markup import escape as escape_markup
from rich.table import Table

from asr.evaluation.result import CPU
from asr.leaderboard.columns import RATES
from asr.leaderboard.rows import Board, Cell, Row
from asr.leaderboard.scores import Difference
from asr.statistics.bootstrap import Interval

LEGEND = (
    "Rates in percent, with 95 % bootstrap intervals in brackets; differences from the dense "
    "baseline in points, with p after Holm's correction over the table. Intervals and p are of "
    "these trained seeds on other speech of the kind; what other seeds would give is not in them, "
    "least of all where the row or its baseline has one (1 seed). Zeros are of the pruned "
    "matrices. rtf, PyTorch checkpoint: processing by audio time with dense arithmetic, which "
    "zeros do not speed up, on the CPU unless a device is named; python -m "
    "asr.inference.benchmark.several_models times runs in the runtime, which uses them."
)
_NUMBERS = {"zeros %", "weights", "not zero", "bytes", "rtf", "seeds"}


def readable(board: Board) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of a table with one column a test set."""
    headings = ["setting", "model", "method", "block", "zeros %", "weights", "not zero", "bytes"]
    headings += ["rtf", "seeds", *(one.name for one in board.sets)]
    rows = [
        [*_setting(row), *(_scores(row.cells.get(one.name)) for one in board.sets)]
        for row in board.rows
    ]
    return headings, rows


def _setting(row: Row) -> list[str]:
    decoder = "" if row.decoder == "greedy" else f", {row.decoder}"
    decoder += f" with {row.language_model}" if row.language_model else ""
    collapsed = f", {row.collapsed} collapsed" if row.collapsed else ""
    return [
        f"{row.experiment}/{row.group_key}{decoder}{collapsed}",
        row.model,
        row.method,
        row.block or "",
        f"{100 * row.sparsity:.1f}",
        f"{row.parameters:,}",
        f"{row.nonzero:,.0f}",
        f"{row.bytes:,.0f}",
        _rtf(row),
        f"{len(row.seeds)}",
    ]


def _rtf(row: Row) -> str:
    text = "none" if math.isnan(row.rtf) else f"{row.rtf:.4f}"
    return text if row.devices == (CPU,) else f"{text} on {' and '.join(row.devices)}"


def _scores(cell: Cell | None) -> str:
    if cell is None:
        return ""
    parts = [f"{name.upper()} {percent(cell.rates[unit].interval)}" for name, unit in RATES.items()]
    if cell.differences is not None:
        parts.append(signed(cell.differences["words"]) + ", 1 seed" * cell.one_seed)
    return "; ".join(parts)


def percent(interval: Interval) -> str:
    """As in `9.6 [8.5, 10.8]`; the estimate alone where there is no interval."""
    if math.isnan(interval.estimate):
        return "none"
    estimate = f"{100 * interval.estimate:.2f}"
    if math.isnan(interval.low):
        return estimate
    return f"{estimate} [{100 * interval.low:.2f}, {100 * interval.high:.2f}]"


def signed(difference: Difference) -> str:
    """As in `+0.86, p 0.012`."""
    gap = f"{100 * difference.interval.estimate:+.2f}"
    if math.isnan(difference.p_holm):
        return gap
    return f"{gap}, p {'< 0.001' if difference.p_holm < 0.001 else f'{difference.p_holm:.3f}'}"


def markdown(board: Board) -> str:
    """A table for a README, its texts escaped."""
    headings, rows = readable(board)
    rule = ["---:" if heading in _NUMBERS else "---" for heading in headings]
    lines = [headings, rule, *rows]
    table = "\n".join("| " + " | ".join(map(_markdown_cell, line)) + " |" for line in lines)
    return f"{table}\n\n{LEGEND}\n"


def _markdown_cell(text: str) -> str:
    return " ".join(escape(text, quote=False).replace("|", "\\|").split())


def terminal(board: Board) -> Table:
    """The same for the terminal."""
    headings, rows = readable(board)
    table = Table(caption=LEGEND, show_lines=True)
    for heading in headings:
        table.add_column(
            escape_markup(heading),
            justify="right" if heading in _NUMBERS else "left",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(escape_markup(text).replace("; ", "\n") for text in row))
    return table
