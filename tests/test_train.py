"""train.py's main in this process: what a run leaves, and what another may start from."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from asr.checkpoint import read_checkpoint
from asr.evaluation.run import read_run
from tests.commands import tiny_run, train_here

Train = Callable[..., Path]


@pytest.fixture
def trained(tones: Path, tmp_path: Path) -> Train:
    """Train for an epoch; returns the run folder."""

    def trained(*overrides: str) -> Path:
        return train_here(tiny_run(tones, tmp_path / "runs", "training.epochs=1", *overrides))

    return trained


def status(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "status.json").read_text())  # type: ignore[no-any-return]


def test_what_a_run_leaves(trained: Train, tones: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = trained("seed=3")
    written = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    # The names that the documentation of runs promises, and no leftovers of atomic writes.
    assert written == {
        "config.yaml",
        "left_out.jsonl",
        "status.json",
        "metrics.csv",
        "quantiles.json",
        "lock",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
    }
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert (config["seed"], config["training"]["epochs"]) == (3, 1)
    assert config["data"]["train"] == [f"{tones}/train.jsonl"]
    run = read_run(folder)
    assert (run.state, run.run_key, run.seed) == ("done", folder.name, 3)
    rows = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
    ((wer, cer),) = [(float(row["wer"]), float(row["cer"])) for row in rows if row["wer"]]
    last = read_checkpoint(folder / "checkpoints/last.ckpt")
    assert last["global_step"] == status(folder)["step"] > 0
    said = capsys.readouterr().out
    assert f"run {folder}" in said
    seconds = {
        row["audio_filepath"]: row["duration"]
        for row in map(json.loads, (tones / "train.jsonl").read_text().splitlines())
    }
    short = [name for name, length in seconds.items() if length < 0.3]
    assert len(short) > 3  # more than the summary names
    left_out = map(json.loads, (folder / "left_out.jsonl").read_text().splitlines())
    assert list(left_out) == [{"id": name, "reason": "shorter than 0.3 s"} for name in short]
    assert f"left out {len(short)}: shorter than 0.3 s" in said
    assert f"all of them by name: {folder}/left_out.jsonl" in said
    rates = f"lowest validation CER {100 * cer:.2f} %, WER {100 * wer:.2f} % there"
    assert f"done: {rates}, in {folder}" in said

    before = (folder / "checkpoints/last.ckpt").stat().st_mtime_ns
    assert trained("seed=3") == folder
    assert "is done" in capsys.readouterr().out
    assert (folder / "checkpoints/last.ckpt").stat().st_mtime_ns == before


def test_a_run_starts_from_a_finished_one_of_its_kind(
    trained: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    parent = trained()
    child = trained(f"init_from={parent}", "optimizer.lr=0.0", "scheduler=warm_up")
    assert child != parent
    ours, theirs = (read_checkpoint(folder / "checkpoints/last.ckpt") for folder in (child, parent))
    assert ours["recogniser"] == theirs["recogniser"]
    parameters = [name for name in ours["state_dict"] if "running" not in name]
    assert parameters
    for name in parameters:  # without a learning rate they end where they began
        assert torch.equal(ours["state_dict"][name], theirs["state_dict"][name])

    # The same run under another name is the same parent, hence the same child.
    moved = parent.with_name("moved")
    shutil.copytree(parent, moved)
    capsys.readouterr()
    trained(f"init_from={moved}", "optimizer.lr=0.0", "scheduler=warm_up")
    assert f"{child} is done" in capsys.readouterr().out

    for override, told in (
        ("model.hidden=24", "model_arguments"),
        ("vocabulary=from_manifest", "vocabulary"),
        ("features.low_hz=50.0", "feature_arguments"),
    ):
        with pytest.raises(SystemExit, match=told):
            trained(f"init_from={parent}", override)
    (parent / "status.json").write_text(json.dumps(status(parent) | {"state": "failed"}))
    with pytest.raises(SystemExit, match="failed"):
        trained(f"init_from={parent}", "seed=9")


def test_a_damaged_status_is_told_and_the_run_goes_on_without_it(
    trained: Train, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = trained()
    whole = read_checkpoint(folder / "checkpoints/last.ckpt")
    for damage in (b"{", b"", b"\xff", b"[1]"):
        (folder / "status.json").write_bytes(damage)
        with pytest.raises(SystemExit, match=r"status\.json: expected a JSON object .*remove it"):
            trained()
        # A method that looks for this run to start from tells it too.
        with pytest.raises(SystemExit, match=r"status\.json: expected a JSON object"):
            trained("sparsity=block_pruning", "sparsity.block=[4,4]")
    (folder / "status.json").unlink()
    assert trained() == folder
    assert status(folder)["state"] == "done"
    again = read_checkpoint(folder / "checkpoints/last.ckpt")
    for name, tensor in whole["state_dict"].items():
        assert torch.equal(tensor, again["state_dict"][name]), name


def test_a_run_that_was_stopped_after_its_last_step_ends_as_one_that_was_not(
    trained: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    pruned = ("sparsity=gradual_block", "sparsity.block=[4,4]", "sparsity.start=0")
    folder = trained(*pruned)
    ended = status(folder)
    pictures = {path.name: path.read_bytes() for path in (folder / "masks").glob("*.png")}
    assert pictures
    for name in pictures:
        (folder / "masks" / name).unlink()
    stopped = ended | {"state": "preempted", "updated": "2099-01-01T00:00:00+00:00"}
    (folder / "status.json").write_text(json.dumps(stopped))
    assert trained(*pruned) == folder
    again = status(folder)
    same = ("state", "step", "epoch", "total_steps", "seconds", "validation", "started")
    assert {name: again[name] for name in same} == {name: ended[name] for name in same}
    assert {p.name: p.read_bytes() for p in (folder / "masks").glob("*.png")} == pictures

    # What starts from it is told that zeros are no more than weights to it.
    capsys.readouterr()
    trained(f"init_from={folder}")
    assert "its weights are taken, not its masks" in capsys.readouterr().out


def test_a_stopped_run_goes_on_after_its_last_checkpoint_was_damaged(
    trained: Train, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = trained("training.epochs=2", "hardware.checkpoint_minutes=0")
    expected = read_checkpoint(folder / "checkpoints/last.ckpt")
    last = folder / "checkpoints/last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    (folder / "status.json").write_text(json.dumps(status(folder) | {"state": "running"}))
    capsys.readouterr()
    assert trained("training.epochs=2", "hardware.checkpoint_minutes=0") == folder
    said = capsys.readouterr().out
    assert f"warning: {last}: expected a whole checkpoint" in said
    assert f"continuing from step {expected['global_step'] - 1}" in said
    again = read_checkpoint(last)
    assert again["global_step"] == expected["global_step"]
    for name, tensor in expected["state_dict"].items():
        assert torch.equal(tensor, again["state_dict"][name]), name
    assert status(folder)["state"] == "done"
