"""A run that a sweep has planned trains in the folder that it was planned for, or not at all."""

import shutil
import sys
from pathlib import Path

import pytest

import train
from asr.sweep.job import PLANNED, arguments
from asr.training.run_folder import restate
from tests.slurm.planned import queued_training


@pytest.fixture
def data(tones: Path, tmp_path: Path) -> Path:
    """Manifests of the test's own."""
    return Path(shutil.copytree(tones, tmp_path / "data"))


def start(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a launcher's process does."""
    monkeypatch.setenv(PLANNED, str(folder))
    monkeypatch.setattr(sys, "argv", arguments(folder))
    train.main()


def shorten(manifest: Path) -> None:
    lines = manifest.read_text(encoding="utf-8").splitlines()
    manifest.write_text("\n".join(lines[:-1]), encoding="utf-8")


def test_changed_manifests_are_told_at_the_start(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = queued_training(data, tmp_path / "runs")
    shorten(data / "train.jsonl")
    with pytest.raises(SystemExit) as refused:
        start(folder, monkeypatch)
    assert str(refused.value).startswith(f"error: {folder}: expected the manifests and settings")
    assert "submit the sweep again" in str(refused.value)
    assert list((tmp_path / "runs" / "default").iterdir()) == [folder]  # nothing was trained


def test_a_moved_folder_is_not_trained_where_it_was(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = queued_training(data, tmp_path / "runs")
    moved = folder.parent.rename(tmp_path / "runs" / "kept") / folder.name
    with pytest.raises(SystemExit, match="the folder was moved: submit the sweep again"):
        start(moved, monkeypatch)
    assert not folder.exists()


def test_the_same_manifests_are_no_matter_by_whichever_path(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "runs")
    folder = queued_training(data, tmp_path / "link")
    restate(folder, "done", "")  # it was let through where it says so
    start(folder.resolve(), monkeypatch)
    assert f"{folder} is done" in capsys.readouterr().out
