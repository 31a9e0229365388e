"""A whole training inside the test's process: tones, a model of 35 thousand weights."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import lightning
import torch
import yaml
from lightning.pytorch.plugins.precision import MixedPrecision

from asr.checkpoint import Blueprint
from asr.data.datamodule import SpeechData
from asr.decoding.greedy import GreedyDecoder
from asr.features.augmentation import Augmentation
from asr.sparsity.dense import Dense
from asr.text import BasicNormaliser, CharacterVocabulary
from asr.training.module import SpeechModule
from asr.training.recipe import Hardware, Recipe, make_trainer
from asr.training.run_folder import RunFolder
from asr.training.schedules import WarmUp
from tests import finished_run

PLAIN = Augmentation(None, (), ())
LETTERS = CharacterVocabulary("abcd ")
IDENTITY = {"run_key": "k1", "group_key": "g1", "baseline_key": "g1", "experiment": "e", "seed": 1}


def preset(path: str) -> dict[str, Any]:
    """The constructor arguments that a YAML file of conf/ holds."""
    node = yaml.safe_load((finished_run.REPOSITORY / "conf" / path).read_text(encoding="utf-8"))
    return {key: value for key, value in node.items() if not key.startswith("_")}


def speech_data(folder: Path, *, seed: int = 1, workers: int = 0, **changes: Any) -> SpeechData:
    """The corpus in `folder`, in batches of at most four seconds."""
    arguments = {
        **preset("data/synthetic.yaml"),
        "train": [str(folder / "train.jsonl")],
        "validation": [str(folder / "validation.jsonl")],
        "batch_seconds": 4.0,
        **changes,
    }
    return SpeechData(**arguments, normaliser=BasicNormaliser("en"), seed=seed, workers=workers)


def blueprint(data: SpeechData, vocabulary: CharacterVocabulary = LETTERS) -> Blueprint:
    """The preset `tiny` on the data's own statistics."""
    plan = finished_run.blueprint(vocabulary_size=len(vocabulary))
    features = plan.build().features
    return Blueprint(
        features=plan.features,
        feature_arguments=plan.feature_arguments,
        model_arguments=plan.model_arguments,
        vocabulary=vocabulary.state(),
        language=plan.language,
        statistics=data.feature_statistics(features),
    )


def speech_module(
    data: SpeechData,
    augmentation: Augmentation = PLAIN,
    *,
    epochs: int = 3,
    accumulate: int = 1,
    vocabulary: CharacterVocabulary = LETTERS,
    **changes: Any,
) -> SpeechModule:
    """A module with fresh weights, on data that is then ready for `fit`."""
    torch.manual_seed(0)
    plan = blueprint(data, vocabulary)
    trained = plan.build()
    data.use(trained, augmentation)
    arguments: dict[str, Any] = {
        "optimizer": lambda parameters: torch.optim.AdamW(parameters, lr=2e-3),
        "schedule": WarmUp(warmup=0.1),
        "pruner": Dense().pruner({}, total_steps=1, epochs=1),
        "decoder": GreedyDecoder(),
        "total_steps": data.total_steps(epochs, accumulate, 1),
        "epochs": epochs,
        "on_non_finite": "stop",
        "train_utterances": data.train,
        "validation_utterances": data.validation,
        **changes,
    }
    return SpeechModule(plan, trained, **arguments)


class LossScaler(MixedPrecision):
    """Scales the loss as 16-mixed does, in single precision: a CPU has no fp16 to train in."""

    def __init__(self) -> None:
        super().__init__("16-mixed", "cpu", torch.amp.GradScaler("cpu"))

    def forward_context(self) -> AbstractContextManager[None]:  # type: ignore[override]
        return nullcontext()


def trainer(
    folder: Path, *callbacks: lightning.pytorch.callbacks.Callback, **changes: Any
) -> lightning.Trainer:
    """The trainer of a run in `folder`; `changes` are fields of Recipe or Hardware."""
    recipe = preset("training/default.yaml") | {"epochs": 3}
    hardware = preset("hardware/cpu.yaml") | {"workers": 0, "scan_worst_batch": False}
    made = make_trainer(
        Recipe(**{key: changes.get(key, value) for key, value in recipe.items()}),
        Hardware(**{key: changes.get(key, value) for key, value in hardware.items()}),
        RunFolder(folder, IDENTITY),
    )
    made.callbacks[:0] = callbacks
    return made
