"""A disk that is full or read-only: said in one message, nothing lost, the command goes on."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import commands
from tests.commands import tiny_run
from tests.faults.conftest import Disk
from tests.faults.ended_run import assert_same, only_run, status
from tests.finished_run import write_audio, write_run
from tests.warm import Command, run

pytestmark = pytest.mark.faults

MakeDisk = Callable[[str], Disk]
CHECKPOINT = 474_000  # bytes of one of this model


def command(tones: Path, runs: Path) -> list[str]:
    return tiny_run(tones, runs, "hardware.checkpoint_minutes=0")[1:]


def told(code: int, said: str, reason: str) -> str:
    """The error message of a command that ended with one, and without a traceback."""
    assert code == 1, said
    assert "Traceback" not in said
    (message,) = [line for line in said.splitlines() if line.startswith("error: ")]
    assert reason in message
    assert "Make room, or make it writable, and give the same command again" in message
    return message


@pytest.mark.parametrize(
    ("size", "file"),
    [
        ("4k", "config.yaml"),
        ("16k", ".ckpt"),
        (f"{CHECKPOINT // 2}", "last.ckpt"),
        (f"{CHECKPOINT * 5 // 4}", "last.ckpt"),
        (f"{CHECKPOINT * 9 // 4}", "last.ckpt"),
        (f"{CHECKPOINT * 13 // 4}", ".ckpt"),
    ],
)
def test_full_while_training_writes(
    size: str, file: str, tones: Path, tmp_path: Path, disk: MakeDisk, undisturbed: Path
) -> None:
    small = disk(size)
    words = command(tones, small.folder / "runs")
    message = told(*run(words, tmp_path / "log"), "No space left on device")
    assert file in message
    assert not list(small.folder.rglob(".*.tmp"))
    small.resize("20m")
    code, said = run(words, tmp_path / "log")
    assert code == 0, said
    assert_same(small.folder / "runs", undisturbed)


def test_full_while_a_metric_is_written(
    tones: Path, tmp_path: Path, disk: MakeDisk, undisturbed: Path
) -> None:
    """The row is cut off in the middle; the run goes on without the stump."""
    small = disk("20m")
    words = command(tones, small.folder / "runs")
    going = Command(words, tmp_path / "log")
    going.wait_until(lambda: status(small.folder / "runs").get("step", 0) > 5)
    going.signal(9)
    going.wait()
    metrics = only_run(small.folder / "runs") / "metrics.csv"
    with open(metrics, "a", newline="") as file:
        file.write(metrics.read_text().splitlines()[1][:1])  # of step 3, were it a whole row
    code, said = run(words, tmp_path / "log")
    assert code == 0, said
    assert_same(small.folder / "runs", undisturbed)


def test_read_only_from_the_start_and_in_the_middle(
    tones: Path, tmp_path: Path, disk: MakeDisk, undisturbed: Path
) -> None:
    small = disk("20m")
    words = command(tones, small.folder / "runs")
    small.make_read_only()
    code, said = run(words, tmp_path / "log")
    assert code == 1
    assert "expected a folder that can be written, got Read-only file system" in said
    assert "Set runs=FOLDER to one that can." in said
    assert "Traceback" not in said
    small.make_writable()
    going = Command(words, tmp_path / "log")
    going.wait_until(lambda: status(small.folder / "runs").get("step", 0) > 2)
    small.make_read_only()
    told(going.wait(), going.said(), "Read-only file system")
    small.make_writable()
    code, said = run(words, tmp_path / "log")
    assert code == 0, said
    assert "continuing from step" in said
    assert_same(small.folder / "runs", undisturbed)


def test_full_while_a_manifest_is_written(tmp_path: Path, disk: MakeDisk) -> None:
    recordings, small = tmp_path / "recordings", disk("256k")
    for index in range(200):
        write_audio(recordings / f"{index}.wav", 0.1)
        (recordings / f"{index}.txt").write_text(f"number {index} " + "word " * 40)
    command = [sys.executable, "-m", "asr.data.prepare", "folder", str(recordings)]
    command += ["--folder", str(small.folder), "--split", "train"]
    small.fill(left=8192)
    before = sorted(small.folder.iterdir())
    ended = commands.run(command)
    message = told(ended.returncode, ended.stderr, "No space left on device")
    assert "train.jsonl" in message
    assert sorted(small.folder.iterdir()) == before, "neither a manifest nor half of one"
    small.empty()
    assert commands.run(command).returncode == 0
    whole = (small.folder / "train.jsonl").read_bytes()
    assert len(whole.splitlines()) == 200

    # Another corpus in its place, without room: the old one stays.
    (recordings / "0.txt").write_text("another text")
    small.fill()
    ended = commands.run([*command, "--force"])
    told(ended.returncode, ended.stderr, "No space left on device")
    assert (small.folder / "train.jsonl").read_bytes() == whole
    small.empty()
    assert commands.run([*command, "--force"]).returncode == 0
    assert "another text" in (small.folder / "train.jsonl").read_text()


@pytest.mark.parametrize("options", ["full", "ro"])
def test_no_room_for_a_result(options: str, tmp_path: Path, disk: MakeDisk) -> None:
    small = disk("2m")
    write_run(small.folder / "run")
    audio = write_audio(tmp_path / "corpus/a.wav", 1.2)
    line = {"audio_filepath": str(audio), "duration": 1.2, "text": "hello"}
    (tmp_path / "corpus/test.jsonl").write_text(json.dumps(line) + "\n")
    command = ["evaluate.py", f"runs={small.folder}/run", f"manifests={tmp_path}/corpus/test.jsonl"]
    assert run(command, tmp_path / "log")[0] == 0
    result = small.folder / "run/eval/corpus-test-greedy/result.json"
    whole = result.read_bytes()
    small.fill() if options == "full" else small.make_read_only()
    reason = "No space left on device" if options == "full" else "Read-only file system"
    told(*run(command, tmp_path / "log"), reason)
    assert result.read_bytes() == whole
    assert len(list(result.parent.iterdir())) == 2
    small.empty() if options == "full" else small.make_writable()
    assert run(command, tmp_path / "log")[0] == 0
    assert result.read_bytes() != whole  # of another moment
