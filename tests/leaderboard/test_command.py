"""The command, as a user gives it."""

import csv
import io
import json
from pathlib import Path

import pytest

from tests.leaderboard.pages import run_main


def test_it_prints_a_table_and_tells_what_it_skipped(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "result.json"
    broken.write_text("{")
    run_main(runs, broken, "--where", "method=dense,l1")
    told = capsys.readouterr()
    assert "gradual_block" not in told.out
    for text in ("dense", "l1", "books-clean", "WER", "CER", ", p "):
        assert text in told.out
    assert told.err.startswith(f"skipped: {broken}: expected a result")


def test_files_are_written_and_one_may_go_to_standard_output(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_main(runs, "--csv", "-", "--json", tmp_path / "b.json", "--markdown", tmp_path / "b.md",
             "--sort", "bytes", "--descending")  # fmt: skip
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    sizes = [float(line["bytes"]) for line in lines]
    assert sizes == sorted(sizes, reverse=True)
    rows = json.loads((tmp_path / "b.json").read_text())["rows"]
    assert [row["group_key"] for row in rows] == [line["group_key"] for line in lines]
    assert (tmp_path / "b.md").read_text().startswith("| setting | model |")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent"], "no such file or folder"),
        (["{runs}", "--sort", "wer"], "Columns are experiment"),
        (["{runs}", "--where", "x=y"], "NAME=VALUE"),
        (["{runs}", "--html", "{runs}/page.html", "--show", "zzz"], "--json lists them"),
        (["{runs}", "--csv", "{runs}"], "a file that can be written"),
    ],
)
def test_mistakes_are_told_and_end_with_1(
    runs: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_main(*(argument.format(runs=runs) for argument in arguments))
    assert ended.value.code == 1
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--show-best=3", "--show=k", "--wandb-report"])
def test_an_option_that_would_do_nothing_is_refused(
    runs: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_main(runs, option)
    assert ended.value.code == 2
    assert "give --" in capsys.readouterr().err


def test_results_that_lie_in_the_repository_make_a_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    results = Path(__file__).resolve().parents[2] / "docs/results"
    run_main(results, "--json", "-")
    told = json.loads(capsys.readouterr().out)
    assert not told["broken"]
    assert {row["method"] for row in told["rows"]} >= {"dense", "gradual_block"}
    (sparse,) = (
        row
        for row in told["rows"]
        if row["sparsity"] > 0.8 and "1 2 3" in row["seeds"] and row["synthetic-test/wer"]
    )
    # As docs/sparsity.md says: 3.87 % where the dense model has 3.02 %.
    assert sparse["synthetic-test/wer"] == pytest.approx(0.0387, abs=5e-5)
