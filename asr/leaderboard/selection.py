"""Which rows, in which order."""

import fnmatch
import math
import re
from collections.abc import Sequence
from dataclasses import replace

from asr.errors import InputError
from asr.leaderboard.columns import column_names, flat
from asr.leaderboard.rows import Board, Row, TestSet

OF_SETS = ("corpus", "split")
OF_ROWS = (
    *("experiment", "model", "method", "block", "decoder", "language_model"),
    *("group_key", "baseline_key"),
)


def select(board: Board, conditions: Sequence[str]) -> Board:
    """Rows and test sets that meet every condition `NAME=PATTERN[,PATTERN...]`.

    A row without a result on a remaining test set goes. Differences stay as they are: a baseline
    need not be shown to be compared with.

    Raises:
        InputError: a condition of another form or name, or nothing that meets them.
    """
    for condition in conditions:
        name, _, patterns = condition.partition("=")
        if name not in OF_SETS + OF_ROWS or not patterns:
            raise InputError(
                f"--where {condition}",
                expected=f"NAME=VALUE with a name of {', '.join(OF_SETS + OF_ROWS)}",
                got=repr(condition),
                remedy="Several values are separated by commas, and may hold *.",
            )
        board = _having(board, name, patterns.split(","))
        if not board.rows:
            raise InputError(
                f"--where {condition}",
                expected="at least one row that meets it",
                got="none left",
                remedy="Leave it out to see which values there are.",
            )
    return board


def _having(board: Board, name: str, patterns: Sequence[str]) -> Board:
    def fits(value: object) -> bool:
        text = "" if value is None else str(value)
        return any(fnmatch.fnmatchcase(text, pattern) for pattern in patterns)

    if name == "experiment":
        rows = tuple(row for row in board.rows if any(map(fits, row.experiments)))
        return replace(board, rows=rows)
    if name in OF_ROWS:
        return replace(board, rows=tuple(r for r in board.rows if fits(getattr(r, name))))
    sets = tuple(one for one in board.sets if fits(getattr(one, name)))
    names = {one.name for one in sets}
    rows = tuple(
        replace(row, cells={name: cell for name, cell in row.cells.items() if name in names})
        for row in board.rows
        if names & set(row.cells)
    )
    return replace(board, sets=sets, rows=rows)


def main_set(board: Board) -> TestSet:
    """The test set that most rows were scored on; of several the first."""
    return max(board.sets, key=lambda one: sum(one.name in row.cells for row in board.rows))


def ordered(board: Board, column: str, *, descending: bool = False) -> Board:
    """Rows by a column. Empty values come last.

    Raises:
        InputError: no such column.
    """
    names = column_names(board.sets)
    if column not in names:
        raise InputError(
            f"--sort {column}",
            expected="a column of the table",
            got=repr(column),
            remedy=f"Columns are {', '.join(names)}.",
        )

    def value(row: Row) -> object:
        numbers: dict[str, object] = {"seeds": row.seeds, "threads": row.threads}
        # A time on one device says nothing of one on another: each has its own order.
        numbers["rtf"] = None if math.isnan(row.rtf) else (row.devices, row.rtf)
        if row.block:  # 4x4 before 16x16
            numbers["block"] = re.sub(r"\d+", lambda found: found[0].zfill(8), row.block)
        return numbers[column] if column in numbers else flat(row, board.sets)[column]

    keyed = [(value(row), row) for row in board.rows]
    known = [(key, row) for key, row in keyed if key is not None]
    known.sort(key=lambda pair: pair[0], reverse=descending)  # type: ignore[arg-type, return-value]
    rows = [row for _, row in known] + [row for key, row in keyed if key is None]
    return replace(board, rows=tuple(rows))
