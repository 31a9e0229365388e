"""What pulls weights to zero while pruning runs: group lasso over blocks, l1 and l1/2."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from asr.errors import InputError
from asr.sparsity.blocks import block_norms, spread
from asr.sparsity.selection import Part

_SMALLEST = 1e-8  # floor of norms and magnitudes in a division, so that gradients stay finite


@dataclass(frozen=True)
class Penalty:
    """strength x the penalty of all pruned weights, by its gradient or by its proximal step.

    Args:
        kind: `group_lasso`, the sum of the blocks' 2-norms without a factor of their size
            (arXiv 1711.02782, section 3.2); `l1`, of magnitudes; `l_half`, of their roots.
        strength: lambda. The blocks' norms are summed without the factor sqrt(size of a block):
            each norm is pulled equally hard, so each weight of a larger block less.
        step: `gradient` adds the sub-gradient to the loss's before both are clipped, so that
            weights become small and never quite zero; `proximal` shrinks each block after the
            optimizer's step by learning rate x strength, at most to exactly zero. Only for group
            lasso.
    """

    kind: Literal["group_lasso", "l1", "l_half"]
    strength: float
    step: Literal["gradient", "proximal"]

    def __post_init__(self) -> None:
        if self.strength < 0:
            raise InputError(
                "sparsity.penalty.strength",
                expected="0 or more",
                got=str(self.strength),
                remedy="Beside AdamW usual are "
                + ("1 to 10" if self.step == "proximal" else "1e-6 to 0.1")
                + f" for penalty.step={self.step}.",
            )
        if self.step == "proximal" and self.kind != "group_lasso":
            raise InputError(
                "sparsity.penalty.step",
                expected=f"gradient for {self.kind}",
                got="proximal",
                remedy="The proximal step is that of group_lasso.",
            )

    @torch.no_grad()
    def value(
        self, weights: Mapping[str, Tensor], parts: Sequence[Part], block: tuple[int, int]
    ) -> float:
        """strength x penalty, which the loss does not show."""
        return self.strength * sum(
            float(self._of(_pruned(part, weights[part.weight]), block)) for part in parts
        )

    @torch.no_grad()
    def add_gradient(
        self, weights: Mapping[str, Tensor], parts: Sequence[Part], block: tuple[int, int]
    ) -> None:
        """Add the sub-gradient, 0 at 0, to each weight's gradient, if it has one."""
        if self.step == "proximal":
            return
        for part in parts:
            gradient = weights[part.weight].grad
            if gradient is not None:
                weight = _pruned(part, weights[part.weight].detach())
                part.of(gradient).addcmul_(weight, self._factor(weight, block), value=self.strength)

    @torch.no_grad()
    def shrink(
        self,
        weights: Mapping[str, Tensor],
        parts: Sequence[Part],
        block: tuple[int, int],
        lr: float,
    ) -> None:
        """The proximal step: w becomes max(0, 1 - lr x strength / norm) w, block by block."""
        if self.step == "gradient":
            return
        for part in parts:
            weight = part.of(weights[part.weight].detach())
            norms = block_norms(_pruned(part, weights[part.weight].detach()), *block)
            factors = (1 - lr * self.strength / norms.clamp(min=_SMALLEST)).clamp(min=0)
            factors = spread(factors, (weight.shape[0], weight.shape[1]), *block)
            if (diagonal := part.kept_diagonal(weight)) is not None:
                factors = factors.masked_fill(diagonal, 1)
            weight.mul_(factors)

    def _of(self, weight: Tensor, block: tuple[int, int]) -> Tensor:
        if self.kind == "group_lasso":
            return block_norms(weight, *block).sum()
        return weight.abs().sum() if self.kind == "l1" else weight.abs().sqrt().sum()

    def _factor(self, weight: Tensor, block: tuple[int, int]) -> Tensor:
        """What to multiply weights with, element by element, to get the sub-gradient."""
        if self.kind == "group_lasso":
            inverse = block_norms(weight, *block).clamp(min=_SMALLEST).reciprocal()
            return spread(inverse, (weight.shape[0], weight.shape[1]), *block)
        magnitude = weight.abs().clamp(min=_SMALLEST)
        return magnitude.reciprocal() if self.kind == "l1" else 0.5 * magnitude.pow(-1.5)


def _pruned(part: Part, weight: Tensor) -> Tensor:
    """A part's weights without the diagonal that is kept, which no penalty is to pull on."""
    own = part.of(weight)
    diagonal = part.kept_diagonal(own)
    return own if diagonal is None else own.masked_fill(diagonal, 0)
