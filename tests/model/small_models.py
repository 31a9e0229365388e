"""Models small enough to try every form, and batches with garbage where nobody should look."""

import itertools
from typing import Any

import torch
from torch import Tensor

from asr.model.acoustic import AcousticModel

BINS, VOCABULARY = 9, 5
CONVOLUTIONS = [
    {"channels": 3, "kernel": [3, 5], "stride": [2, 2]},
    {"channels": 4, "kernel": [3, 3], "stride": [1, 2]},
]

_KINDS = [
    {"cell": "gru", "nonlinearity": "tanh", "shared_input": False},
    {"cell": "lstm", "nonlinearity": "tanh", "shared_input": False},
    {"cell": "rnn", "nonlinearity": "tanh", "shared_input": False},
    {"cell": "rnn", "nonlinearity": "clipped_relu", "shared_input": False},
    {"cell": "rnn", "nonlinearity": "tanh", "shared_input": True},
    {"cell": "rnn", "nonlinearity": "clipped_relu", "shared_input": True},
]
_WAYS = [
    {"directions": "one", "lookahead": 0, "projection": 0},
    {"directions": "one", "lookahead": 3, "projection": 7},
    {"directions": "sum", "lookahead": 0, "projection": 7},
    {"directions": "concatenate", "lookahead": 0, "projection": 0},
]
FORMS: list[dict[str, Any]] = [kind | way for kind, way in itertools.product(_KINDS, _WAYS)]


def name(form: dict[str, Any]) -> str:
    return "-".join(map(str, form.values()))


def build(**changes: Any) -> AcousticModel:
    """A double-precision model whose running statistics and biases are not the initial ones."""
    torch.manual_seed(0)
    arguments: dict[str, Any] = {
        "bins": BINS,
        "vocabulary_size": VOCABULARY,
        "convolutions": CONVOLUTIONS,
        "layers": 2,
        "hidden": 6,
        "dropout": 0.0,
        **FORMS[2],
    }
    model = AcousticModel(**arguments | changes).double()
    with torch.no_grad():
        for key, value in [*model.named_parameters(), *model.named_buffers()]:
            if value.ndim == 1:
                value.add_(torch.rand_like(value) * 0.3)
            if "lookahead" in key:
                value.normal_()
    return model


def utterances(*frames: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(BINS, n, generator=generator, dtype=torch.float64) for n in frames]


def collate(parts: list[Tensor], total: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pad to `total` frames with large garbage that depends on the seed."""
    generator = torch.Generator().manual_seed(seed)
    features = 1e3 * torch.randn(len(parts), BINS, total, generator=generator, dtype=torch.float64)
    for row, part in zip(features, parts, strict=True):
        row[:, : part.shape[1]] = part
    return features, torch.tensor([part.shape[1] for part in parts])
