"""What pruning does, on record: `masks/` of the run folder, the metrics, wandb."""

from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback

from asr.sparsity.pictures import draw_history, draw_mask
from asr.sparsity.pruner import Update
from asr.sparsity.zeros import total_sparsity, zeros_by_matrix
from asr.training.loggers import log_pictures
from asr.training.metrics_csv import MetricsCsv
from asr.training.module import SpeechModule
from asr.training.telling import say

FINAL = "masks are final"  # begins a line of the output, on which a search may wait


class MaskRecord(Callback):
    """Writes `updates.csv` as masks change, and pictures of the final ones.

    A row of `updates.csv` is a matrix, or a gate of it where gates are pruned separately, after
    an update of the masks: the threshold or sparsity aimed at, the sparsity reached, blocks
    removed and grown, dead output rows, unused input columns. While a penalty is on there are
    rows every few steps. The metrics get the sums, the total sparsity and the penalty.

    Args:
        folder: `masks` of the run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._step = 0  # of the last record
        self._final = False  # said

    def on_load_checkpoint(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        checkpoint: dict[str, Any],
    ) -> None:
        if "sparsity" in checkpoint:
            self._step = checkpoint["sparsity"]["step"]
            self._table().forget_after(self._step + 1)

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if trainer.global_step == 0:  # what a run wrote that ended before its first checkpoint
            self._table().forget_after(0)

    def on_train_batch_end(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        *_: Any,
    ) -> None:
        assert isinstance(module, SpeechModule)
        update, pruner = module.update, module.pruner
        if not trainer.is_global_zero or not pruner.parts:
            return
        if pruner.ended and not self._final:
            self._final = True
            zeros = zeros_by_matrix(pruner.weights, pruner.parts)
            share = 100 * total_sparsity(zeros, pruner.parts)
            say(f"{FINAL} at step {pruner.step}: {share:.2f} % zeros")
        if pruner.step == self._step:  # no step since
            return
        regular = pruner.step % trainer.log_every_n_steps == 0  # type: ignore[attr-defined]
        if (update and update.step == pruner.step) or (regular and pruner.penalised):
            self._step = pruner.step
            self._record(trainer, module, update if update and update.step == self._step else None)

    def _record(
        self, trainer: lightning.Trainer, module: SpeechModule, update: Update | None
    ) -> None:
        pruner = module.pruner
        zeros = zeros_by_matrix(pruner.weights, pruner.parts)
        table = self._table()
        changed = {
            name: {
                part.label: getattr(update, name)[part.label] if update else 0
                for part in pruner.parts
            }
            for name in ("removed", "grown")
        }
        self.folder.mkdir(exist_ok=True)
        for label, found in zeros.items():
            own = [part.label for part in pruner.parts if label in (part.label, part.weight)]
            row: dict[str, Any] = {
                "step": pruner.step,
                "matrix": label,
                "target": update.targets.get(label, "") if update else "",
                "sparsity": found.sparsity,
                "removed": sum(changed["removed"][name] for name in own),
                "grown": sum(changed["grown"][name] for name in own),
                "dead_rows": found.dead_rows,
                "unused_columns": found.unused_columns,
            }
            table.log_metrics(row)
        totals = {
            "sparsity": total_sparsity(zeros, pruner.parts),
            "blocks_removed": float(sum(changed["removed"].values())),
            "blocks_grown": float(sum(changed["grown"].values())),
            "dead_rows": float(sum(zeros[name].dead_rows for name in pruner.pruned)),
            "unused_columns": float(sum(zeros[name].unused_columns for name in pruner.pruned)),
        }
        if (penalty := pruner.penalty_value()) is not None:
            totals["penalty"] = penalty
        for logger in trainer.loggers:
            logger.log_metrics(totals, step=pruner.step - 1)  # Lightning counts steps from 0

    def on_fit_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        # Not when training ends: a run that was stopped after its last step has no more of it.
        assert isinstance(module, SpeechModule)
        pruner = module.pruner
        if not trainer.is_global_zero or not pruner.parts:
            return
        self.folder.mkdir(exist_ok=True)
        pictures = []
        for name in pruner.pruned:
            pictures.append(self.folder / f"{name}.png")
            parts = [part for part in pruner.parts if part.weight == name]
            draw_mask(pictures[-1], pruner.weights[name], parts)
        history: dict[str, list[tuple[int, float]]] = {name: [] for name in pruner.pruned}
        for row in self._table().rows():
            if row["matrix"] in history:
                history[row["matrix"]].append((int(row["step"]), float(row["sparsity"])))
        if any(history.values()):
            pictures.append(self.folder / "sparsity.png")
            draw_history(pictures[-1], history)
        log_pictures(trainer.loggers, pictures)

    def _table(self) -> MetricsCsv:
        return MetricsCsv(self.folder / "updates.csv")
