"""The search lands on curves that are known, and on trainings of the preset `tiny`."""

import math
import shlex
import sys
from pathlib import Path

import pytest

from asr.errors import InputError
from asr.training import strength_search
from asr.training.strength_search import search, training_arguments
from tests.commands import run, tiny_run


@pytest.mark.parametrize("middle", [1e-5, 0.3, 40.0])
@pytest.mark.parametrize("steepness", [1.0, 8.0])
@pytest.mark.parametrize("asked", [0.5, 0.9])
def test_it_lands_on_a_rising_curve(middle: float, steepness: float, asked: float) -> None:
    def curve(strength: float) -> float:
        return 1 / (1 + (middle / strength) ** steepness)

    tries = search(curve, asked, start=1.0, tolerance=0.01, tries=25)
    assert tries[-1].sparsity == curve(tries[-1].strength) == pytest.approx(asked, abs=0.01)
    assert all(abs(one.sparsity - asked) > 0.01 for one in tries[:-1]), "it stops at once"
    # Four times as far a try, then half of it a try: as few as a bracket and a bisection need.
    assert len(tries) <= 2 + abs(math.log(middle, 4)) + 2 + math.log2(8 * steepness / 0.08)


def test_it_says_when_a_curve_jumps_over_what_was_asked() -> None:
    with pytest.raises(InputError, match=r"within 0\.01 of 0\.9 in 7 tries.*at best 0\.9800"):
        search(lambda s: 0.2 if s < 3 else 0.98, 0.9, start=1.0, tolerance=0.01, tries=7)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["90"], "sparsity: expected a fraction between 0 and 1, got 90"),
        (["0"], "sparsity: expected a fraction"),
        (["nan"], "sparsity: expected a fraction"),
        (["0.9", "--start", "0"], "start: expected a number above 0, got 0"),
        (["0.9", "--start", "inf"], "start: expected a number above 0, got inf"),
        (["0.9", "--tries", "0"], "expected a whole number above 0"),
        (["0.9", "--tolerance", "-1"], "expected a fraction"),
    ],
)
def test_what_no_search_can_find_is_refused_before_any_training(
    arguments: list[str],
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.delattr(strength_search, "train_until_final")
    monkeypatch.setattr(sys, "argv", ["strength_search", *arguments])
    with pytest.raises(SystemExit):
        strength_search.main()
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    ("overrides", "arguments"),
    [
        (["seed=2"], "sparsity=group_lasso seed=2 sparsity.penalty.strength=0.25"),
        (
            ["sparsity=group_lasso_pruning", "sparsity.sparsity=0.6"],
            "sparsity=group_lasso_pruning sparsity.sparsity=0.6 sparsity.penalty.strength=0.25",
        ),
    ],
)
def test_a_method_that_is_named_is_the_one_searched(overrides: list[str], arguments: str) -> None:
    assert " ".join(training_arguments(0.25, overrides)) == arguments


@pytest.mark.flow
def test_a_tiny_model_is_stopped_at_the_asked_sparsity(tones: Path, tmp_path: Path) -> None:
    """Searched for from another folder, in which the command that it prints holds."""
    tiny = tiny_run(
        tones, tmp_path / "runs", "training.epochs=8", "model.dropout=0", "sparsity.block=[4,4]"
    )
    command = [sys.executable, "-m", "asr.training.strength_search", "0.6", *tiny[2:]]
    options = ["--start", "20", "--tolerance", "0.01", "--tries", "16"]
    ended = run([*command, *options], cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    *tries, last = ended.stdout.splitlines()
    assert float(tries[-1].split()[2]) == pytest.approx(60, abs=1.01)
    assert len(tries) > 2, "the first guess was far off"
    # The command that it prints goes on with that run, whose sparsity stays.
    python, *words = shlex.split(last.partition(": ")[2])
    assert python == "python"
    final = run([sys.executable, *words], cwd=tmp_path)
    assert final.returncode == 0, final.stderr
    assert "continuing from step" in final.stdout
    share = tries[-1].split()[2]
    assert f"{float(share):.1f} %" in final.stdout.splitlines()[-2].split("sparsity ")[1]

    refused = run([*command, "model.hiden=3"])
    assert refused.returncode == 1
    assert "train.py sparsity=group_lasso" in refused.stderr
