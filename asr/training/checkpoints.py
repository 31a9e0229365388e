"""When a run saves, how it stops on a signal, and what it resumes from."""

import errno
import os
import shutil
import signal
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import lightning
import numpy as np
import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch.callbacks import Checkpoint

from asr.checkpoint import read_checkpoint
from asr.errors import InputError
from asr.files import atomic_write, writing
from asr.training.metrics_csv import MetricsCsv
from asr.training.module import SpeechModule
from asr.training.run_folder import STOPPING, RunFolder, TrainingInterruptedError
from asr.training.telling import say

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)  # of exFAT, CIFS, FUSE


class AtomicCheckpointIO(TorchCheckpointIO):
    """Writes a checkpoint whole or not at all; the last but one stays, as `previous.ckpt`."""

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        path = Path(path)
        replaced = path.with_name(f".previous.ckpt.{os.getpid()}.tmp")  # see LEFTOVERS
        try:
            if path.name == "last.ckpt" and path.is_file():
                with writing(path):
                    _link_or_copy(path, replaced)
            with atomic_write(path, "wb") as file:
                torch.save(checkpoint, file)
            # Only now: `last` may have been damaged, and `previous` the one to resume from.
            if replaced.exists():
                os.replace(replaced, path.with_name("previous.ckpt"))
        finally:
            replaced.unlink(missing_ok=True)


def _link_or_copy(path: Path, name: Path) -> None:
    """Give what a file holds a second name; where a file system has no links, that of a copy."""
    try:
        os.link(path, name)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(path, name)
        with open(name, "rb+") as copy:  # on the disk before it takes another's place
            os.fsync(copy.fileno())


def newest_readable(folder: Path) -> Path | None:
    """The checkpoint to resume from: the last, or the one before it where that is damaged.

    Raises:
        InputError: there are checkpoints, and none can be read.
    """
    candidates = [folder / name for name in ("last.ckpt", "previous.ckpt")]
    refusals = []
    for path in filter(Path.is_file, candidates):
        try:
            read_checkpoint(path)
        except InputError as error:
            say(f"warning: {error}")
            refusals.append(path.name)
            continue
        return path
    if refusals:
        raise InputError(
            str(folder),
            expected="a checkpoint that can be read",
            got=f"only damaged ones ({', '.join(refusals)})",
            remedy="Remove the run folder to start over.",
        )
    return None


class Checkpoints(Checkpoint):
    """Saves `last.ckpt` each epoch, every few minutes and on a signal, `best.ckpt` by CER.

    CER has some five times the counts of WER, hence less noise to choose by.

    A checkpoint inside an epoch is written only between optimizer steps, and never at the
    epoch's last batch: what resumes from it does exactly what would have come next. Lightning's
    ModelCheckpoint saves wherever an exception happens to strike.

    Args:
        folder: of the run.
        minutes: between two saves inside an epoch.
    """

    def __init__(self, folder: RunFolder, minutes: float) -> None:
        self.folder, self.minutes = folder, minutes
        self.best: tuple[float, ...] = (float("inf"), float("inf"))  # CER and WER
        self._best_step: int | None = None  # after which it had these
        self._rng: list[dict[str, Any]] = []
        self._signal: int | None = None
        self._asked_at = 0.0
        self._handlers: dict[int, Any] = {}
        self._saved_at = time.monotonic()
        self._seconds = 0.0  # of training, before this process
        self._began = time.monotonic()

    # ---- state -------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        return {
            "best": self.best,
            "best_step": self._best_step,
            "seconds": self._trained_seconds(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best = tuple(state["best"])
        self._best_step = state.get("best_step")
        self._seconds = state.get("seconds", 0.0)  # checkpoints of before it was counted

    def on_save_checkpoint(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        checkpoint["rng"] = _all_rng_states(module.device)
        best = trainer.global_step == self._best_step
        checkpoint["validation_cer"] = self.best[0] if best else None

    def on_load_checkpoint(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        self._rng = checkpoint["rng"]
        step, epoch = checkpoint["global_step"], checkpoint["epoch"]
        if self.folder.leader:
            say(f"continuing from step {step}, epoch {epoch + 1}")
        for logger in trainer.loggers:
            if isinstance(logger, MetricsCsv):
                logger.forget_after(step)

    # ---- signals -----------------------------------------------------------------------------

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        # After the loaders and the restored state: from here on only training draws numbers.
        if len(self._rng) == trainer.world_size:
            _set_rng_state(self._rng[trainer.global_rank], module.device)
        elif trainer.global_rank > 0:  # else all processes would drop the same units
            sequence = np.random.SeedSequence((torch.initial_seed(), trainer.global_rank))
            torch.manual_seed(int(sequence.generate_state(1)[0]))
        if trainer.global_step == 0:  # what a run wrote that ended before its first checkpoint
            for logger in trainer.loggers:
                if isinstance(logger, MetricsCsv):
                    logger.forget_after(0)
        for signum in STOPPING:
            self._handlers[signum] = signal.signal(signum, partial(self._on_signal, trainer))
        self._saved_at = self._began = time.monotonic()
        self._write_status(trainer)
        if _any(trainer, trainer.received_sigterm):  # it came before our handlers, to Lightning's
            raise TrainingInterruptedError(signal.SIGTERM)

    def _on_signal(self, trainer: lightning.Trainer, signum: int, _: FrameType | None) -> None:
        # A scheduler may send one request more than once, to the process and to its group.
        if self._signal is not None and time.monotonic() - self._asked_at < 1:
            return
        if self._signal is not None:  # asked twice: do not wait for the batch
            raise KeyboardInterrupt
        self._signal, self._asked_at = signum, time.monotonic()
        # From the epoch's last batch on, nothing is saved before it is validated.
        ending = trainer.fit_loop.epoch_loop.batch_progress.is_last_batch
        when = "validation" if ending else "this batch"
        with suppress(RuntimeError):  # it may have come in the middle of a line
            say(f"{signal.Signals(signum).name}: saving after {when}; once more to quit at once")

    def _restore_handlers(self) -> None:
        while self._handlers:
            signal.signal(*self._handlers.popitem())

    def on_train_end(self, trainer: lightning.Trainer, _: lightning.LightningModule) -> None:
        self._restore_handlers()

    def on_exception(
        self, trainer: lightning.Trainer, _: lightning.LightningModule, __: BaseException
    ) -> None:
        self._restore_handlers()

    # ---- saving ------------------------------------------------------------------------------

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        _: lightning.LightningModule,
        __: Any,
        ___: Any,
        batch_idx: int,
    ) -> None:
        progress = trainer.fit_loop.epoch_loop.batch_progress
        accumulating = (batch_idx + 1) % trainer.accumulate_grad_batches != 0
        if progress.is_last_batch or accumulating:
            return
        due = time.monotonic() - self._saved_at > 60 * self.minutes
        if _any(trainer, due or self._signal is not None):
            self._save_last(trainer)
            self._stop_if_asked(trainer)

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        assert isinstance(module, SpeechModule)
        rates = tuple(float(trainer.callback_metrics[name]) for name in ("cer", "wer"))
        # A model that is still being pruned is not the one asked for. The WER settles ties.
        if module.pruner.ended and rates < self.best:
            self.best, self._best_step = rates, trainer.global_step
            # Before the last: what resumes from that one takes the best to be there.
            trainer.save_checkpoint(self.folder.checkpoints / "best.ckpt")
        self._save_last(trainer)
        self._stop_if_asked(trainer)

    def _save_last(self, trainer: lightning.Trainer) -> None:
        trainer.save_checkpoint(self.folder.checkpoints / "last.ckpt")
        self._saved_at = time.monotonic()
        self._write_status(trainer)

    def _trained_seconds(self) -> float:
        return self._seconds + time.monotonic() - self._began

    def _write_status(self, trainer: lightning.Trainer) -> None:
        module = trainer.lightning_module
        assert isinstance(module, SpeechModule)
        # How far, and in how long: what is left can be reckoned from these.
        self.folder.facts |= {
            "total_steps": module.total_steps,
            "seconds": round(self._trained_seconds(), 1),
        }
        self.folder.write_status("running", trainer.global_step, trainer.current_epoch)

    def _stop_if_asked(self, trainer: lightning.Trainer) -> None:
        if _any(trainer, self._signal is not None):
            raise TrainingInterruptedError(self._signal or signal.SIGTERM)


def best_rates(trainer: lightning.Trainer) -> dict[str, float]:
    """The validation error rates of the run's best checkpoint."""
    assert isinstance(trainer.checkpoint_callback, Checkpoints)
    cer, wer = trainer.checkpoint_callback.best
    return {"cer": cer, "wer": wer}


def _any(trainer: lightning.Trainer, flag: bool) -> bool:
    """Whether any process says so: all of them must save together."""
    if trainer.world_size == 1:
        return flag
    return trainer.strategy.reduce_boolean_decision(flag, all=False)


def _rng_state(device: torch.device) -> dict[str, Any]:
    cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
    return {"cpu": torch.get_rng_state(), "cuda": cuda}


def _set_rng_state(state: dict[str, Any], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"].cpu())
    if state["cuda"] is not None and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"].cpu(), device)


def _all_rng_states(device: torch.device) -> list[dict[str, Any]]:
    """The state of every process, in order of rank; Lightning itself saves none."""
    if not torch.distributed.is_initialized():
        return [_rng_state(device)]
    states: list[Any] = [None] * torch.distributed.get_world_size()
    torch.distributed.all_gather_object(states, _rng_state(device))
    return states
