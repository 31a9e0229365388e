"""What a user can get wrong, given to the real commands: one message, exit code 1, nothing lost."""

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

import train
from tests.commands import REPOSITORY, tiny_run
from tests.test_checkpoint import Payload
from tests.tones import RATE, make_tones
from tests.warm import run

Train = Callable[..., str]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Tones of its own for a test to spoil."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    return make_tones(folder)


@pytest.fixture
def refused(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Run train.py's main in this process; returns what it says as it exits with 1."""

    def refused(*overrides: str) -> str:
        command = tiny_run(corpus, tmp_path / "runs", "training.epochs=1", *overrides)
        monkeypatch.chdir(REPOSITORY)
        monkeypatch.setattr(sys, "argv", command[1:])
        with pytest.raises(SystemExit) as ended:
            train.main()
        message = ended.value.code
        assert isinstance(message, str), "a message exits with 1"
        assert message.startswith("error: ")
        assert ": expected " in message
        assert ", got " in message
        return message

    return refused


def status(runs: Path) -> dict[str, Any]:
    (file,) = runs.glob("default/*/status.json")
    return json.loads(file.read_text())  # type: ignore[no-any-return]


def rewrite(manifest: Path, *, line: int = 0, **changes: Any) -> None:
    rows = [json.loads(row) for row in manifest.read_text().splitlines()]
    rows[line].update(changes)
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_a_manifest_that_is_not_there(corpus: Path, tmp_path: Path, refused: Train) -> None:
    (corpus / "validation.jsonl").unlink()
    message = refused()
    assert str(corpus / "validation.jsonl") in message
    assert "no such file" in message
    assert "asr.data.prepare" in message
    assert not (tmp_path / "runs").exists()


def test_an_empty_manifest(corpus: Path, tmp_path: Path, refused: Train) -> None:
    (corpus / "train.jsonl").write_text("\n")
    assert "at least one utterance, got an empty manifest" in refused()
    assert status(tmp_path / "runs")["state"] == "failed"


def test_bad_lines_are_all_named(corpus: Path, refused: Train) -> None:
    rewrite(corpus / "train.jsonl", line=2, duration=-1)
    rewrite(corpus / "train.jsonl", line=5, text=None)
    message = refused()
    assert "2 bad lines" in message
    assert "line 3: duration" in message
    assert "line 6: text" in message


def test_audio_that_is_not_there(corpus: Path, refused: Train) -> None:
    (corpus / "train-3.wav").unlink()
    assert str(corpus / "train-3.wav") in refused()


@pytest.mark.parametrize("workers", [0, 1])
def test_truncated_audio(corpus: Path, tmp_path: Path, refused: Train, workers: int) -> None:
    path = max(corpus.glob("train-*.wav"), key=lambda path: path.stat().st_size)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    # Statistics and scan would meet the file first.
    alone = ("data.statistics_utterances=1", "hardware.scan_worst_batch=false")
    message = refused(*alone, f"hardware.workers={workers}")
    assert f"{path}: expected" in message
    assert "truncated" in message
    state = status(tmp_path / "runs")
    assert state["state"] == "failed"
    assert str(path) in state["reason"]


def test_not_a_number_in_audio(corpus: Path, tmp_path: Path, refused: Train) -> None:
    samples, _ = soundfile.read(corpus / "train-2.wav")
    samples[100:103] = np.nan
    soundfile.write(corpus / "train-2.wav", samples, RATE, subtype="FLOAT")
    assert "train-2.wav: expected finite samples, got 3 samples" in refused()


def test_no_audio_at_all(corpus: Path, refused: Train) -> None:
    (corpus / "train-2.wav").write_text("not audio")
    assert "train-2.wav: expected a WAV, FLAC, OGG or MP3 file" in refused()


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("seed=-1", "seed"),
        ("training.epochs=0", "training.epochs"),
        ("training.precision=16-mixed", "training.precision"),
        ("hardware.threads=0", "hardware.threads"),
        ("data.train=[]", "data.train="),
        ("data.max_batch=0", "data.max_batch"),
        ("data.batch_seconds=0.5", "data.batch_seconds"),
        ("model.layers=0", "model.layers"),
        ("model.hidden=0", "model.hidden"),
        ("model.dropout=1.5", "model.dropout"),
        (
            "model.convolutions=[{channels: 4, kernel: [3, 3], stride: [2, 0]}]",
            "model.convolutions[0].stride",
        ),
        ("scheduler.start=-1", "scheduler.start"),
        ("normaliser.language=xx", "language"),
        ("vocabulary.characters=aab", "vocabulary"),
        ("vocabulary.characters=xyz", "0 of 24 utterances"),
        ("init_from=nowhere", "nowhere: expected a run folder"),
        ("features.sample_rate=0", "features"),
    ],
)
def test_settings_that_cannot_be(refused: Train, override: str, told: str) -> None:
    assert told in refused(override)


def test_a_trial_without_optuna(
    tmp_path: Path, refused: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    monkeypatch.delitem(sys.modules, "asr.training.hopeless", raising=False)
    assert "pip install -e '.[sweep]'" in refused("trial=0")
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path, refused: Train) -> None:
    (tmp_path / "file").write_text("in the way")
    assert "expected a folder that can be written" in refused(f"runs={tmp_path}/file")


@pytest.mark.flow
def test_what_is_no_error_trains_and_is_told(corpus: Path, tmp_path: Path) -> None:
    """8 kHz is resampled; characters that nobody can write leave their line out, by name."""
    samples, rate = soundfile.read(corpus / "train-4.wav")
    soundfile.write(corpus / "train-4.wav", samples[::2], rate // 2)
    rewrite(corpus / "train.jsonl", line=7, text="na\u00efve \u65e5")
    settings = ("training.epochs=1", "training.precision=bf16-mixed", "hardware.workers=1")
    command = tiny_run(corpus, tmp_path / "runs", "data.min_seconds=0.1", *settings)
    code, said = run(command[1:], tmp_path / "log")
    assert code == 0, said
    assert "23 of 24 utterances" in said
    assert "outside the vocabulary: '\u00ef' '\u65e5' (train-7.wav)" in said
    assert "Traceback" not in said
    assert status(tmp_path / "runs")["state"] == "done"


@pytest.mark.flow
def test_a_checkpoint_that_runs_code_does_not_run_it_on_resume(
    corpus: Path, tmp_path: Path
) -> None:
    command = tiny_run(corpus, tmp_path / "runs", "training.epochs=1")[1:]
    assert run(command, tmp_path / "log")[0] == 0
    (folder,) = (tmp_path / "runs/default").iterdir()
    shutil.rmtree(folder / "checkpoints")
    (folder / "checkpoints").mkdir()
    (folder / "status.json").unlink()  # as if it had been killed
    target = tmp_path / "written by the checkpoint"
    torch.save({"state_dict": Payload(target)}, folder / "checkpoints/last.ckpt")
    code, said = run(command, tmp_path / "log")
    assert code == 1
    assert "\nerror: " in said
    assert "holds code" in said
    assert "Traceback" not in said
    assert not target.exists()
    assert status(tmp_path / "runs")["state"] == "failed"
