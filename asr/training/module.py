"""One training step and one validation step of a CTC acoustic model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import lightning
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor
from torch.optim import Optimizer

from asr.checkpoint import Blueprint, TrainedModel, model_weights, read_checkpoint
from asr.data.batch import Batch
from asr.data.manifest import Utterance
from asr.decoding.decoder import Decoder
from asr.errors import InputError
from asr.evaluation.error_rate import ErrorCounts, character_counts, pool, word_counts
from asr.sparsity.pruner import Pruner, Update
from asr.training.loss import alignable, ctc_losses
from asr.training.schedules import Schedule
from asr.training.telling import say

OnNonFinite = Literal["stop", "skip"]


class SpeechModule(lightning.LightningModule):
    """Lightning's view of an acoustic model.

    Args:
        blueprint: what rebuilds the model; goes into every checkpoint.
        trained: the model that the blueprint built.
        optimizer: parameters -> optimizer.
        schedule: progress in [0, 1] -> factor of the learning rate.
        pruner: of the model's weights.
        decoder: for the validation error rates.
        total_steps: optimizer steps of the whole run.
        epochs: of the whole run.
        on_non_finite: `stop` raises on a loss or gradient that is not finite, `skip` leaves the
            batch out; either names the utterances.
        train_utterances: what batch indices mean in training.
        validation_utterances: what batch indices mean in validation.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        trained: TrainedModel,
        *,
        optimizer: Callable[[Iterable[Tensor]], Optimizer],
        schedule: Schedule,
        pruner: Pruner,
        decoder: Decoder,
        total_steps: int,
        epochs: int,
        on_non_finite: OnNonFinite,
        train_utterances: Sequence[Utterance],
        validation_utterances: Sequence[Utterance],
    ) -> None:
        super().__init__()
        self.model = trained.model
        self.trained, self.blueprint = trained, blueprint
        self.make_optimizer, self.schedule = optimizer, schedule
        self.decoder = decoder.for_vocabulary(trained.vocabulary)
        self.pruner = pruner
        self.update: Update | None = None  # the masks' last one
        self.total_steps, self.epochs = total_steps, epochs
        self.on_non_finite = on_non_finite
        self.train_utterances = train_utterances
        self.validation_utterances = validation_utterances
        self.skipped = 0  # batches, in this process
        self._since_step: list[Tensor] = []  # indices of the batches in the next step's gradient
        self._overflowed = False  # whether the last step's gradients did under a loss scaler
        self._words = self._characters = ErrorCounts()

    def __getstate__(self) -> dict[str, Any]:
        """What a copy has, such as that of which Lightning makes an average of the weights.

        A search holds pointers into C, which cannot be copied, and lists of utterances are long.
        """
        left_out = ("decoder", "train_utterances", "validation_utterances")
        state: dict[str, Any] = super().__getstate__()  # without the trainer
        return {name: value for name, value in state.items() if name not in left_out}

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Log-probabilities (S, B, V) and output frames (B,)."""
        log_probs, frames = self.model(batch.features, batch.frames)
        return log_probs, frames

    # ---- training ----------------------------------------------------------------------------

    def training_step(self, batch: Batch, _: int) -> Tensor | None:
        """The mean CTC loss over the batch's utterances, or None to leave the batch out."""
        skipping = self.on_non_finite == "skip"
        statistics = [buffer.clone() for buffer in self.model.buffers()] if skipping else []
        log_probs, frames = self(batch)
        losses = ctc_losses(log_probs, frames, batch.labels, batch.label_counts)
        usable = alignable(frames, batch.labels, batch.label_counts) & losses.isfinite()
        if not bool(usable.all()):
            self._non_finite("loss", [batch.indices[~usable]], frames[~usable])
            if not bool(losses.isfinite().all()):
                # Batch norm has mixed the utterances: none of the batch's gradients is sound, nor
                # are the running statistics that it has gone into.
                for buffer, before in zip(self.model.buffers(), statistics, strict=True):
                    buffer.copy_(before)
                return self._no_gradient() if self._step_needs_all else None
        self._since_step.append(batch.indices)
        loss = losses.sum() / len(losses)
        size = len(losses)
        self.log("train_loss", loss, prog_bar=True, batch_size=size, on_step=True, on_epoch=False)
        return loss

    @property
    def _step_needs_all(self) -> bool:
        """Whether a batch without a loss would keep others' gradients from the step."""
        # Other processes wait for this one's; under a loss scaler Lightning leaves out a step whose
        # last batch has none, and with it what the batches before it gave.
        accumulating = self.trainer.accumulate_grad_batches > 1
        return self.trainer.world_size > 1 or (self._scaled and accumulating)

    @property
    def _scaled(self) -> bool:
        """Whether there is a loss scaler, as fp16 needs one."""
        return getattr(self.trainer.precision_plugin, "scaler", None) is not None

    def _no_gradient(self) -> Tensor:
        return torch.stack([(parameter * 0).sum() for parameter in self.parameters()]).sum()

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        self.pruner.before_step()

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """The optimizer's step, then the masks: in every forward pass masked weights are zero."""
        super().optimizer_step(epoch, batch_idx, optimizer, optimizer_closure)
        plain = optimizer.optimizer if isinstance(optimizer, LightningOptimizer) else optimizer
        if self._overflowed:  # clipping has made zeros of the finite ones, which rank no block
            plain.zero_grad(set_to_none=True)
        self.update = self.pruner.after_step(plain) or self.update

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip by the global norm; a norm that is not finite stops or skips the step."""
        bound = float("inf") if gradient_clip_val is None else gradient_clip_val
        norm = torch.nn.utils.clip_grad_norm_(self.parameters(), bound)
        self.log("gradient_norm", norm)
        finite = bool(norm.isfinite())
        # In fp16 such gradients are how the loss scaler finds its scale, and it skips the step.
        self._overflowed = self._scaled and not finite
        if not self._scaled and not finite:
            self._non_finite("gradient", self._since_step, None)
            # Without a gradient the optimizer leaves weight and moments as they are.
            optimizer.zero_grad(set_to_none=True)
        elif not self._since_step and self.trainer.world_size == 1:
            # No batch had a loss: zeros in a gradient's place would move weights by momentum.
            optimizer.zero_grad(set_to_none=True)
        self._since_step.clear()

    def _non_finite(self, what: str, batches: Sequence[Tensor], frames: Tensor | None) -> None:
        """Stop, or count the batches, given as indices of the utterances to name."""
        named = [index for indices in batches for index in indices.tolist()]
        names = [self.train_utterances[index].id for index in named]
        lengths = "" if frames is None else f" ({frames.tolist()} output frames)"
        if self.on_non_finite == "stop":
            raise InputError(
                f"{what} in epoch {self.current_epoch}, step {self.global_step}",
                expected="a finite number",
                got=f"one that is not, from {', '.join(names)}{lengths}",
                remedy="Run asr.data.check on the manifest, lower the learning rate, or set "
                "training.on_non_finite=skip.",
            )
        self.skipped += len(batches)
        say(f"skipped: {what} is not finite in {', '.join(names)}{lengths}")

    def configure_optimizers(self) -> Any:
        optimizer = self.make_optimizer(self.parameters())
        scheduler = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: self.schedule(min(step / self.total_steps, 1.0), self.epochs)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step", "name": "lr"},
        }

    # ---- validation --------------------------------------------------------------------------

    def on_validation_epoch_start(self) -> None:
        self._words = self._characters = ErrorCounts()
        self._validation_loss = torch.zeros(2, device=self.device)  # sum, and utterances

    def validation_step(self, batch: Batch, _: int) -> None:
        """Counts the decoder's errors; the loss is over the lines CTC can align."""
        with torch.autocast(self.device.type, enabled=False):  # as evaluate.py and exports compute
            log_probs, frames = self(batch)
        losses = ctc_losses(log_probs, frames, batch.labels, batch.label_counts)
        usable = alignable(frames, batch.labels, batch.label_counts)
        self._validation_loss += torch.stack([losses[usable].sum(), usable.sum()])
        decoded = self.decoder.decode_batch(log_probs, frames)
        hypotheses = [self.trained.vocabulary.decode(reading.labels) for reading in decoded]
        references = [self.validation_utterances[i].text for i in batch.indices.tolist()]
        self._words += pool(word_counts(references, hypotheses))
        self._characters += pool(character_counts(references, hypotheses))

    def on_validation_epoch_end(self) -> None:
        self._log_pooled("validation_loss", self._validation_loss)
        for name, counts in (("wer", self._words), ("cer", self._characters)):
            pooled = torch.tensor([counts.errors, counts.reference_length], device=self.device)
            self._log_pooled(name, pooled, prog_bar=True)
        # Here and not at the epoch's end, where its row would come after the checkpoint and be
        # lost with a process that is killed in between.
        self.log("skipped", float(self.skipped), reduce_fx="sum", sync_dist=True)

    def _log_pooled(self, name: str, pooled: Tensor, prog_bar: bool = False) -> None:
        """Log a numerator over a denominator, both summed over all processes."""
        pooled = self.trainer.strategy.reduce(pooled, reduce_op="sum")
        self.log(name, pooled[0] / pooled[1], prog_bar=prog_bar, rank_zero_only=True)

    # ---- checkpoints -------------------------------------------------------------------------

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["recogniser"] = self.blueprint.state()
        if self.pruner.parts:
            for weights in ("state_dict", "current_model_state"):  # beside an average
                if weights in checkpoint:
                    self.pruner.check(model_weights(checkpoint[weights]))
            checkpoint["sparsity"] = self.pruner.state()
        skipped = torch.tensor(self.skipped, device=self.device)
        checkpoint["skipped"] = int(self.trainer.strategy.reduce(skipped, reduce_op="sum"))

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        # A vocabulary is made of the texts anew: another version of this program, or of a library,
        # may order it otherwise, and then the weights' labels would be others.
        self._refuse_another(
            checkpoint,
            "the checkpoint to continue from",
            "Continue with the versions that began it, or remove its folder to begin anew.",
        )
        # The checkpoint's count is that of all processes, which are summed again.
        if self.pruner.parts:
            self.pruner.load_state(checkpoint["sparsity"])
        self.skipped = checkpoint["skipped"] if self.global_rank == 0 else 0

    def init_from(self, path: str | Path) -> None:
        """Start from the weights of a finished run (fine-tuning, or pruning a trained model)."""
        checkpoint = read_checkpoint(path)
        self._refuse_another(checkpoint, f"init_from={path}", "Configure this run as that one was.")
        self.model.load_state_dict(model_weights(checkpoint["state_dict"]))
        masks = checkpoint.get("sparsity", {"kept": {}})["kept"].values()
        if not all(bool(blocks.all()) for blocks in masks):
            rank_zero_only(say)(
                f"init_from={path}: its weights are taken, not its masks: what was pruned there is "
                "zero to begin with, is trained, and stays zero only where this run prunes it"
            )

    def _refuse_another(self, checkpoint: Mapping[str, Any], name: str, remedy: str) -> None:
        """Weights belong to the features, shapes and labels that they were trained with."""
        theirs = Blueprint.from_state(checkpoint["recogniser"])
        for what in ("features", "feature_arguments", "model_arguments", "vocabulary", "language"):
            ours, other = _lasting(getattr(self.blueprint, what)), _lasting(getattr(theirs, what))
            if ours != other:
                raise InputError(
                    name,
                    expected=f"the {what} of this run, {ours}",
                    got=f"{other}",
                    remedy=remedy,
                )


def _lasting(value: Any) -> Any:
    """Without dropout, which may change between two trainings of the same weights."""
    if not isinstance(value, Mapping):
        return value
    return {name: inner for name, inner in value.items() if name != "dropout"}
