"""A run that was killed, stopped or asked to stop ends with the weights of one that was not."""

import json
import os
import random
import signal
import time
from pathlib import Path

import pytest
import torch

from tests.commands import run, start, tiny_run

pytestmark = pytest.mark.flow


def only_run(runs: Path) -> Path:
    (folder,) = (runs / "default").iterdir()
    return folder


def weights(runs: Path) -> dict[str, torch.Tensor]:
    checkpoint = torch.load(only_run(runs) / "checkpoints" / "last.ckpt", weights_only=True)
    optimizer = checkpoint["optimizer_states"][0]["state"]
    moments = {
        f"{index}.{key}": value for index, s in optimizer.items() for key, value in s.items()
    }
    return {**checkpoint["state_dict"], **moments}


def assert_same(runs: Path, undisturbed: Path) -> None:
    ours, theirs = weights(runs), weights(undisturbed)
    assert ours.keys() == theirs.keys()
    different = [name for name in ours if not torch.equal(ours[name], theirs[name])]
    assert not different


def state(runs: Path) -> dict[str, object]:
    files = list(runs.glob("default/*/status.json"))
    return json.loads(files[0].read_text()) if files else {"step": -1, "state": ""}


def wait_for_step(runs: Path, step: int, process) -> None:  # type: ignore[no-untyped-def]
    while process.poll() is None and state(runs)["step"] < step:  # type: ignore[operator]
        time.sleep(0.01)


SAVE_ALWAYS = "hardware.checkpoint_minutes=0"


@pytest.fixture(scope="module")
def undisturbed(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = tmp_path_factory.mktemp("undisturbed")
    result = run(tiny_run(tones, runs, SAVE_ALWAYS))
    assert result.returncode == 0, result.stderr
    assert state(runs)["state"] == "done"
    return runs


def test_killed_again_and_again(tones: Path, tmp_path: Path, undisturbed: Path) -> None:
    total = int(state(undisturbed)["step"])  # type: ignore[call-overload]
    draw = random.Random(os.getpid())
    for step in (1, total // 3, 2 * total // 3, total - 1):
        process = start(tiny_run(tones, tmp_path, SAVE_ALWAYS), tmp_path / "log")
        wait_for_step(tmp_path, step, process)
        time.sleep(draw.random() * 0.2)  # inside a batch or inside a save
        process.kill()
        process.wait()
    result = run(tiny_run(tones, tmp_path, SAVE_ALWAYS))
    assert result.returncode == 0, result.stderr
    assert "continuing from" in result.stdout or "is done" in result.stdout
    assert_same(tmp_path, undisturbed)


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR2])
def test_asked_to_stop(tones: Path, tmp_path: Path, undisturbed: Path, signum: int) -> None:
    command = tiny_run(tones, tmp_path, "hardware.workers=1")  # saves only when asked
    process = start(command, tmp_path / "log")
    wait_for_step(tmp_path, 0, process)
    time.sleep(0.3)
    os.killpg(process.pid, signum)  # as terminals and schedulers do: to the loader's workers too
    assert process.wait() == 128 + signum
    assert state(tmp_path)["state"] == "preempted"
    again = run(tiny_run(tones, tmp_path))
    assert again.returncode == 0, again.stderr
    assert_same(tmp_path, undisturbed)
    third = run(tiny_run(tones, tmp_path))
    assert third.returncode == 0
    assert "is done" in third.stdout


def test_accumulation_average_and_workers(tones: Path, tmp_path: Path) -> None:
    settings = ("training.accumulate=2", "training.ema_decay=0.9", "hardware.workers=1")
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    assert run(tiny_run(tones, whole, *settings)).returncode == 0
    process = start(tiny_run(tones, cut, SAVE_ALWAYS, *settings), tmp_path / "log")
    wait_for_step(cut, 5, process)
    process.kill()
    process.wait()
    result = run(tiny_run(tones, cut, SAVE_ALWAYS, *settings))
    assert result.returncode == 0, result.stderr
    ours, theirs = weights(cut), weights(whole)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
