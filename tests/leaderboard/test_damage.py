"""A damaged file costs what it held, and is told; no other row goes with it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.leaderboard.pages import run_main

_NESTED = "[" * 200_000  # deeper than Python's parser goes


def _first_line(**fields: object) -> Callable[[str], str]:
    def change(text: str) -> str:
        first, rest = text.split("\n", 1)
        return json.dumps(json.loads(first) | fields) + "\n" + rest

    return change


def _field(**fields: object) -> Callable[[str], str]:
    return lambda text: json.dumps(json.loads(text) | fields)


@pytest.fixture
def two_runs(runs: Path, tmp_path: Path) -> tuple[Path, Path]:
    """A run that stays whole, and one of another setting to damage."""
    by_method = {
        json.loads(path.read_text())["method"]: path.parents[2]
        for path in sorted(runs.glob("sweep/*/eval/*/result.json"))
    }
    for name, method in (("whole", "dense"), ("damaged", "l1")):
        shutil.copytree(by_method[method], tmp_path / name)
    return tmp_path / "whole", tmp_path / "damaged"


@pytest.mark.parametrize(
    ("file", "change", "told", "rows"),
    [
        ("hypotheses.jsonl", _first_line(reference=None), "reference = None", 2),
        ("hypotheses.jsonl", _first_line(text=["a"]), "text = ['a']", 2),
        ("hypotheses.jsonl", _first_line(text="\ud800"), r"text = '\ud800'", 2),
        ("hypotheses.jsonl", _first_line(seconds="x"), "seconds = 'x'", 2),
        ("hypotheses.jsonl", _first_line(seconds=float("nan")), "seconds = nan", 2),
        ("hypotheses.jsonl", _first_line(score=10**400), "score = 1000", 2),
        ("hypotheses.jsonl", _first_line(words=["a"]), "words = ['a']", 2),
        ("hypotheses.jsonl", lambda text: text + _NESTED, "in line 41, ", 2),
        ("hypotheses.jsonl", lambda text: text + "7", "in line 41, ", 2),
        ("result.json", _field(rtf=float("nan")), "rtf = nan", 1),
        ("result.json", _field(seconds=float("inf")), "seconds = inf", 1),
        ("result.json", _field(parameters=10**400), "parameters = 1000", 1),
        ("result.json", lambda text: _NESTED, "RecursionError", 1),
    ],
)  # fmt: skip
def test_a_damaged_result_is_told_and_the_other_row_is_there(
    two_runs: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    file: str,
    change: Callable[[str], str],
    told: str,
    rows: int,
) -> None:
    for path in two_runs[1].glob(f"eval/*/{file}"):
        path.write_text(change(path.read_text()))
    run_main(*two_runs, "--json", "-")
    out, err = capsys.readouterr()
    written = json.loads(out)
    assert len(written["rows"]) == rows
    (dense,) = (row for row in written["rows"] if row["method"] == "dense")
    assert dense["books-clean/wer_low"] is not None
    assert told in err
    assert any(told in text for text in written["broken"] + written["notes"])
    kept = [row for row in written["rows"] if row["method"] == "l1"]
    assert all(row["books-clean/wer_low"] is None for row in kept)


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("metrics.csv", b"step,wer\n\xff\xfe\x00\x01", "no curves: "),
        ("eval/books-clean-greedy/hypotheses.jsonl", b"[]\n", "no alignments: "),
        ("metrics.csv", b"step,wer\nnan,1\nnan,1\n", ""),
        ("config.yaml", b"model: " + _NESTED.encode(), ""),
        ("config.yaml", b"model: " + b"[" * 4000 + b"]" * 4000, ""),
        ("model.safetensors", len(_NESTED).to_bytes(8, "little") + _NESTED.encode(), ""),
        ("masks/layer.png/is a folder", b"", "no mask picture: "),
    ],
)
def test_damage_beside_a_result_is_told_and_its_row_is_there(
    two_runs: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    file: str,
    content: bytes,
    told: str,
) -> None:
    path = two_runs[1] / file
    if path.parent.is_file():
        path.parent.unlink()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    run_main(*two_runs, "--json", "-", "--html", tmp_path / "page.html", "--show-best", "2")
    out, err = capsys.readouterr()
    assert len(json.loads(out)["rows"]) == 2
    assert told in err


def test_a_row_without_a_second_of_audio_has_no_real_time_factor(
    two_runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in two_runs[1].glob("eval/*/result.json"):
        path.write_text(_field(seconds=0.0)(path.read_text()))
    run_main(*two_runs, "--json", "-", "--html", tmp_path / "page.html")
    rows = {row["method"]: row["rtf"] for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["l1"] is None
    assert rows["dense"] > 0
