"""When a run saves and which epoch is its best; the last checkpoint but one stays."""

import errno
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from asr.checkpoint import read_checkpoint
from asr.training import checkpoints
from asr.training.checkpoints import AtomicCheckpointIO, best_rates
from asr.training.module import SpeechModule
from asr.training.run_folder import TrainingInterruptedError
from tests.training.in_process import speech_data, speech_module, trainer


@pytest.mark.parametrize("number", [None, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS])
def test_the_one_before_is_kept(
    number: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        assert number is not None
        raise OSError(number, os.strerror(number))

    if number is not None:  # as exFAT, CIFS and FUSE do
        monkeypatch.setattr(os, "link", refuse)
    for step in (1, 2, 3):
        AtomicCheckpointIO().save_checkpoint({"step": step}, tmp_path / "last.ckpt")
    steps = {path.name: torch.load(path)["step"] for path in tmp_path.iterdir()}
    assert steps == {"last.ckpt": 3, "previous.ckpt": 2}


def test_a_save_that_is_cut_off_leaves_both_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    for step in (1, 2):
        AtomicCheckpointIO().save_checkpoint({"step": step}, tmp_path / "last.ckpt")
    monkeypatch.setattr(torch, "save", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        AtomicCheckpointIO().save_checkpoint({"step": 3}, tmp_path / "last.ckpt")
    steps = {path.name: torch.load(path)["step"] for path in tmp_path.iterdir()}
    assert steps == {"last.ckpt": 2, "previous.ckpt": 1}


class StoppedError(Exception):
    """The test's own."""


def fit(
    tones: Path,
    folder: Path,
    *callbacks: Callback,
    epochs: int,
    resume: bool = False,
    **recipe: Any,
) -> lightning.Trainer:
    """A training in `folder`, or the rest of it."""
    data = speech_data(tones)
    module = speech_module(data, epochs=epochs, accumulate=recipe.get("accumulate", 1))
    made = trainer(folder, *callbacks, epochs=epochs, **recipe)
    checkpoint = folder / "checkpoints/last.ckpt" if resume else None
    made.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    return made


def stop_before(epoch: int) -> Callback:
    """A process that ends with an epoch, counted from 0, ahead of it."""

    def stop(trainer: lightning.Trainer, _: object) -> None:
        if trainer.current_epoch == epoch:
            raise StoppedError

    made = Callback()
    made.on_train_epoch_start = stop  # type: ignore[method-assign, assignment]
    return made


@pytest.mark.parametrize("stopped", [None, 2, 3])
def test_the_best_is_of_the_lowest_cer_and_of_equal_ones_of_the_lowest_wer(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped: int | None
) -> None:
    """Whether or not another process goes on after some epochs."""
    rates = {"cer": [0.5, 0.3, 0.3, 0.4], "wer": [0.9, 0.8, 0.7, 0.6]}

    def scripted(module: SpeechModule, name: str, pooled: Tensor, prog_bar: bool = False) -> None:
        measured = pooled[0] / pooled[1]
        module.log(name, rates[name][module.current_epoch] if name in rates else measured)

    monkeypatch.setattr(SpeechModule, "_log_pooled", scripted)
    if stopped is not None:
        with pytest.raises(StoppedError):
            fit(tones, tmp_path, stop_before(stopped), epochs=4)
    made = fit(tones, tmp_path, epochs=4, resume=stopped is not None)
    assert best_rates(made) == pytest.approx({"cer": 0.3, "wer": 0.7})
    steps = made.global_step // 4  # an epoch
    # Of the epoch before the last, `previous` is the last checkpoint.
    for name, step, cer in (
        ("best", 3 * steps, 0.3),
        ("previous", 3 * steps, 0.3),
        ("last", 4 * steps, None),
    ):
        checkpoint = read_checkpoint(tmp_path / f"checkpoints/{name}.ckpt")
        assert checkpoint["global_step"] == step
        # An error rate that is of the best alone: None says that these weights are not those.
        assert checkpoint["validation_cer"] == (None if cer is None else pytest.approx(cer))


class Saves(Callback):
    """After which batches of an epoch there is another `last.ckpt` than before them.

    It is to come after the callback that saves.
    """

    def __init__(self, last: Path) -> None:
        self.last, self.found = last, self.state(last)
        self.after: list[tuple[int, int]] = []  # epoch, and batch of it

    @staticmethod
    def state(path: Path) -> tuple[int, int] | None:
        return (path.stat().st_ino, path.stat().st_mtime_ns) if path.is_file() else None

    def on_train_batch_start(self, *_: Any) -> None:
        self.found = self.state(self.last)

    def on_train_batch_end(self, trainer: Any, _: Any, __: Any, ___: Any, batch_idx: int) -> None:
        if self.state(self.last) != self.found:
            self.after.append((trainer.current_epoch, batch_idx))


def saves(tones: Path, folder: Path, *callbacks: Callback, **changes: Any) -> list[tuple[int, int]]:
    """Of two epochs of six batches."""
    data = speech_data(tones, max_batch=3)
    accumulate = changes.get("accumulate", 1)
    module = speech_module(data, epochs=2, accumulate=accumulate)
    assert [len(data.train_sampler().plan(epoch)) for epoch in range(2)] == [6, 6]
    made = trainer(folder, *callbacks, epochs=2, **changes)
    seen = Saves(folder / "checkpoints/last.ckpt")
    made.callbacks.append(seen)
    made.fit(module, datamodule=data, weights_only=True)
    assert read_checkpoint(seen.last)["global_step"] == 12 // accumulate
    return seen.after


@pytest.mark.parametrize(("accumulate", "batches"), [(1, [0, 1, 2, 3, 4]), (2, [1, 3])])
def test_inside_an_epoch_it_saves_between_steps_and_not_after_the_last_batch(
    tones: Path, tmp_path: Path, accumulate: int, batches: list[int]
) -> None:
    """The epoch's end saves after the last one, once it is validated."""
    found = saves(tones, tmp_path, accumulate=accumulate, checkpoint_minutes=0)
    assert found == [(epoch, batch) for epoch in range(2) for batch in batches]


def test_a_signal_waits_for_the_batches_that_make_a_step(tones: Path, tmp_path: Path) -> None:
    """What goes on from there is the training that nobody disturbed."""
    asks = Callback()

    def ask(_: Any, __: Any, ___: Any, batch_idx: int) -> None:
        if batch_idx == 0:
            os.kill(os.getpid(), signal.SIGINT)

    asks.on_train_batch_start = ask  # type: ignore[method-assign]
    with pytest.raises(TrainingInterruptedError):
        fit(tones, tmp_path / "a", asks, epochs=1, accumulate=2)
    stopped = read_checkpoint(tmp_path / "a/checkpoints/last.ckpt")
    assert stopped["global_step"] == 1
    progress = stopped["loops"]["fit_loop"]["epoch_loop.batch_progress"]
    assert progress["current"]["processed"] == 2
    fit(tones, tmp_path / "a", epochs=1, accumulate=2, resume=True)
    fit(tones, tmp_path / "b", epochs=1, accumulate=2)
    ends = [read_checkpoint(tmp_path / run / "checkpoints/last.ckpt") for run in "ab"]
    assert ends[0]["global_step"] == ends[1]["global_step"] == 3
    for name, tensor in ends[0]["state_dict"].items():
        assert torch.equal(tensor, ends[1]["state_dict"][name]), name


def test_a_save_is_due_when_its_minutes_have_passed_since_the_one_before(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    # Epoch 0: none at 59 s, one at 61 s; 60 s later none, 61 s later one. At its end, at 200 s,
    # the epoch saves too, from which the next one counts.
    seconds = iter(
        [59.0, 61.0, 121.0, 122.0, 180.0, 200.0, 259.0, 260.0, 261.0, 262.0, 263.0, 400.0]
    )

    def pass_time(*_: Any) -> None:
        nonlocal now
        now = next(seconds)

    monkeypatch.setattr(checkpoints, "time", SimpleNamespace(monotonic=lambda: now))
    clock = Callback()
    clock.on_train_batch_start = pass_time  # type: ignore[method-assign]
    assert saves(tones, tmp_path, clock, checkpoint_minutes=1) == [(0, 1), (0, 3), (1, 2)]
