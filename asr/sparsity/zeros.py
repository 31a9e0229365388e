"""What pruning has left of each matrix, counted from the weights themselves."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from asr.sparsity.selection import Part


@dataclass(frozen=True)
class Zeros:
    """Of a matrix (rows: outputs, columns: inputs), or of one gate of it."""

    weights: int
    zeros: int
    dead_rows: int  # outputs that no input reaches
    unused_columns: int  # inputs that reach no output

    @property
    def sparsity(self) -> float:
        return self.zeros / self.weights


def zeros_by_matrix(weights: Mapping[str, Tensor], parts: Sequence[Part]) -> dict[str, Zeros]:
    """Label -> zeros: of every pruned matrix, and of its gates where they are pruned separately."""
    found: dict[str, Zeros] = {}
    for part in parts:
        if part.weight not in found:
            found[part.weight] = _count(weights[part.weight])
        if part.label != part.weight:
            found[part.label] = _count(part.of(weights[part.weight]))
    return found


def total_sparsity(zeros: Mapping[str, Zeros], parts: Sequence[Part]) -> float:
    """Over the weights of all pruned matrices; 0 without any."""
    names = {part.weight for part in parts}
    matrices = [zeros[name] for name in names]
    total = sum(matrix.weights for matrix in matrices)
    return sum(matrix.zeros for matrix in matrices) / total if total else 0.0


def _count(matrix: Tensor) -> Zeros:
    alive = matrix.detach() != 0
    return Zeros(
        weights=alive.numel(),
        zeros=alive.numel() - int(torch.count_nonzero(alive)),
        dead_rows=int((~alive.any(dim=1)).sum()),
        unused_columns=int((~alive.any(dim=0)).sum()),
    )
