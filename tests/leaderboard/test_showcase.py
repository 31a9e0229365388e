"""What a page holds of single runs."""

from dataclasses import replace
from pathlib import Path

import pytest

from asr.errors import InputError
from asr.evaluation.result import Hypothesis
from asr.leaderboard.reading import find_results
from asr.leaderboard.rows import Board
from asr.leaderboard.run_folder import run_folder, training_curves
from asr.leaderboard.showcase import chosen_runs, shown_run, worst_utterances


def _heard(name: str, reference: str, text: str) -> Hypothesis:
    return Hypothesis(name, reference, text, 1.0, "eve", 0.0)


def test_the_worst_utterances_are_those_with_most_errors() -> None:
    worst = worst_utterances(
        [
            _heard("right", "a b c", "a b c"),
            _heard("one", "a b c", "a x c"),
            _heard("two", "a b c d", "b c d e"),
        ]
    )
    assert [(one.id, one.errors, one.words) for one in worst] == [("two", 2, 4), ("one", 1, 3)]
    assert worst[0].columns == [("a", None), ("b", "b"), ("c", "c"), ("d", "d"), (None, "e")]
    assert worst[1].columns == [("a", "a"), ("b", "x"), ("c", "c")]


def test_everything_beside_a_run_is_found(runs: Path) -> None:
    masked = next(runs.glob("*/*/masks")).parent
    located = find_results([masked]).located
    shown = shown_run(located, notes := [])
    assert not notes
    assert shown.folder == run_folder(located[0].path) == masked
    assert [name for name, _ in shown.masks] == ["layer"]
    assert shown.masks[0][1].startswith("data:image/png;base64,iVBORw0KGgo")
    assert set(shown.curves) >= {"train_loss", "wer", "cer", "sparsity", "lr"}
    assert [name for name, _ in shown.worst] == ["books-clean, greedy", "books-noisy, greedy"]


def test_long_curves_are_thinned_and_keep_their_ends(tmp_path: Path) -> None:
    rows = [f"{step},{step / 2},{'nan' if step % 2 else ''}" for step in range(5000)]
    (tmp_path / "metrics.csv").write_text("step,loss,wer\n" + "\n".join(rows) + "\n")
    curves = training_curves(tmp_path, ["loss", "wer", "absent"], notes := [])
    assert list(curves) == ["loss"]
    assert len(curves["loss"]) == 400
    assert curves["loss"][0] == (0, 0)
    assert curves["loss"][-1] == (4999, 2499.5)
    assert training_curves(tmp_path / "nowhere", ["loss"], notes) == {}
    assert notes == []


def test_runs_are_shown_by_name_or_as_the_best_and_50_at_most(board: Board) -> None:
    named = board.rows[3].runs[1]
    best = [row.runs[0] for row in board.rows[:2]]
    assert chosen_runs(board, [named], best=2) == [named, *best]
    with pytest.raises(InputError, match="absent"):
        chosen_runs(board, ["absent"], best=0)
    many = [board.rows[index % len(board.rows)] for index in range(60)]
    crowded = replace(
        board, rows=tuple(replace(row, runs=(f"k{i}",)) for i, row in enumerate(many))
    )
    assert len(chosen_runs(crowded, [], best=50)) == 50
    with pytest.raises(InputError, match="at most 50"):
        chosen_runs(crowded, [], best=51)
