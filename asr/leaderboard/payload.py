"""The table as the page's scripts read it: short names, NaN as null."""

import math
from typing import Any

from asr.leaderboard.columns import RATES
from asr.leaderboard.rows import Board, Cell, Row, TestSet
from asr.leaderboard.scores import Difference
from asr.leaderboard.selection import main_set
from asr.statistics.bootstrap import Interval


def payload(board: Board) -> dict[str, Any]:
    """Test sets and rows; a row's cells go by the test set's place in the list."""
    return {
        "sets": [
            {"name": one.name, "corpus": one.corpus, "utterances": one.utterances}
            for one in board.sets
        ],
        "main": board.sets.index(main_set(board)),
        "rows": [_row(index, row, board.sets) for index, row in enumerate(board.rows)],
    }


def _row(index: int, row: Row, sets: tuple[TestSet, ...]) -> dict[str, Any]:
    runs = {one.result.run_key: one.result for cell in row.cells.values() for one in cell.seeds}
    return {
        "id": index,
        "experiment": row.experiment,
        "model": row.model,
        "method": row.method,
        "block": row.block,
        "sparsity": _finite(row.sparsity),
        "sparsityModel": _finite(row.sparsity_model),
        "parameters": row.parameters,
        "nonzero": _finite(row.nonzero),
        "bytes": _finite(row.bytes),
        "bytesOf": row.bytes_of,
        "rtf": _finite(row.rtf),
        "threads": row.threads,
        "devices": row.devices,
        "decoder": row.decoder,
        "lm": row.language_model,
        "group": row.group_key,
        "baseline": row.baseline_key,
        "collapsed": row.collapsed,
        "runs": [
            {
                "key": key,
                "seed": runs[key].seed,
                "sparsity": runs[key].sparsity,
                "nonzero": runs[key].nonzero,
            }
            for key in row.runs
            if key in runs  # scored on a test set that is shown
        ],
        "cells": {
            place: _cell(row.cells[one.name])
            for place, one in enumerate(sets)
            if one.name in row.cells
        },
    }


def _cell(cell: Cell) -> dict[str, Any]:
    content: dict[str, Any] = {
        name: _triple(cell.rates[unit].interval) for name, unit in RATES.items()
    }
    if cell.differences is not None and cell.one_seed:
        content["oneSeed"] = True
    content["drawn"] = cell.rates["words"].drawn
    content["seeds"] = [
        {"key": one.result.run_key, "wer": one.result.wer, "cer": one.result.cer}
        for one in cell.seeds
    ]
    if cell.differences is not None:
        content["difference"] = {
            name: _difference(cell.differences[unit]) for name, unit in RATES.items()
        }
    return content


def _difference(found: Difference) -> dict[str, Any]:
    return {
        "points": _triple(found.interval),
        "relative": _triple(found.relative),
        "p": _known(found.p),
        "holm": _known(found.p_holm),
    }


def _triple(interval: Interval) -> list[float | None]:
    return [_known(interval.estimate), _known(interval.low), _known(interval.high)]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _known(value: float) -> float | None:
    """Four significant digits are more than an error rate has, and a third of the text."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
