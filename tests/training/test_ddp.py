"""Two processes on one machine: one run folder, one result, the same as one process would score."""

import json
import signal
import sys
import time
from pathlib import Path

import pytest
import torch
import yaml

from asr.checkpoint import read_checkpoint
from tests.commands import run, start, tiny_run

pytestmark = pytest.mark.flow


def test_two_processes_stop_continue_and_end_as_one_run(tones: Path, tmp_path: Path) -> None:
    runs, log = tmp_path / "runs", tmp_path / "log"
    learns = ("model.dropout=0", "augmentation=none", "optimizer.lr=5e-3", "training.epochs=8")
    command = tiny_run(tones, runs, *learns, "hardware.devices=2", "hardware.checkpoint_minutes=0")
    process = start(command, log)
    while process.poll() is None and not list(runs.glob("default/*/checkpoints/last.ckpt")):
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM, log.read_text()
    (folder,) = (runs / "default").iterdir()
    status = folder / "status.json"
    assert json.loads(status.read_text())["state"] == "preempted"
    first, second = (one["cpu"] for one in read_checkpoint(folder / "checkpoints/last.ckpt")["rng"])
    assert not torch.equal(first, second), "each drops units of its own"

    ended = run(command)
    assert ended.returncode == 0, ended.stderr
    assert "continuing from step" in ended.stdout
    assert ended.stdout.count("done: lowest validation CER") == 1, "one process speaks for both"
    assert json.loads(status.read_text())["state"] == "done"
    assert json.loads(status.read_text())["epoch"] == 8
    assert list((runs / "default").iterdir()) == [folder]

    # What both counted together is what one process counts alone.
    scored = run(
        [sys.executable, "evaluate.py", f"runs=[{folder}]",
         f"manifests=[{tones}/validation.jsonl]"]
    )  # fmt: skip
    assert scored.returncode == 0, scored.stderr
    (result,) = folder.glob("eval/*/result.json")
    best = float(ended.stdout.split("%, WER ")[1].split(" %")[0])
    assert best == pytest.approx(100 * json.loads(result.read_text())["wer"], abs=0.006)
    assert 0 < best < 100, "a rate that says something"
    assert yaml.safe_load((folder / "config.yaml").read_text())["hardware"]["devices"] == 2
