"""The rows in wandb, offline: read back by wandb's own reader."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from asr.errors import InputError
from asr.leaderboard.columns import column_names, records
from asr.leaderboard.rows import Board
from asr.leaderboard.wandb_table import log_table, run_id, save_report
from tests.commands import run


@pytest.fixture
def no_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither key nor settings of this machine."""
    for name in ("WANDB_API_KEY", "WANDB_MODE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()


@pytest.mark.usefixtures("no_account")
def test_without_a_key_it_is_an_offline_run_with_every_row(board: Board, tmp_path: Path) -> None:
    for _ in range(2):
        assert "for `wandb sync`" in log_table(board, "project", tmp_path)
    folders = sorted((tmp_path / "wandb").glob("offline-run-*"))
    assert len(folders) == 2
    for folder in folders:
        assert (folder / f"run-{run_id('project')}.wandb").is_file()
    (file,) = folders[-1].glob("files/media/table/*.table.json")
    table = json.loads(file.read_text())
    assert table["columns"] == column_names(board.sets)
    assert table["data"] == [list(record.values()) for record in records(board)]
    wandb = Path(sys.executable).with_name("wandb")
    told = run([str(wandb), "leet", "inspect", "--json", str(folders[-1])])
    assert told.returncode == 0, told.stderr
    assert run_id("project") in told.stdout
    assert "lowest/books-clean/wer" in told.stdout


@pytest.mark.usefixtures("no_account")
def test_a_server_out_of_reach_is_an_offline_run_and_said(
    board: Board,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import wandb

    init, modes = wandb.init, []

    def out_of_reach(**arguments: object) -> object:
        modes.append(arguments["mode"])
        if arguments["mode"] == "online":
            raise wandb.errors.CommError("timed out")
        return init(**arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(wandb, "init", out_of_reach)
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert "for `wandb sync`" in log_table(board, "project", tmp_path)
    assert modes == ["online", "offline"]
    assert "wandb is out of reach" in capsys.readouterr().err


def test_a_project_s_table_has_one_id() -> None:
    assert run_id("a") == run_id("a") != run_id("b")


@pytest.mark.usefixtures("no_account")
def test_a_report_needs_an_account_and_says_so(board: Board) -> None:
    with pytest.raises(InputError, match="wandb login"):
        save_report(board, "project")


def test_a_report_holds_the_table() -> None:
    """In a process of its own: importing wandb-workspaces warns and takes a second."""
    script = """
from asr.leaderboard.rows import Board
from asr.leaderboard.wandb_table import build_report
report = build_report(Board((), (), ()), "project", "team")
print(report.title, report.project, report.entity, report.blocks)
"""
    environment = {**os.environ, "WANDB_MODE": "offline"}
    told = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120
    )
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("Leaderboard project team ")
    assert "WeavePanelSummaryTable" in told.stdout
    assert "table_name='leaderboard'" in told.stdout
