"""How large a model is and how much of it is zero, counted from the weights themselves."""

from collections.abc import Collection
from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, slots=True)
class ModelSize:
    """Counts of weights; a fraction is of zeros."""

    parameters: int
    nonzero: int  # of the parameters
    bytes: int  # parameters and floating-point buffers, stored densely in fp32
    sparsity: float  # over the pruned matrices; 0 without any
    sparsity_model: float  # over all parameters
    empty_matrix: bool  # some weight matrix is zero throughout, so nothing passes it


def measure(model: nn.Module, pruned: Collection[str] = ()) -> ModelSize:
    """Measure a model of which the parameters named `pruned` are under a mask."""
    named = dict(model.named_parameters())  # a parameter shared by two layers counts once
    nonzero = {name: int(torch.count_nonzero(weight)) for name, weight in named.items()}
    parameters = sum(weight.numel() for weight in named.values())
    buffers = sum(b.numel() for b in model.buffers() if b.is_floating_point())
    masked = sum(named[name].numel() for name in pruned)
    return ModelSize(
        parameters=parameters,
        nonzero=sum(nonzero.values()),
        bytes=4 * (parameters + buffers),
        sparsity=1 - sum(nonzero[name] for name in pruned) / masked if masked else 0.0,
        sparsity_model=1 - sum(nonzero.values()) / parameters if parameters else 0.0,
        empty_matrix=any(named[n].dim() > 1 and count == 0 for n, count in nonzero.items()),
    )
