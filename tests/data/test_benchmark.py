"""The benchmark runs through; how fast anything is, a test cannot say."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from asr.data.benchmark.__main__ import main
from asr.data.benchmark.large_manifest import default_model, write_large_manifest
from asr.data.lengths import epoch_lengths
from asr.data.manifest import read_manifest
from asr.errors import InputError
from asr.features.speed import SpeedPerturbation
from tests.commands import run
from tests.tones import make_tones


def test_every_figure_from_the_command(tmp_path: Path) -> None:
    make_tones(tmp_path, {"train": 70})
    command = [sys.executable, "-m", "asr.data.benchmark", str(tmp_path / "train.jsonl")]
    ended = run([*command, "--lines", "500", "--json"])
    assert ended.returncode == 0, ended.stderr
    figures = json.loads(ended.stdout)
    large = figures["large_manifest"]
    assert figures["batches"] >= 2
    assert large["lines"] == 500
    assert large["all_epochs_seconds"] > 0
    assert figures["ratio"] == figures["loader_speed"] / figures["training_speed"] > 0
    assert 0 <= figures["waiting_share"] <= 1
    assert 0.1 < large["peak_gigabytes"] < 10


def test_too_little_speech(tones: Path) -> None:
    with pytest.raises(InputError, match="at least 2 batches"):
        main([str(tones / "test.jsonl"), "--lines", "10"])


@pytest.mark.parametrize("option", ["--batches", "--lines"])
def test_numbers_below_one_are_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["test.jsonl", option, "-1"])
    assert f"argument {option}: expected a whole number above 0" in capsys.readouterr().err


def test_the_large_manifest_is_as_long_as_librispeech(tmp_path: Path) -> None:
    write_large_manifest(tmp_path / "large.jsonl", 2000)
    utterances = read_manifest(tmp_path / "large.jsonl")
    assert len(utterances) == 2000
    assert np.mean([utterance.seconds for utterance in utterances]) == pytest.approx(12, abs=0.5)
    assert np.mean([len(utterance.text) for utterance in utterances]) > 150


def test_speed_never_makes_a_line_that_cannot_be_aligned() -> None:
    trained, speed = default_model(), SpeedPerturbation([1.1])
    # 1 s gives 25 output frames, and 1.1 times as fast 23.
    needed = np.array([23, 24, 25])
    lengths = epoch_lengths(np.ones(3), needed, trained, speed, seed=0, epoch=0)
    assert lengths.speeds.tolist() == [1.1, 1.0, 1.0]
    assert lengths.frames.tolist() == [1 + (14546 - 400) // 160, 98, 98]
    unchanged = epoch_lengths(np.ones(3), needed, trained, None, seed=0, epoch=0)
    assert unchanged.frames.tolist() == [98, 98, 98]
