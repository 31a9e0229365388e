"""A row as flat values under the names that CSV, JSON and wandb share."""

import math
from collections.abc import Sequence

from asr.leaderboard.rows import Board, Cell, Row, TestSet
from asr.statistics.comparison import Unit

Value = str | int | float | None
SETTING = (
    *("experiment", "model", "method", "block", "sparsity", "sparsity_model", "parameters"),
    *("nonzero", "bytes", "bytes_of", "rtf", "threads", "devices", "seeds", "collapsed", "decoder"),
    *("language_model", "group_key", "baseline_key", "runs"),
)
RATES: dict[str, Unit] = {"wer": "words", "cer": "characters"}
_OF_A_RATE = ("", "_low", "_high", "_difference", "_difference_low", "_difference_high",
              "_relative", "_p", "_p_holm")  # fmt: skip


def column_names(sets: Sequence[TestSet]) -> list[str]:
    """The settings, then of each test set its rates, as in `synthetic-test/wer_low`."""
    names = list(SETTING)
    for one in sets:
        names += [
            f"{one.name}/{name}"
            for name in ("utterances", "scored", "baseline_seeds", "interval_over")
        ]
        names += [f"{one.name}/{rate}{part}" for rate in RATES for part in _OF_A_RATE]
    return names


def flat(row: Row, sets: Sequence[TestSet]) -> dict[str, Value]:
    """A row's values by column; None where there is none, or no finite one."""
    values: dict[str, Value] = {name: getattr(row, name) for name in SETTING if name != "runs"}
    values["threads"] = " ".join(map(str, row.threads))
    values["devices"] = ", ".join(row.devices)
    values["seeds"] = " ".join(map(str, row.seeds))
    values["runs"] = " ".join(row.runs)
    for one in sets:
        cell = row.cells.get(one.name)
        for name, value in (_of_cell(cell, one) if cell else {}).items():
            values[f"{one.name}/{name}"] = value
    finite = {name: None if _missing(value) else value for name, value in values.items()}
    return {name: finite.get(name) for name in column_names(sets)}


def records(board: Board) -> list[dict[str, Value]]:
    """Every row's flat values."""
    return [flat(row, board.sets) for row in board.rows]


def _of_cell(cell: Cell, test_set: TestSet) -> dict[str, Value]:
    values: dict[str, Value] = {
        "utterances": test_set.utterances,
        "scored": len(cell.seeds),  # runs: fewer than the row's where some were not scored here
        "baseline_seeds": cell.baseline_seeds or None,
        "interval_over": cell.rates["words"].drawn or None,
    }
    for name, unit in RATES.items():
        rate = cell.rates[unit].interval
        values |= {name: rate.estimate, f"{name}_low": rate.low, f"{name}_high": rate.high}
        if cell.differences is not None:
            found = cell.differences[unit]
            values |= {
                f"{name}_difference": found.interval.estimate,
                f"{name}_difference_low": found.interval.low,
                f"{name}_difference_high": found.interval.high,
                f"{name}_relative": found.relative.estimate,
                f"{name}_p": found.p,
                f"{name}_p_holm": found.p_holm,
            }
    return values


def _missing(value: Value) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
