"""What a run says while it trains: one line an epoch, and how long it waited for data."""

import sys
import time
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback, TQDMProgressBar

from asr.data.batch import Batch
from asr.data.loader import ResumableLoader
from asr.sparsity.zeros import total_sparsity, zeros_by_matrix
from asr.training.module import SpeechModule
from asr.training.telling import say


class EpochReport(Callback):
    """Logs `audio_seconds_per_second` and `data_wait` (share of training time); prints a line."""

    def __init__(self) -> None:
        self._epoch_started = self._trained_from = 0.0
        self._elapsed = self._waited = self._audio = self._losses = 0.0
        self._batches = self._learnt = 0

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        self._epoch_started = time.perf_counter()  # a run that resumes inside an epoch starts none

    def on_train_epoch_start(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        self._elapsed = self._waited = self._audio = self._losses = 0.0
        self._batches = self._learnt = 0
        self._epoch_started = time.perf_counter()

    def on_train_batch_start(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        if not self._batches:
            self._trained_from = time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        outputs: Any,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        # Only the loader knows: between two batches other callbacks save, average and draw.
        loader = trainer.train_dataloader
        assert isinstance(loader, ResumableLoader)
        self._waited = loader.waited
        self._elapsed = time.perf_counter() - self._trained_from
        self._audio += batch.seconds
        self._batches += 1
        if outputs:  # nothing of a batch that was left out
            self._losses += float(outputs["loss"].detach()) * trainer.accumulate_grad_batches
            self._learnt += 1
        module.log("audio_seconds_per_second", self._audio / self._elapsed, prog_bar=True)
        module.log("data_wait", self._waited / self._elapsed)
        module.log("lr", trainer.optimizers[0].param_groups[0]["lr"])

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        if not trainer.is_global_zero:
            return
        metrics = trainer.callback_metrics
        rates = "".join(
            f"  {name} {100 * float(metrics[name]):5.1f} %"
            for name in ("wer", "cer")
            if name in metrics
        )
        assert isinstance(module, SpeechModule)
        pruner = module.pruner
        if pruner.parts:
            zeros = zeros_by_matrix(pruner.weights, pruner.parts)
            rates += f"  sparsity {100 * total_sparsity(zeros, pruner.parts):.1f} %"
        say(
            f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}"
            f"  loss {self._losses / max(self._learnt, 1):7.2f}{rates}"
            f"  lr {trainer.optimizers[0].param_groups[0]['lr']:.1e}"
            f"  audio {self._audio / self._elapsed:.0f} s/s"
            f"  waiting {100 * self._waited / self._elapsed:.1f} %"
            f"  {time.perf_counter() - self._epoch_started:.0f} s"
        )


def progress_bars() -> list[Callback]:
    """A bar where somebody watches; in a log file it would be thousands of lines."""
    return [TQDMProgressBar(leave=False)] if sys.stderr.isatty() else []
