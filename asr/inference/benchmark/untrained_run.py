"""A model of a run's shape without its checkpoint: a forward pass takes as long by any weights."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import yaml

from asr.checkpoint import Sparsity, TrainedModel
from asr.data.presets import build, with_labels
from asr.errors import InputError
from asr.sparsity.dense import Dense
from asr.sparsity.gradual import GradualPruning

# What reading and building raise where a file is no configuration, or one of another version.
_NOT_OURS = (
    OSError, ValueError, LookupError, TypeError, AttributeError, ImportError, yaml.YAMLError,
)  # fmt: skip


def untrained_run(run: str | Path) -> TrainedModel:
    """What a run's `config.yaml` describes, with fresh weights, pruned by its own method at once.

    Of fresh weights the method takes blocks at random, as many of each part as of trained ones.

    Raises:
        InputError: there is no whole configuration, or how many blocks are left, or the
            vocabulary, hangs on what was trained.
    """
    path = Path(run) / "config.yaml"
    try:
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        pruning = build(config["sparsity"])
        _refuse_what_training_decides(path, config, pruning)
        trained = _fresh(config)
        epochs = int(config["training"]["epochs"])
    except InputError:
        raise
    except _NOT_OURS as error:
        raise InputError(
            str(path),
            expected="the configuration of a run, by this version",
            got=f"{type(error).__name__}: {error}",
            remedy="Name a run folder, or one that `python -m asr.study.collect` kept.",
        ) from error
    weights = dict(trained.model.named_parameters())
    pruner = pruning.pruner(weights, total_steps=1, epochs=epochs)
    pruner.after_step(torch.optim.SGD(weights.values(), lr=0.0))  # the last step of pruning
    block = None if isinstance(pruning, Dense) else pruner.block
    return replace(trained, sparsity=Sparsity(pruner.method, block, pruner.pruned))


def _refuse_what_training_decides(path: Path, config: dict[str, Any], pruning: Any) -> None:
    got = ""
    if not isinstance(pruning, Dense | GradualPruning):
        got = f"the method {pruning.method}"
    elif isinstance(pruning, GradualPruning) and pruning.select.keep_diagonal:
        got = "blocks on the diagonal that are stored for it even where they are pruned"
    elif config["vocabulary"]["_target_"].endswith(".from_texts"):
        got = "a vocabulary of its training texts"
    if got:
        raise InputError(
            str(path),
            expected="a dense model or one of gradual pruning, its labels in the configuration",
            got=got,
            remedy="Only training decides how large such a model is: time its checkpoint.",
        )


def _fresh(config: dict[str, Any]) -> TrainedModel:
    torch.manual_seed(0)
    labels, normaliser = build(config["vocabulary"]), build(config["normaliser"])
    trained = with_labels(labels, config["model"], config["features"], normaliser)
    trained.model.eval()
    return trained
