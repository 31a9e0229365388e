"""The choices of conf/ without Hydra, for commands that need a model's shape but train nothing."""

import pkgutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from asr.checkpoint import TrainedModel
from asr.errors import InputError
from asr.text import Normaliser, Vocabulary

CONFIGURATION = Path(__file__).resolve().parents[2] / "conf"


def preset(group: str, name: str, values: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The content of conf/<group>/<name>.yaml.

    Args:
        values: what stands for each interpolation, `{"features.sample_rate": 16000}`.
    """
    path = CONFIGURATION / group / f"{name}.yaml"
    if not path.is_file():
        choices = sorted(file.stem for file in path.parent.glob("*.yaml"))
        raise InputError(
            group,
            expected=f"one of {', '.join(choices)}",
            got=repr(name),
            remedy=f"Choose a file of {path.parent}.",
        )
    text = path.read_text(encoding="utf-8")
    for key, value in (values or {}).items():
        text = text.replace(f"${{{key}}}", str(value))
    content: dict[str, Any] = yaml.safe_load(text)
    return content


def build(node: Any, **runtime: Any) -> Any:
    """Call the node's `_target_` with its other keys and `runtime`; nested nodes come first."""
    if isinstance(node, list):
        return [build(item) for item in node]
    if not isinstance(node, dict):
        return node
    arguments = {key: build(value) for key, value in node.items() if key != "_target_"}
    if "_target_" not in node:
        return arguments
    return pkgutil.resolve_name(node["_target_"])(**arguments, **runtime)


def untrained(
    model: str, features: str, vocabulary: str, normaliser: Normaliser, texts: Sequence[str]
) -> TrainedModel:
    """What a run of these choices would begin with, but for the statistics of the features.

    Args:
        model, features, vocabulary: names of files in these groups of conf/.
        normaliser: of the texts.
        texts: normalised, for a vocabulary that is built from them.
    """
    labels_node = preset("vocabulary", vocabulary)
    from_texts = {"texts": texts} if labels_node["_target_"].endswith(".from_texts") else {}
    labels = build(labels_node, **from_texts)
    return with_labels(labels, preset("model", model), preset("features", features), normaliser)


def with_labels(
    labels: Vocabulary, model: dict[str, Any], features: dict[str, Any], normaliser: Normaliser
) -> TrainedModel:
    """A model with fresh weights, by its nodes of a configuration, for a vocabulary."""
    frames = build(features)
    acoustic = build(model, bins=frames.bins, vocabulary_size=len(labels))
    return TrainedModel(frames, acoustic, labels, normaliser)
