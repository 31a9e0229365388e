"""One step of training and a validation, against sums worked out utterance by utterance."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from asr.checkpoint import load_trained, read_checkpoint
from asr.data.batch import Batch
from asr.data.datamodule import SpeechData
from asr.decoding.beam import BeamDecoder
from asr.decoding.greedy import GreedyDecoder
from asr.errors import InputError
from asr.evaluation.error_rate import character_counts, pool, word_counts
from asr.evaluation.recognise import recognise
from asr.features.augmentation import Augmentation
from asr.features.speed import SpeedPerturbation
from asr.text import CharacterVocabulary
from asr.training.module import SpeechModule
from tests.training.in_process import LossScaler, preset, speech_data, speech_module, trainer

SPEEDS = Augmentation(SpeedPerturbation([0.7, 1.0, 1.4]), (), ())


class OnBatch(Callback):
    """Do something to the module or the batch before each training step."""

    def __init__(self, action: Any) -> None:
        self.action = action

    def on_train_batch_start(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        batch: Batch,
        batch_idx: int,
    ) -> None:
        self.action(trainer, module, batch)


def weights(module: SpeechModule) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.model.state_dict().items()}


def same(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> bool:
    return all(torch.equal(ours[name], theirs[name]) for name in theirs)


def fit(folder: Path, data: SpeechData, module: SpeechModule, *callbacks: Callback, **recipe: Any):  # type: ignore[no-untyped-def]
    made = trainer(folder, *callbacks, **recipe)
    made.fit(module, datamodule=data, weights_only=True)
    return made


def test_the_loss_of_a_batch_is_the_mean_of_its_utterances_alone(tones: Path) -> None:
    data = speech_data(tones)
    module = speech_module(data).double()
    # In evaluation, where batch norm does not mix them, each one is itself.
    module.eval()
    plan = next(plan for plan in data.train_sampler().plan(0) if len(plan.utterances) > 2)
    batch = data.train_set[plan]
    batch = replace(batch, features=batch.features.double())
    module.trainer = lightning.Trainer(logger=False, enable_checkpointing=False, barebones=True)
    module.log = lambda *_, **__: None  # type: ignore[method-assign]
    loss = module.training_step(batch, 0)
    alone = []
    for row, frames in enumerate(batch.frames.tolist()):
        count = int(batch.label_counts[row])
        log_probs, outputs = module.model(
            batch.features[row : row + 1, :, :frames], batch.frames[row : row + 1]
        )
        alone.append(
            torch.nn.functional.ctc_loss(
                log_probs[: outputs[0], 0],
                batch.labels[row, :count],
                outputs[0],
                torch.tensor(count),
                reduction="sum",
            )
        )
    assert loss is not None
    assert loss.item() == pytest.approx(torch.stack(alone).mean().item(), rel=1e-5)


def test_every_epoch_trains_on_everything_and_is_validated(tones: Path, tmp_path: Path) -> None:
    data = speech_data(tones)
    module = speech_module(data, SPEEDS, epochs=4)
    counts = [len(data.train_sampler().plan(epoch)) for epoch in range(4)]
    assert len(set(counts)) > 1, "epochs of one length only would prove nothing"
    seen: dict[int, list[int]] = {}
    validated = []

    class Watch(Callback):
        def on_validation_epoch_end(self, trainer, _) -> None:  # type: ignore[no-untyped-def]
            validated.append(trainer.current_epoch)

    def note(trainer: lightning.Trainer, _: object, batch: Batch) -> None:
        seen.setdefault(trainer.current_epoch, []).extend(batch.indices.tolist())

    made = fit(tmp_path, data, module, OnBatch(note), Watch(), epochs=4)
    everything = list(range(len(data.train)))
    assert [sorted(seen[epoch]) for epoch in range(4)] == [everything] * 4
    assert validated == [0, 1, 2, 3]
    assert made.global_step == module.total_steps == sum(counts)


def test_learning_rate_gets_to_the_end_of_its_schedule(tones: Path, tmp_path: Path) -> None:
    data, rates = speech_data(tones), []
    module = speech_module(data, SPEEDS, accumulate=2, schedule=lambda progress, _: 1 - progress)
    watch = OnBatch(lambda trainer, *_: rates.append(trainer.optimizers[0].param_groups[0]["lr"]))
    made = fit(tmp_path, data, module, watch, accumulate=2)
    assert rates[0] == pytest.approx(2e-3)
    assert made.optimizers[0].param_groups[0]["lr"] == pytest.approx(0, abs=1e-9)


def poison(step: int) -> OnBatch:
    """NaN in the features of one batch, as a broken file or an overflow gives."""

    def action(trainer: lightning.Trainer, _: object, batch: Batch) -> None:
        if trainer.global_step == step:
            batch.features[0, 0, 0] = math.nan

    return OnBatch(action)


def poison_gradient(step: int) -> OnBatch:
    """A finite loss whose gradient is not."""

    def action(trainer: lightning.Trainer, module: SpeechModule, _: Batch) -> None:
        for handle in getattr(module, "handles", []):
            handle.remove()
        module.handles = []  # type: ignore[assignment]
        if trainer.global_step == step:
            spoil = module.model.output.bias.register_hook(lambda gradient: gradient * math.inf)
            module.handles.append(spoil)  # type: ignore[union-attr, operator]

    return OnBatch(action)


@pytest.mark.parametrize(("poisoned", "what"), [(poison, "loss"), (poison_gradient, "gradient")])
def test_a_loss_or_gradient_that_is_not_finite_stops_with_names(
    tones: Path, tmp_path: Path, poisoned: Any, what: str
) -> None:
    data = speech_data(tones)
    module = speech_module(data)
    guilty = [data.train[index].id for index in data.train_sampler().plan(0)[2].utterances]
    with pytest.raises(InputError, match=f"{what} in epoch 0, step 2") as caught:
        fit(tmp_path, data, module, poisoned(2))
    assert all(name in str(caught.value) for name in guilty)
    assert "train-" in str(caught.value)


@pytest.mark.parametrize("poisoned", [poison, poison_gradient])
def test_a_skipped_batch_changes_nothing_and_is_counted(
    tones: Path, tmp_path: Path, poisoned: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    data = speech_data(tones)
    module = speech_module(data, epochs=2, on_non_finite="skip")
    history: list[dict[str, Tensor]] = []
    keep = OnBatch(lambda trainer, module, batch: history.append(weights(module)))
    made = fit(tmp_path, data, module, keep, poisoned(2), epochs=2, on_non_finite="skip")
    parameters = {name for name, _ in module.model.named_parameters()}
    before, after = history[2], history[3]
    assert same({name: after[name] for name in parameters}, {n: before[n] for n in parameters})
    if poisoned is poison:
        assert same(after, before)  # the running statistics too
    assert not same(history[4], after)
    assert all(tensor.isfinite().all() for tensor in weights(module).values())
    assert made.global_step == module.total_steps  # the schedule goes on
    assert float(made.callback_metrics["skipped"]) == module.skipped == 1
    assert "skipped: " in capsys.readouterr().out
    assert read_checkpoint(tmp_path / "checkpoints/last.ckpt")["skipped"] == 1


@pytest.mark.parametrize(("accumulate", "bad"), [(1, 1), (2, 1), (2, 2)])
def test_a_loss_scaler_keeps_what_the_other_batches_of_a_step_gave(
    tones: Path, tmp_path: Path, accumulate: int, bad: int
) -> None:
    """Where a step's last batches are skipped; those that are the whole step change nothing."""
    data = speech_data(tones)
    module = speech_module(data, accumulate=accumulate, epochs=2, on_non_finite="skip")
    history: list[dict[str, Tensor]] = []

    def spoil(_: object, module: SpeechModule, batch: Batch) -> None:
        parameters = module.model.named_parameters()
        history.append({name: one.detach().clone() for name, one in parameters})
        if 2 * accumulate - bad < len(history) <= 2 * accumulate:
            batch.features[0, 0, 0] = math.nan

    recipe = {"epochs": 2, "accumulate": accumulate, "on_non_finite": "skip"}
    made = trainer(tmp_path, OnBatch(spoil), **recipe)
    made.strategy.precision_plugin = LossScaler()
    made.fit(module, datamodule=data, weights_only=True)
    assert module.skipped == bad
    before, after, later = (history[steps * accumulate] for steps in (1, 2, 3))
    assert same(after, before) == (accumulate == bad)
    assert not same(later, after)


def test_all_batches_of_a_skipped_step_are_counted_once(tones: Path, tmp_path: Path) -> None:
    data = speech_data(tones)
    module = speech_module(data, accumulate=3, epochs=1, on_non_finite="skip")
    spoil, batches = poison_gradient(0), []

    def one_loss_too(trainer: lightning.Trainer, _: object, batch: Batch) -> None:
        batches.append(trainer.global_step)
        if len(batches) == 2:
            batch.features[0, 0, 0] = math.nan

    fit(tmp_path, data, module, spoil, OnBatch(one_loss_too), epochs=1, accumulate=3,
        on_non_finite="skip")  # fmt: skip
    assert module.skipped == batches.count(0) == 3


def test_a_gradient_names_all_batches_that_went_into_it(tones: Path, tmp_path: Path) -> None:
    data = speech_data(tones)
    module = speech_module(data, accumulate=3)
    first = [data.train[index].id for index in data.train_sampler().plan(0)[0].utterances]

    spoilt = []

    def spoil_first(_: object, module: SpeechModule, __: Batch) -> None:
        if spoilt:
            spoilt[0].remove()
        else:
            bias = module.model.output.bias
            spoilt.append(bias.register_hook(lambda gradient: gradient * math.nan))

    with pytest.raises(InputError, match="gradient in epoch 0, step 0") as caught:
        fit(tmp_path, data, module, OnBatch(spoil_first), accumulate=3)
    assert all(name in str(caught.value) for name in first)


@pytest.mark.parametrize("changes", [{}, {"precision": "bf16-mixed"}, {"ema_decay": 0.99}], ids=str)
def test_validation_rates_are_the_evaluations_pooled_counts(
    tones: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """Of the weights that are saved: with an average, of that."""
    data = speech_data(tones, max_batch=4)
    module = speech_module(data, epochs=2)
    rates: list[tuple[float, float]] = []
    kinds: set[torch.dtype] = set()

    class Watch(Callback):
        def on_train_epoch_end(self, trainer, _) -> None:  # type: ignore[no-untyped-def]
            metrics = trainer.callback_metrics
            rates.append((float(metrics["wer"]), float(metrics["cer"])))
            trainer.save_checkpoint(tmp_path / f"{trainer.current_epoch}.ckpt")

    def note(called: torch.nn.Module, _: Any, logits: Tensor) -> None:
        if not called.training:
            kinds.add(logits.dtype)

    module.model.output.register_forward_hook(note)
    fit(tmp_path, data, module, Watch(), epochs=2, **changes)
    for epoch, (wer, cer) in enumerate(rates):
        trained = load_trained(tmp_path / f"{epoch}.ckpt")
        hypotheses = recognise(
            trained, data.validation, GreedyDecoder(), batch=2, batch_seconds=60
        ).hypotheses
        references = [hypothesis.reference for hypothesis in hypotheses]
        texts = [hypothesis.text for hypothesis in hypotheses]
        # Counted anew in each epoch: sums over both would give the mean of the two.
        assert wer == pytest.approx(pool(word_counts(references, texts)).rate, rel=1e-6)
        assert cer == pytest.approx(pool(character_counts(references, texts)).rate, rel=1e-6)
    assert rates[0] != rates[1]
    assert kinds == {torch.float32}  # whose difference may be too small for these few words


def test_an_average_is_kept_where_a_search_reads_the_validation(
    tones: Path, tmp_path: Path
) -> None:
    data = speech_data(tones)
    search = BeamDecoder(**preset("decoding/beam.yaml"))
    module = speech_module(data, epochs=1, decoder=search)
    made = fit(tmp_path, data, module, epochs=1, ema_decay=0.9)
    assert math.isfinite(float(made.callback_metrics["wer"]))
    assert module.decoder.name == search.name
    assert module.train_utterances


def test_lines_that_cannot_be_written_count_as_errors(tones: Path, tmp_path: Path) -> None:
    data = speech_data(tones)
    module = speech_module(data, vocabulary=CharacterVocabulary("abc "), epochs=1)
    assert 0 < len(data.train) < len(data.all_train)
    made = fit(tmp_path, data, module, epochs=1)
    assert len(data.validation) == 6
    assert float(made.callback_metrics["wer"]) > 0
    assert math.isfinite(float(made.callback_metrics["validation_loss"]))


def test_init_from_starts_at_those_weights_bit_for_bit(tones: Path, tmp_path: Path) -> None:
    data = speech_data(tones)
    parent = speech_module(data, epochs=1)
    fit(tmp_path / "parent", data, parent, epochs=1)
    checkpoint = tmp_path / "parent/checkpoints/last.ckpt"
    child = speech_module(data, epochs=1)
    assert not same(weights(child), weights(parent))
    child.init_from(checkpoint)
    assert same(weights(child), weights(parent))
    first: list[dict[str, Tensor]] = []
    keep = OnBatch(lambda trainer, module, _: first.append(weights(module)))
    fit(tmp_path / "child", data, child, keep, epochs=1)
    assert same(first[0], weights(parent))
    assert not same(weights(child), weights(parent))


def test_init_from_another_kind_of_model_is_refused(tones: Path, tmp_path: Path) -> None:
    data = speech_data(tones)
    parent = speech_module(data, epochs=1)
    fit(tmp_path, data, parent, epochs=1)
    other = speech_module(data, vocabulary=CharacterVocabulary("abcde "))
    before = weights(other)
    with pytest.raises(InputError, match=r"init_from=.*model_arguments"):
        other.init_from(tmp_path / "checkpoints/last.ckpt")
    reordered = speech_module(data, vocabulary=CharacterVocabulary("dcba "))
    with pytest.raises(InputError, match=r"init_from=.*vocabulary"):
        reordered.init_from(tmp_path / "checkpoints/last.ckpt")
    assert same(weights(other), before)


def test_going_on_with_labels_in_another_order_is_refused(tones: Path, tmp_path: Path) -> None:
    data = speech_data(tones)
    fit(tmp_path, data, speech_module(data, epochs=2), epochs=1)
    reordered = speech_module(data, vocabulary=CharacterVocabulary("dcba "), epochs=2)
    before = weights(reordered)
    made, checkpoint = trainer(tmp_path, epochs=2), tmp_path / "checkpoints/last.ckpt"
    with pytest.raises(InputError, match=r"^the checkpoint to continue from: .* vocabulary"):
        made.fit(reordered, datamodule=data, ckpt_path=checkpoint, weights_only=True)
    assert same(weights(reordered), before)


class StoppedError(Exception):
    """The test's own."""


def test_going_on_inside_an_epoch_of_another_length_changes_no_bit(
    tones: Path, tmp_path: Path
) -> None:
    data = speech_data(tones)
    whole = speech_module(data, SPEEDS, epochs=4)
    fit(tmp_path / "whole", data, whole, epochs=4)
    counts = [len(data.train_sampler().plan(epoch)) for epoch in range(4)]
    (odd, *_) = [epoch for epoch in (1, 2, 3) if counts[epoch] != counts[0]]
    before = sum(counts[:odd])
    for step in (before, before + 2, before + counts[odd] - 1):

        def stop(trainer: lightning.Trainer, *_: object, step: int = step) -> None:
            if trainer.global_step == step:
                raise StoppedError

        data = speech_data(tones)
        folder = tmp_path / str(step)
        first = speech_module(data, SPEEDS, epochs=4)
        with pytest.raises(StoppedError):
            fit(folder, data, first, OnBatch(stop), epochs=4, checkpoint_minutes=0)
        data = speech_data(tones)
        rest = speech_module(data, SPEEDS, epochs=4)
        made = trainer(folder, epochs=4)
        checkpoint = folder / "checkpoints/last.ckpt"
        assert read_checkpoint(checkpoint)["global_step"] == step
        made.fit(rest, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        assert made.global_step == sum(counts)
        assert same(weights(rest), weights(whole))
