"""Damaged checkpoints: the one before is used and it is said. Hostile ones run nothing."""

import json
import os
import random
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import asr.data.check.__main__ as check
import asr.files
import asr.inference.export as export
import asr.inference.onnx_export as onnx_export
import asr.transcribe as transcribe
from asr.checkpoint import read_checkpoint
from asr.errors import InputError
from tests.commands import tiny_run
from tests.faults.ended_run import assert_same, only_run, status, values
from tests.finished_run import write_audio, write_run
from tests.test_checkpoint import Payload
from tests.warm import Command, run

pytestmark = pytest.mark.faults


def flipped(content: bytes, place: int) -> bytes:
    """With one bit of the byte at a place turned."""
    return content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "one byte": lambda content: content[:1],
    "half": lambda content: content[: len(content) // 2],
    "without its table": lambda content: content[:-2000],
    "without its last byte": lambda content: content[:-1],
    "zeros, as a lost write leaves them": lambda content: bytes(len(content)),
    "a page of zeros": lambda content: content[:8192] + bytes(4096) + content[12288:],
    "another's bytes": lambda content: random.Random(0).randbytes(len(content)),
    "a bit of its description": lambda content: flipped(content, 2000),
    "a bit of a weight": lambda content: flipped(content, len(content) // 2),
}


@pytest.fixture(scope="module")
def killed(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed in the middle."""
    runs = tmp_path_factory.mktemp("killed")
    training = Command(command(tones, runs), runs.with_suffix(".log"))
    training.wait_until(lambda: status(runs).get("step", 0) > 6)
    training.signal(signal.SIGKILL)
    assert training.wait() == -signal.SIGKILL
    return runs


@pytest.fixture
def runs(killed: Path, tmp_path: Path) -> Path:
    """The killed run, for a test to damage."""
    return Path(shutil.copytree(killed, tmp_path / "runs"))


def command(tones: Path, runs: Path) -> list[str]:
    return tiny_run(tones, runs, "hardware.checkpoint_minutes=0")[1:]


def checkpoints(runs: Path) -> tuple[Path, Path]:
    """The last one, and the one before it."""
    folder = only_run(runs) / "checkpoints"
    return folder / "last.ckpt", folder / "previous.ckpt"


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_one_before_is_used_and_it_is_said(
    damage: str, runs: Path, tones: Path, tmp_path: Path, undisturbed: Path
) -> None:
    last, previous = checkpoints(runs)
    step = read_checkpoint(previous)["global_step"]
    last.write_bytes(DAMAGES[damage](last.read_bytes()))
    code, said = run(command(tones, runs), tmp_path / "log")
    assert code == 0, said
    assert f"warning: {last}: expected a whole checkpoint" in said
    assert f"continuing from step {step}," in said
    assert_same(runs, undisturbed)


def test_any_flipped_bit_is_found(killed: Path, tmp_path: Path) -> None:
    """In 300 places: refused, or in what nobody reads, such as the alignment's padding."""
    last, _ = checkpoints(killed)
    seed = random.randrange(2**32)
    draw, whole = random.Random(seed), last.read_bytes()
    refused: list[str] = []
    expected = dict(values(read_checkpoint(last)))
    path = tmp_path / "flipped.ckpt"
    for _ in range(300):
        path.write_bytes(flipped(whole, draw.randrange(len(whole))))
        try:
            found = dict(values(read_checkpoint(path)))
        except InputError as error:
            refused.append(error.parts[0])
            continue
        assert found.keys() == expected.keys(), f"seed {seed}"
        assert all(same(found[place], expected[place]) for place in expected), f"seed {seed}"
    print(f"seed {seed}: {len(refused)} of 300 refused, the others changed nothing")
    assert len(refused) > 200
    assert set(refused) == {str(path)}


def same(one: Any, other: Any) -> bool:
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else bool(one == other)


def test_two_damaged_ones_stop_the_run_and_stay(runs: Path, tones: Path, tmp_path: Path) -> None:
    for path in checkpoints(runs):
        path.write_bytes(path.read_bytes()[:1000])
    code, said = run(command(tones, runs), tmp_path / "log")
    assert code == 1
    assert "expected a checkpoint that can be read, got only damaged ones" in said
    assert "Remove the run folder to start over." in said
    assert "Traceback" not in said
    assert [path.stat().st_size for path in checkpoints(runs)] == [1000, 1000]


def die_before_last_is_replaced() -> None:
    """Be killed with the new checkpoint written whole, and not yet in its place."""
    replace = os.replace

    def dying(source: Path, target: Path) -> None:
        if Path(target).name == "last.ckpt":
            os.kill(os.getpid(), signal.SIGKILL)
        replace(source, target)

    asr.files.os.replace = dying  # type: ignore[assignment]


def test_a_kill_after_a_damage_loses_nothing(
    runs: Path, tones: Path, tmp_path: Path, undisturbed: Path
) -> None:
    """A damaged last one must not take the good one's place before a new one is there."""
    last, previous = checkpoints(runs)
    step = read_checkpoint(previous)["global_step"]
    last.write_bytes(last.read_bytes()[:1000])
    killed = Command(command(tones, runs), tmp_path / "log", die_before_last_is_replaced)
    assert killed.wait() == -signal.SIGKILL
    assert list(last.parent.glob(".last.ckpt.*.tmp"))
    code, said = run(command(tones, runs), tmp_path / "log")
    assert code == 0, said
    assert f"continuing from step {step}," in said
    assert_same(runs, undisturbed)


# ---- checkpoints made to run code -----------------------------------------------------------


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[Path, Path]:
    """A finished run whose checkpoints write a file when they are unpickled, and that file."""
    target, folder = tmp_path / "written by the checkpoint", tmp_path / "hostile"
    write_run(folder)
    best = folder / "checkpoints/best.ckpt"
    torch.save(read_checkpoint(best) | {"extra": Payload(target)}, best)
    return folder, target


def refused(code: object, said: str) -> None:
    assert code == 1, said
    assert "holds code" in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    "settings",
    [
        ("init_from={}",),
        ("sparsity=block_pruning", "sparsity.block=[4,4]", "sparsity.dense_run={}"),
    ],
    ids=["init_from", "dense_run"],
)
def test_no_training_starts_from_a_hostile_one(
    hostile: tuple[Path, Path], tones: Path, tmp_path: Path, settings: tuple[str, ...]
) -> None:
    folder, target = hostile
    overrides = (setting.format(folder) for setting in settings)
    refused(*run(tiny_run(tones, tmp_path / "runs", *overrides)[1:], tmp_path / "log"))
    assert not target.exists()


def test_a_training_refuses_both_of_its_own(runs: Path, tones: Path, tmp_path: Path) -> None:
    target = tmp_path / "written by the checkpoint"
    for path in checkpoints(runs):
        torch.save(torch.load(path, weights_only=True) | {"extra": Payload(target)}, path)
    refused(*run(command(tones, runs), tmp_path / "log"))
    assert not target.exists()


def test_no_command_runs_a_hostile_one(
    hostile: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, target = hostile
    audio = write_audio(tmp_path / "corpus/a.wav", 1.2)
    manifest = tmp_path / "corpus/test.jsonl"
    line = {"audio_filepath": str(audio), "duration": 1.2, "text": "hello"}
    manifest.write_text(json.dumps(line) + "\n")
    refused(*run(["evaluate.py", f"runs={folder}", f"manifests={manifest}"], tmp_path / "log"))
    out = str(tmp_path / "out")
    for main, arguments in (
        (transcribe.main, [str(folder), str(audio)]),
        (transcribe.main, [str(folder / "checkpoints/best.ckpt"), str(audio)]),
        (export.main, [str(folder), out]),
        (onnx_export.main, [str(folder), out]),
        (check.main, [str(manifest), "--run", str(folder)]),
    ):
        with pytest.raises((InputError, SystemExit)) as stopped:
            main(arguments)
        said = capsys.readouterr().err + str(stopped.value)
        assert "holds code" in said, arguments
    assert not target.exists()
    assert not Path(out).exists()
    torch.load(folder / "checkpoints/best.ckpt", weights_only=False)
    assert target.exists(), "the payload works, so its refusal means something"
