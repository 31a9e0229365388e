"""A model of a run's shape without its checkpoint: what a forward pass takes hangs on no weight."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml

from asr.checkpoint import Sparsity, TrainedModel
from asr.data.presets import build
from asr.errors import InputError
from asr.sparsity.dense import Dense
from asr.sparsity.gradual import GradualPruning

_STEPS = 100  # of which pruning takes its share


def untrained_run(run: str | Path) -> TrainedModel:
    """What a run's `config.yaml` describes, with fresh weights, pruned by its own method at once.

    Of fresh weights the method takes blocks at random, as many of each part as of trained ones.

    Raises:
        InputError: there is no readable configuration, or what is pruned, or the vocabulary, hangs
            on what was trained.
    """
    path = Path(run) / "config.yaml"
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        method, texts = config["sparsity"], config["vocabulary"]["_target_"].endswith("from_texts")
        epochs = config["training"]["epochs"]
        pruning = build(method)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        raise InputError(
            str(path),
            expected="the configuration of a run",
            got=f"{type(error).__name__}: {error}",
            remedy="Name a run folder, or one that `python -m asr.study.collect` kept.",
        ) from error
    if texts or not isinstance(pruning, Dense | GradualPruning):
        raise InputError(
            str(path),
            expected="a dense model or one of gradual pruning, and a vocabulary of its own",
            got="a vocabulary of its texts" if texts else f"the method {pruning.method}",
            remedy="How large such a model is says only its training: time its checkpoint.",
        )
    return _pruned(_fresh(config), pruning, epochs)


def _fresh(config: dict[str, Any]) -> TrainedModel:
    torch.manual_seed(0)
    vocabulary, features = build(config["vocabulary"]), build(config["features"])
    model = build(config["model"], bins=features.bins, vocabulary_size=len(vocabulary))
    model.eval()
    return TrainedModel(features, model, vocabulary, build(config["normaliser"]))


def _pruned(trained: TrainedModel, pruning: Dense | GradualPruning, epochs: int) -> TrainedModel:
    weights = dict(trained.model.named_parameters())
    pruner = pruning.pruner(weights, total_steps=_STEPS, epochs=epochs)
    unmoved = torch.optim.SGD(weights.values(), lr=0.0)
    while not pruner.ended:
        pruner.after_step(unmoved)
    block = None if isinstance(pruning, Dense) else pruner.block
    return replace(trained, sparsity=Sparsity(pruner.method, block, pruner.pruned))
