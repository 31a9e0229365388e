"""Manifest lines that name no audio: an error soon, in little memory, from whoever reads them."""

import json
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import pytest

from asr.errors import InputError
from asr.inference.export import export
from asr.inference.folding import folded
from asr.inference.recogniser import Recogniser
from tests import commands
from tests.commands import tiny_run
from tests.data.test_audio import sparse_wav
from tests.faults.ended_run import status
from tests.faults.fuzzed_audio import peak
from tests.finished_run import write_audio, write_run
from tests.inference.exported import pruned
from tests.tones import make_tones
from tests.warm import run

pytestmark = pytest.mark.faults

TEN_GIGABYTES = 10 << 30
SOON = 30.0  # seconds for a command, of which its start takes most


def fifo(path: Path) -> Path:
    os.mkfifo(path)
    return path


def folder(path: Path) -> Path:
    path.mkdir()
    return path


def text(path: Path) -> Path:
    path.write_text("this is no audio\n" * 100)
    return path


def sparse(path: Path) -> Path:
    path.touch()
    os.truncate(path, TEN_GIGABYTES)
    return path


KINDS: dict[str, Callable[[Path], Path]] = {
    "device": lambda path: Path("/dev/zero"),
    "standard input": lambda path: Path("/dev/stdin"),
    "link to a device": lambda path: (path.symlink_to("/dev/zero"), path)[1],
    "fifo": fifo,
    "folder": folder,
    "text": text,
    "10 GB of nothing": sparse,
}


def report_growth() -> None:
    """Have the process say at its end how much memory it took at the most."""
    started = peak()
    Finalize(None, lambda: print(f"grew by {peak() - started} bytes"), exitpriority=1)


def bounded(said: str) -> None:
    assert int(said.split("grew by ")[1].split()[0]) < 300e6


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    (tmp_path / "corpus").mkdir()
    return make_tones(tmp_path / "corpus")


def name(corpus: Path, split: str, path: Path, **changes: Any) -> None:
    """Have the fifth line of a manifest name a path."""
    manifest = corpus / f"{split}.jsonl"
    rows = [json.loads(row) for row in manifest.read_text().splitlines()]
    rows[4] |= {"audio_filepath": str(path), "duration": 1.5, "text": "ab cd", **changes}
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))


def refused(code: int, said: str, path: Path) -> None:
    assert code == 1, said
    assert str(path) in said
    assert "Traceback" not in said


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("split", ["train", "validation"])
def test_training(kind: str, split: str, corpus: Path, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path / "odd.wav")
    name(corpus, split, path)
    command = tiny_run(corpus, tmp_path / "runs", "training.epochs=1")[1:]
    code, said = run(command, tmp_path / "log", prepare=report_growth, seconds=SOON)
    refused(code, said, path)
    assert status(tmp_path / "runs")["state"] == "failed"
    bounded(said)


@pytest.mark.parametrize("kind", KINDS)
def test_evaluation_and_transcription(kind: str, corpus: Path, tmp_path: Path) -> None:
    path = KINDS[kind](tmp_path / "odd.wav")
    name(corpus, "test", path)
    write_run(tmp_path / "run")
    command = ["evaluate.py", f"runs={tmp_path}/run", f"manifests={corpus}/test.jsonl"]
    code, said = run(command, tmp_path / "log", prepare=report_growth, seconds=SOON)
    refused(code, said, path)
    assert "1 that cannot be read" in said
    bounded(said)
    assert not (tmp_path / "run/eval").exists()

    good = write_audio(tmp_path / "good.wav", 1.0)
    command = ["asr.transcribe", str(tmp_path / "run"), str(path), str(good)]
    code, said = run(command, tmp_path / "log", prepare=report_growth, seconds=SOON)
    refused(code, said, path)
    assert f"{good}: " in said, "the others are transcribed all the same"
    bounded(said)


def test_check_names_every_one(corpus: Path, tmp_path: Path) -> None:
    odd = [make(tmp_path / f"odd{index}.wav") for index, make in enumerate(KINDS.values())]
    odd = list(dict.fromkeys(odd))
    lines = [{"audio_filepath": str(path), "duration": 1.5, "text": "a"} for path in odd]
    with open(corpus / "train.jsonl", "a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
    report = tmp_path / "report.json"
    command = [sys.executable, "-m", "asr.data.check", f"{corpus}/train.jsonl"]
    ended = commands.run([*command, "--json", str(report)], input="")
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    found = json.loads(report.read_text())["findings"]
    assert [f["subject"] for f in found if f["kind"] == "unreadable audio"] == list(map(str, odd))


@pytest.mark.parametrize("kind", KINDS)
def test_the_runtime(kind: str, corpus: Path, tmp_path: Path) -> None:
    """An exported model, which reads files without torch; and the export's own check on speech."""
    path = KINDS[kind](tmp_path / "odd.wav")
    name(corpus, "test", path)
    model = folded(pruned(hidden=20), {})
    started = time.monotonic()
    with pytest.raises(InputError) as refusal:
        Recogniser(model).transcribe_file(path)
    assert refusal.value.parts[0] == str(path)
    write_run(tmp_path / "run")
    with pytest.raises((InputError, SystemExit)) as stopped:
        export(tmp_path / "run", tmp_path / "out", manifest=corpus / "test.jsonl")
    assert str(path) in str(stopped.value)
    assert not (tmp_path / "out").exists()
    assert time.monotonic() - started < 10


def test_a_header_that_claims_more_than_memory(corpus: Path, tmp_path: Path) -> None:
    """The part that a line names is read, whatever the header says; more of it is refused."""
    path = sparse_wav(tmp_path / "odd.wav", TEN_GIGABYTES)
    name(corpus, "validation", path, duration=3600.0 * 20)
    command = tiny_run(corpus, tmp_path / "runs", "training.epochs=1")[1:]
    code, said = run(command, tmp_path / "log", prepare=report_growth, seconds=SOON)
    refused(code, said, path)
    assert "expected at most 9.3 h" in said
    bounded(said)
    name(corpus, "validation", path)
    code, said = run(command, tmp_path / "log", prepare=report_growth, seconds=SOON)
    assert code == 0, said
