"""The table as CSV and as JSON."""

import csv
import io
import json

from asr.errors import InputError
from asr.leaderboard.columns import column_names, records
from asr.leaderboard.rows import Board


def as_csv(board: Board) -> str:
    """One line a row, with a heading; empty where there is no value."""
    text = io.StringIO()
    writer = csv.DictWriter(text, column_names(board.sets), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records(board))
    return text.getvalue()


def as_json(board: Board, broken: list[InputError]) -> str:
    """Rows by column name; beside them what is missing and why."""
    content = {
        "columns": column_names(board.sets),
        "rows": records(board),
        "broken": [str(error) for error in broken],
        "notes": list(board.notes),
    }
    return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n"
