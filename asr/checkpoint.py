"""A trained model as plain data: what a checkpoint holds besides the trainer's own state.

`recogniser` in a checkpoint is a dict of strings, numbers, lists and tensors, from which model,
features and vocabulary are rebuilt without a config. Files are read with `weights_only=True`, and
classes are looked up in fixed tables, so that no checkpoint can name code to run.
"""

import inspect
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from asr.errors import InputError
from asr.features.base import Features
from asr.features.log_mel import LogMel
from asr.features.spectrogram import Spectrogram
from asr.features.statistics import FeatureStatistics
from asr.model.acoustic import AcousticModel
from asr.text import BasicNormaliser, Normaliser, Vocabulary, vocabulary_from_state

SCHEMA = 1
_OTHER_VERSION = "Load it with the version of this program that wrote it."
_FEATURES: dict[str, type[Features]] = {"LogMel": LogMel, "Spectrogram": Spectrogram}

_FOLDER = 0x10  # among the attributes of an entry in a zip file


@dataclass(frozen=True)
class Sparsity:
    """How a model was pruned, as its checkpoint says; what is zero, its weights say."""

    method: str
    block: tuple[int, int] | None
    pruned: tuple[str, ...]  # names of weights


DENSE = Sparsity("dense", None, ())


@dataclass(frozen=True)
class TrainedModel:
    """All that turns a waveform into log-probabilities over labels."""

    features: Features
    model: AcousticModel
    vocabulary: Vocabulary
    normaliser: Normaliser
    sparsity: Sparsity = DENSE
    validation_cer: float | None = None  # of these weights, None where they are not the best


@dataclass(frozen=True)
class Blueprint:
    """Constructor arguments of a `TrainedModel`, run-time ones included, as plain data."""

    features: str  # class name
    feature_arguments: Mapping[str, Any]
    model_arguments: Mapping[str, Any]
    vocabulary: Mapping[str, Any]  # Vocabulary.state()
    language: str  # of the normaliser
    statistics: FeatureStatistics

    def build(self) -> TrainedModel:
        """A model with fresh weights."""
        if self.features not in _FEATURES:
            raise InputError(
                "features of the checkpoint",
                expected=f"one of {', '.join(_FEATURES)}",
                got=repr(self.features),
                remedy=_OTHER_VERSION,
            )
        _check_arguments(_FEATURES[self.features], self.feature_arguments)
        _check_arguments(AcousticModel, self.model_arguments)
        features = _FEATURES[self.features](**self.feature_arguments)
        features.set_statistics(self.statistics)
        return TrainedModel(
            features=features.eval(),
            model=AcousticModel(**self.model_arguments),
            vocabulary=vocabulary_from_state(dict(self.vocabulary)),
            normaliser=BasicNormaliser(self.language),
        )

    def state(self) -> dict[str, Any]:
        """Plain data, the inverse of `from_state`."""
        return {
            "schema": SCHEMA,
            "features": self.features,
            "feature_arguments": dict(self.feature_arguments),
            "model_arguments": dict(self.model_arguments),
            "vocabulary": dict(self.vocabulary),
            "language": self.language,
            "statistics": self.statistics.plain(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Blueprint":
        """The inverse of `state`; raises InputError where it lacks something or has too much."""
        values = {key: value for key, value in state.items() if key != "schema"}
        _check_arguments(cls, values)
        _check_arguments(FeatureStatistics, values["statistics"])
        values["statistics"] = FeatureStatistics.from_plain(values["statistics"])
        return cls(**values)


def _check_arguments(kind: type, arguments: Mapping[str, Any]) -> None:
    try:
        inspect.signature(kind).bind(**arguments)
    except TypeError as error:
        raise InputError(
            f"{kind.__name__} of the checkpoint",
            expected="the constructor arguments of this version",
            got=f"others ({error})",
            remedy=_OTHER_VERSION,
        ) from error


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """Read a checkpoint without running code from it, and check its schema.

    Raises:
        InputError: missing, damaged, holding code, or of another schema.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(
            str(path),
            expected="a checkpoint",
            got="no such file",
            remedy="Train first, or name a run folder or a .ckpt file.",
        )
    try:
        # torch writes checksums and never looks at them: a flipped bit would be another weight.
        with zipfile.ZipFile(path) as archive:
            if (damaged := archive.testzip()) is not None:
                raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")
            for entry in archive.infolist():
                # torch's reader takes such an entry for empty, and memory as it is for its content.
                if entry.external_attr & _FOLDER or entry.file_size != entry.compress_size:
                    raise zipfile.BadZipFile(f"{entry.filename} is a folder or compressed")
        checkpoint: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged bytes lead the unpickler anywhere
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InputError(
            str(path),
            expected="a whole checkpoint of plain tensors, numbers and strings",
            got=f"what torch refuses to load: {reason}",
            remedy="It is damaged or holds code; take another checkpoint of the run.",
        ) from error
    recogniser = checkpoint.get("recogniser") if isinstance(checkpoint, dict) else None
    if not isinstance(recogniser, dict) or recogniser.get("schema") != SCHEMA:
        found = recogniser.get("schema") if isinstance(recogniser, dict) else "none"
        raise InputError(
            str(path),
            expected=f"a checkpoint of schema {SCHEMA}",
            got=f"schema {found}",
            remedy=_OTHER_VERSION,
        )
    return checkpoint


def read_blueprint(path: str | Path) -> Blueprint:
    """What a checkpoint file was built from, its feature statistics among it."""
    return Blueprint.from_state(read_checkpoint(path)["recogniser"])


def checkpoint_of(path: str | Path) -> Path:
    """The checkpoint to score of a run folder (the best, else the last), or the file itself."""
    path = Path(path)
    if not path.is_dir():
        return path
    for name in ("best.ckpt", "last.ckpt"):
        if (checkpoint := path / "checkpoints" / name).is_file():
            return checkpoint
    raise InputError(
        str(path),
        expected="a run folder with checkpoints/best.ckpt or last.ckpt",
        got="neither",
        remedy="The run has not saved yet, or this is not a run folder.",
    )


def load_trained(path: str | Path) -> TrainedModel:
    """Rebuild the trained model of a run folder or checkpoint file, in eval mode, on the CPU."""
    checkpoint = read_checkpoint(checkpoint_of(path))
    trained = Blueprint.from_state(checkpoint["recogniser"]).build()
    trained = replace(
        trained, sparsity=_sparsity(checkpoint), validation_cer=checkpoint.get("validation_cer")
    )
    trained.model.load_state_dict(model_weights(checkpoint["state_dict"]))
    trained.model.eval()
    return trained


def _sparsity(checkpoint: Mapping[str, Any]) -> Sparsity:
    state = checkpoint.get("sparsity")  # a dense run's holds none
    if state is None:
        return DENSE
    rows, columns = state["block"]
    return Sparsity(state["method"], (rows, columns), tuple(state["pruned"]))


def model_weights(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The acoustic model's part of a training module's state dict."""
    prefix = "model."
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in state.items()
        if name.startswith(prefix)
    }
