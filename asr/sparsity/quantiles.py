"""How large the weights of a dense model are, for people: thresholds come from the weights."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from asr.sparsity.blocks import block_maxima
from asr.sparsity.selection import WEIGHT_TYPES

BLOCKS = ((1, 1), (4, 4), (12, 2), (8, 8), (16, 16), (32, 32), (16, 1), (1, 16))
PERCENTILE = 0.9  # of |w|, the papers' q
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98)


def weight_quantiles(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """The content of a dense run's `quantiles.json`, as plain data.

    Per weight type that the model has: the number of `weights`; `q`, the 90th percentile of |w|;
    and for each block shape "RxC" the quantiles of its blocks' largest magnitudes, by level.

    Args:
        weights: name -> tensor, as in the model's state dict.
    """
    types = {
        name: [weight for key, weight in weights.items() if pattern.search(key)]
        for name, pattern in WEIGHT_TYPES.items()
    }
    return {
        "schema": 1,
        "percentile": PERCENTILE,
        "weight_types": {name: _describe(found) for name, found in types.items() if found},
    }


def _describe(weights: list[Tensor]) -> dict[str, Any]:
    magnitudes = _joined(weight.abs() for weight in weights)
    maxima = {
        f"{rows}x{columns}": _joined(block_maxima(weight, rows, columns) for weight in weights)
        for rows, columns in BLOCKS
    }
    return {
        "weights": len(magnitudes),
        "q": float(np.quantile(magnitudes, PERCENTILE)),
        "block_maxima": {
            shape: {str(level): float(np.quantile(values, level)) for level in LEVELS}
            for shape, values in maxima.items()
        },
    }


def _joined(tensors: Iterable[Tensor]) -> np.ndarray:
    return torch.cat([tensor.detach().flatten() for tensor in tensors]).float().numpy()
