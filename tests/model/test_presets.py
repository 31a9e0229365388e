"""conf/model: the files are the constructor's arguments, and the sizes are the stated ones."""

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from asr.model.acoustic import AcousticModel

FOLDER = Path(__file__).resolve().parents[2] / "conf" / "model"
RUN_TIME = {"bins", "vocabulary_size"}
TARGET = "asr.model.acoustic.AcousticModel"


def preset(name: str) -> dict[str, Any]:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


def build(name: str, bins: int) -> AcousticModel:
    """With V = 29 (a to z, space, apostrophe, blank), and no memory for the weights."""
    arguments = preset(name)
    assert arguments.pop("_target_") == TARGET
    with torch.device("meta"):
        return AcousticModel(bins=bins, vocabulary_size=29, **arguments)


def size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def count(name: str, bins: int) -> int:
    return size(build(name, bins))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_keys_are_the_constructor_arguments(path: Path) -> None:
    arguments = set(inspect.signature(AcousticModel).parameters) - RUN_TIME
    assert set(preset(path.stem)) - {"_target_"} == arguments


def test_tiny_and_small_are_within_their_budgets() -> None:
    assert 5_000 < count("tiny", 80) < 50_000
    assert 2_500_000 < count("small", 80) < 3_500_000


def test_deepspeech2_is_five_layers_of_800() -> None:
    matrices = 2 * 3 * 800 * ((1312 + 800) + 4 * (800 + 800))
    assert count("deepspeech2", 161) == pytest.approx(matrices, rel=0.01)


def test_paper_rnn_has_the_layer_table_of_arxiv_1704_05119() -> None:
    units = 1760
    table = [
        41 * 11 * 32 + 2 * 81 * 32,
        21 * 11 * 32 * 32 + 2 * 41 * 32,
        1312 * units + 2 * units**2 + 2 * units,
        *[3 * units**2 + 2 * units] * 6,
        units**2 + 2 * units,
        95_054,
    ]
    assert count("paper_rnn", 161) == pytest.approx(sum(table), rel=0.01)
    # Row by row: ours differ in the convolutions' norms (by channel) and in the output alone.
    model = build("paper_rnn", 161)
    assert [size(layer) for layer in model.recurrent.layers] == table[2:9]
    assert size(model.projection) == table[9]


def test_paper_gru_has_the_stated_parameters() -> None:
    assert count("paper_gru", 161) == pytest.approx(115e6, rel=0.01)
