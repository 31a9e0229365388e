"""Real speech end to end: strings of spoken digits, upstream's test takes, by the commands."""

import json
import sys
from pathlib import Path

import pytest

from tests.commands import run

pytestmark = pytest.mark.slow


def test_digit_strings_reach_five_percent(shared_data: Path, tmp_path: Path) -> None:
    digits, runs = tmp_path / "fsdd", tmp_path / "runs"
    prepare = [sys.executable, "-m", "asr.data.prepare", "fsdd"]
    result = run([*prepare, "--source", str(shared_data / "fsdd"), "--folder", str(digits)])
    assert result.returncode == 0, result.stderr
    manifests = [
        f"data.{split}=[{digits}/{split}.jsonl]" for split in ("train", "validation", "test")
    ]
    train = [sys.executable, "train.py", "+experiment=digits", f"runs={runs}", *manifests]
    result = run(train)
    assert result.returncode == 0, result.stderr
    result = run([sys.executable, "evaluate.py", f"runs=[{runs}/digits/*]"])
    assert result.returncode == 0, result.stderr
    (score,) = runs.glob("digits/*/eval/fsdd-test-greedy/result.json")
    assert json.loads(score.read_text())["wer"] <= 0.05
