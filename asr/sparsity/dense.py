"""The null method: nothing is pruned. The dense baseline takes the same path as any other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from asr.sparsity.pruner import Pruner


@dataclass(frozen=True)
class Dense:
    """Keeps every weight."""

    method: ClassVar[str] = "dense"

    def pruner(
        self,
        weights: Mapping[str, Tensor],
        *,
        total_steps: int,
        epochs: int,
        dense: Mapping[str, Tensor] | None = None,
    ) -> Pruner:
        """A pruner of nothing."""
        return Pruner(self.method, (1, 1), weights, ())
