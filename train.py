"""Train an acoustic model: `python train.py`, the same again to continue, `-m` to sweep."""

import json
import os
import signal
import sys
from pathlib import Path

import lightning
import torch
import yaml
from lightning.pytorch.utilities import rank_zero_only
from omegaconf import DictConfig

from asr.checkpoint import (
    Blueprint,
    checkpoint_of,
    model_weights,
    read_blueprint,
    read_checkpoint,
)
from asr.configuration import arguments, build, entry_point, plain
from asr.data.datamodule import SpeechData
from asr.errors import InputError
from asr.files import atomic_write
from asr.memory import fitting_into_memory
from asr.sparsity.dense import Dense
from asr.sparsity.pruner import Pruner
from asr.sparsity.quantiles import weight_quantiles
from asr.sweep.job import PLANNED
from asr.training import telling
from asr.training.allocator import keep_freed_memory
from asr.training.checkpoints import best_rates, newest_readable
from asr.training.loggers import close
from asr.training.module import SpeechModule
from asr.training.recipe import Hardware, Recipe, make_trainer
from asr.training.run_folder import RunFolder, TrainingInterruptedError
from asr.training.run_identity import identify, require_dense_run

say = rank_zero_only(telling.say)  # one process speaks for all


def train(cfg: DictConfig) -> None:
    """Train until done, from wherever the run was left."""
    folder = run_folder(cfg)
    if folder.status().get("state") == "done":
        say(f"{folder.path} is done. Another seed or setting is another run.")
        return
    say(f"run {folder.path}")
    if not 0 <= cfg.seed < 2**32:
        raise InputError(
            "seed",
            expected="a whole number from 0 to 4294967295",
            got=str(cfg.seed),
            remedy="Usual are 1, 2, 3, ...",
        )
    hardware: Hardware = build(cfg.hardware)
    recipe: Recipe = build(cfg.training)
    torch.set_num_threads(hardware.threads)
    keep_freed_memory()
    lightning.seed_everything(cfg.seed, verbose=False)
    trainer = make_trainer(recipe, hardware, folder)
    if cfg.trial is not None:
        try:
            from asr.training.hopeless import StopHopeless  # Optuna is an extra
        except ImportError as error:
            raise InputError(
                f"trial={cfg.trial}",
                expected="Optuna installed",
                got=str(error),
                remedy="Install the extra: pip install -e '.[sweep]'.",
            ) from error
        trainer.callbacks.insert(0, StopHopeless(folder.path.parent, cfg.trial))
    with folder.owned(lambda: (trainer.global_step, trainer.current_epoch)):
        if folder.leader:
            with atomic_write(folder.path / "config.yaml") as file:
                yaml.safe_dump(plain(cfg), file, sort_keys=False, allow_unicode=True)
            trainer.loggers += build(cfg.logger, folder=folder, settings=plain(cfg))
        try:
            fit(cfg, recipe, hardware, folder, trainer)
        except BaseException:
            close(exit_code=1)
            raise
        if folder.leader and isinstance(build(cfg.sparsity), Dense):
            weights = weights_of(folder.path)
            with atomic_write(folder.path / "quantiles.json") as file:
                json.dump(weight_quantiles(weights), file, indent=2)
        best = best_rates(trainer)
        folder.facts["validation"] = best
        close(exit_code=0)
    rates = f"lowest validation CER {100 * best['cer']:.2f} %, WER {100 * best['wer']:.2f} % there"
    say(f"done: {rates}, in {folder.path}")


def fit(
    cfg: DictConfig,
    recipe: Recipe,
    hardware: Hardware,
    folder: RunFolder,
    trainer: lightning.Trainer,
) -> None:
    """From manifests to trained weights, in the order of the flow."""
    normaliser = build(cfg.normaliser)
    data: SpeechData = build(
        cfg.data,
        normaliser=normaliser,
        seed=cfg.seed,
        workers=hardware.workers,
        keep_gigabytes=hardware.keep_gigabytes,
    )
    vocabulary = build(cfg.vocabulary, texts=data.train_texts())
    features = build(cfg.features)
    checkpoint = newest_readable(folder.checkpoints)
    origin = checkpoint or (cfg.init_from and checkpoint_of(cfg.init_from))
    sizes = {"bins": features.bins, "vocabulary_size": len(vocabulary)}
    blueprint = Blueprint(
        features=type(features).__name__,
        feature_arguments=arguments(cfg.features),
        model_arguments={**arguments(cfg.model), **sizes},
        vocabulary=vocabulary.state(),
        language=normaliser.language,
        # Weights belong to the statistics that they were trained with.
        statistics=read_blueprint(origin).statistics
        if origin
        else data.feature_statistics(features),
    )
    trained = blueprint.build()
    selection = data.use(trained, build(cfg.augmentation))
    say(f"training set: {selection.summary()}")
    if folder.leader:
        selection.write_left_out(folder.path / "left_out.jsonl")
        if selection.left_out:
            say(f"  all of them by name: {folder.path / 'left_out.jsonl'}")
    parameters = sum(parameter.numel() for parameter in trained.model.parameters())
    say(f"model: {parameters:,} parameters, {len(vocabulary)} labels")
    world = hardware.devices * hardware.nodes
    total_steps = data.total_steps(recipe.epochs, recipe.accumulate, world)
    dense_run = cfg.sparsity.get("dense_run")
    pruner: Pruner = build(cfg.sparsity).pruner(
        dict(trained.model.named_parameters()),
        total_steps=total_steps,
        epochs=recipe.epochs,
        dense=weights_of(dense_run) if dense_run else None,
    )
    for part in pruner.parts:
        rows, columns = part.of(pruner.weights[part.weight]).shape
        blocks = "x".join(str(size) for size in pruner.kept[part.label].shape)
        say(f"pruned: {part.label}, {rows}x{columns}, {blocks} blocks")
    module = SpeechModule(
        blueprint,
        trained,
        optimizer=build(cfg.optimizer),
        schedule=build(cfg.scheduler),
        pruner=pruner,
        decoder=build(cfg.decoding),
        total_steps=total_steps,
        epochs=recipe.epochs,
        on_non_finite=recipe.on_non_finite,
        train_utterances=data.train,
        validation_utterances=data.validation,
    )
    if checkpoint is None and origin is not None:
        module.init_from(origin)
    with fitting_into_memory(
        "training",
        "checkpoints are whole",
        "Free memory and give the same command again, which continues; or lower "
        "data.batch_seconds, which makes another run.",
    ):
        try:
            trainer.fit(module, datamodule=data, ckpt_path=checkpoint, weights_only=True)
        except SystemExit as end:  # Lightning's, of a second signal
            if isinstance(end.__context__, KeyboardInterrupt):
                raise end.__context__ from None
            raise


def weights_of(run: str | Path) -> dict[str, torch.Tensor]:
    """The acoustic model's weights in a run folder or checkpoint file."""
    return model_weights(read_checkpoint(checkpoint_of(run))["state_dict"])


def run_folder(cfg: DictConfig) -> RunFolder:
    """The folder that the configuration and the content of its manifests name.

    Raises:
        InputError: it is not the one that a sweep has planned this process for.
    """
    needs = getattr(build(cfg.sparsity), "needs_dense_run", False)
    identity = identify(plain(cfg), needs_dense_run=needs)
    planned = os.environ.get(PLANNED)
    if planned and not (identity.folder.is_dir() and identity.folder.samefile(planned)):
        raise InputError(
            planned,
            expected="the manifests and settings that this run was planned with",
            got=f"those of {identity.folder}",
            remedy="They have changed since, or the folder was moved: submit the sweep again.",
        )
    require_dense_run(identity)
    if "dense_run" in cfg.sparsity:
        cfg.sparsity.dense_run = identity.settings["sparsity"]["dense_run"]
    return RunFolder(
        identity.folder,
        identity=identity.in_status(),
        leader=rank_zero_only.rank == 0,
    )


@entry_point("train")
def main(cfg: DictConfig) -> None:
    """Train; an interruption that was answered by saving ends with its own exit code."""
    try:
        train(cfg)
    except TrainingInterruptedError as interruption:
        say(interruption.farewell)
        # Lightning kills the first process as soon as another one ends with an error.
        sys.exit(interruption.exit_code if rank_zero_only.rank == 0 else 0)
    except KeyboardInterrupt:
        say("stopped at once; the same command continues from the last checkpoint")
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
