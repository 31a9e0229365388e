"""Which rows, in which order, and in which words."""

import csv
import io
import json
from dataclasses import replace

import pytest

from asr.errors import InputError
from asr.leaderboard.columns import column_names, records
from asr.leaderboard.export import as_csv, as_json
from asr.leaderboard.rows import Board
from asr.leaderboard.selection import ordered, select
from asr.leaderboard.text import markdown, readable


def _methods(board: Board) -> list[str]:
    return [row.method for row in board.rows]


def test_conditions_keep_what_meets_all_of_them(board: Board) -> None:
    kept = select(board, ["method=gradual_*,l1", "block=4x4,8x8"])
    assert {(row.method, row.block) for row in kept.rows} == {
        ("gradual_block", "4x4"),
        ("l1", "8x8"),
    }
    assert kept.rows[0].cells["books-clean"].differences  # from a baseline that is not shown
    fewer = select(board, ["split=noisy"])
    assert [one.name for one in fewer.sets] == ["books-noisy"]
    assert all(set(row.cells) == {"books-noisy"} for row in fewer.rows)


@pytest.mark.parametrize("condition", ["methods=dense", "method", "method=", "method=none_such"])
def test_a_condition_that_cannot_be_met_is_an_error(board: Board, condition: str) -> None:
    with pytest.raises(InputError, match="--where"):
        select(board, [condition])


def test_rows_are_ordered_by_any_column_and_empty_values_come_last(board: Board) -> None:
    rows = ordered(board, "books-noisy/wer").rows
    rates = [row.cells["books-noisy"].rates["words"].interval.estimate for row in rows]
    assert rates == sorted(rates)
    assert [row.sparsity for row in ordered(board, "sparsity", descending=True).rows] == sorted(
        (row.sparsity for row in board.rows), reverse=True
    )
    for descending in (False, True):  # dense has no difference from itself
        order = ordered(board, "books-clean/wer_difference", descending=descending)
        assert _methods(order)[-1] == "dense"
    first, second, *others = board.rows
    many = (
        replace(first, seeds=(10,), threads=(16,)),
        replace(second, seeds=(9, 20), threads=(8,)),
    )
    for column in ("seeds", "threads"):  # as numbers
        shown = ordered(replace(board, rows=(*many, *others)), column).rows
        assert shown.index(many[1]) < shown.index(many[0])
    with pytest.raises(InputError, match="books-clean/wer_low"):
        ordered(board, "wer")


def test_csv_and_json_hold_the_same_rows(board: Board) -> None:
    lines = list(csv.DictReader(io.StringIO(as_csv(board))))
    told = json.loads(as_json(board, [InputError("x", expected="y", got="z", remedy="w")]))
    assert told["columns"] == list(lines[0]) == column_names(board.sets)
    assert told["broken"] == ["x: expected y, got z. w"]
    assert len(lines) == len(told["rows"]) == len(board.rows)
    for line, row in zip(lines, told["rows"], strict=True):
        assert {key: "" if value is None else str(value) for key, value in row.items()} == line
    dense = next(row for row in told["rows"] if row["method"] == "dense")
    assert dense["books-clean/wer_p"] is None
    assert dense["seeds"] == "1 2 3"


def test_markdown_is_a_table_whatever_the_names_hold(board: Board) -> None:
    hostile = replace(board, rows=(replace(board.rows[0], experiments=("a|b <script>\n| c",)),))
    lines = markdown(hostile).splitlines()
    headings, _ = readable(board)
    assert lines[0].count("|") == lines[1].count("|") == len(headings) + 1
    assert lines[2].startswith("| a\\|b &lt;script&gt; \\| c/")
    assert lines[3] == ""


def test_a_difference_is_told_with_its_p(board: Board) -> None:
    _, rows = readable(board)
    by_method = {row[2]: row[-1] for row in rows}
    assert "p " not in by_method["dense"]
    assert ", p " in by_method["gradual_block"]
    values = records(board)[0]
    assert values["books-clean/interval_over"] == "speakers"
