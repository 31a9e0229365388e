"""What the tests of pruning share: blocks cut out by loops, methods on single matrices."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from asr.sparsity.gradual import GradualPruning
from asr.sparsity.selection import Selection
from asr.sparsity.threshold import ThresholdPruning

HH = "recurrent.layers.0.left_to_right.weight_hh_l0"
IH = "recurrent.layers.0.left_to_right.weight_ih_l0"
SHAPES = ((1, 1), (4, 4), (12, 2), (8, 8), (16, 16), (32, 32), (16, 1), (1, 16), (3, 5))


def cut(values: np.ndarray, rows: int, columns: int) -> Iterator[tuple[int, int, np.ndarray]]:
    """Block row, block column and the block itself, a view, for every block of a matrix."""
    for r in range(0, len(values), rows):
        for c in range(0, values.shape[1], columns):
            yield r // rows, c // columns, values[r : r + rows, c : c + columns]


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def parameters(**matrices: Tensor) -> dict[str, Tensor]:
    return {name: nn.Parameter(value.clone()) for name, value in matrices.items()}


def idle(weights: Mapping[str, Tensor]) -> torch.optim.Optimizer:
    """An optimizer that leaves the weights as they are."""
    return torch.optim.SGD(list(weights.values()), lr=0.0)


def select(*patterns: str, gates: str = "together", diagonal: bool = False) -> Selection:
    return Selection(list(patterns or ["."]), gates, diagonal)  # type: ignore[arg-type]


def gradual(**changes: Any) -> GradualPruning:
    settings: dict[str, Any] = {
        "method": "gradual_block",
        "select": select(),
        "block": [1, 1],
        "sparsity": 0.9,
        "exceptions": [],
        "score": "max",
        "start": 0.1,
        "end": 0.5,
        "frequency": 0.05,
        "regrow": 0.0,
    }
    return GradualPruning(**settings | changes)


def threshold(**changes: Any) -> ThresholdPruning:
    settings: dict[str, Any] = {
        "method": "block_pruning",
        "select": select(),
        "block": [1, 1],
        "threshold": "calibrated",
        "sparsity": 0.9,
        "exceptions": [],
        "dense_run": None,
        "q": None,
        "start": 0.1,
        "ramp": 0.25,
        "end": 0.5,
        "start_slope": None,
        "ramp_slope": 1.5,
        "frequency": 0.05,
        "penalty": None,
    }
    return ThresholdPruning(**settings | changes)
