"""Pruning to an exact number of blocks, which a cubic schedule lowers; with or without regrowth."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from asr.errors import InputError
from asr.sparsity.blocks import (
    block_maxima,
    block_means,
    block_root_mean_squares,
    block_shape,
)
from asr.sparsity.pruner import Pruner
from asr.sparsity.schedule import Window, cubic_sparsity, window
from asr.sparsity.selection import Part, Selection, sparsity_by_part

SCORES: Mapping[str, Callable[[Tensor, int, int], Tensor]] = {
    "max": block_maxima,
    "mean": block_means,
    "l2": block_root_mean_squares,
}


@dataclass(frozen=True)
class GradualPruning:
    """Keeps the blocks of the highest scores, as many as a cubic schedule says.

    Zhu & Gupta (arXiv 1710.01878), by blocks as in WaveRNN (arXiv 1802.08435). Without `regrow`,
    once pruned stays pruned. With it, each update also replaces some of the kept blocks by those
    masked ones on which the loss's gradient is largest (RigL, arXiv 1911.11134): they start at
    zero, and the replaced share falls to nothing along a cosine.

    Args:
        method: name in results.
        select: what is pruned.
        block: [rows, columns].
        sparsity: of blocks, in every part; the number that goes is the nearest to it, but one
            block of a part stays where not all are asked for.
        exceptions: {match: pattern of part names, sparsity} for parts that differ.
        score: of a block, from the magnitudes of its weights: `max`, `mean`, or `l2`, by
            the root of its size: a smaller block at the edge would else always be the first to go.
        start, end: of pruning, in fractions of training; an unset start is the second epoch's.
        frequency: of updates, likewise; the last one is always at the end.
        regrow: share of the kept blocks replaced in an update at the start; 0 for none.
    """

    method: str
    select: Selection
    block: Sequence[int]
    sparsity: float
    exceptions: Sequence[Mapping[str, Any]]
    score: Literal["max", "mean", "l2"]
    start: float | None
    end: float
    frequency: float
    regrow: float

    def __post_init__(self) -> None:
        if not 0 <= self.regrow < 1:
            raise InputError(
                "sparsity.regrow",
                expected="a fraction from 0 to below 1",
                got=str(self.regrow),
                remedy="RigL takes 0.3.",
            )

    def pruner(
        self,
        weights: Mapping[str, Tensor],
        *,
        total_steps: int,
        epochs: int,
        dense: Mapping[str, Tensor] | None = None,
    ) -> Pruner:
        """The pruner of a run, see `ThresholdPruning.pruner`; the dense run is not needed."""
        parts = self.select.parts(weights)
        block = block_shape(self.block)
        asked = sparsity_by_part(parts, self.sparsity, self.exceptions)
        span = window(self.start, self.end, self.frequency, total_steps=total_steps, epochs=epochs)
        rule = _HighestScores(asked, block, SCORES[self.score], span, self.regrow)
        return Pruner(self.method, block, weights, parts, rule)


@dataclass(frozen=True)
class _HighestScores:
    asked: Mapping[str, float]
    block: tuple[int, int]
    score: Callable[[Tensor, int, int], Tensor]
    window: Window
    regrow: float

    def due(self, step: int) -> bool:
        start, end = self.window.start, self.window.end
        return step == end or (start < step < end and step % self.window.frequency == 0)

    def ended(self, step: int) -> bool:
        return step >= self.window.end

    def target(self, part: Part, step: int) -> float:
        return cubic_sparsity(step, self.window.start, self.window.end, self.asked[part.label])

    def keep(
        self, part: Part, weight: Tensor, gradient: Tensor | None, kept: Tensor, step: int
    ) -> Tensor:
        blocks = kept.numel()
        # Of few blocks the nearest number may be all, which would cut the network through.
        least = 0 if part.diagonal or self.asked[part.label] == 1 else 1
        count = max(blocks - nearest(self.target(part, step) * blocks), least)
        # Ranked below zero: with ties at zero, a masked block must not come back by chance.
        scores = torch.where(kept, self.score(weight, *self.block), -1.0)
        replaced = self._replaced(count, step)
        if not replaced or gradient is None:
            return highest(scores, count)
        stay = highest(scores, min(count - replaced, int(kept.sum())))
        wanted = torch.where(stay, -1.0, self.score(gradient, *self.block))
        return stay | highest(wanted, count - int(stay.sum()))

    def _replaced(self, count: int, step: int) -> int:
        start, end = self.window.start, self.window.end
        if step >= end:
            return 0
        progress = (step - start) / (end - start)
        return int(count * self.regrow * 0.5 * (1 + math.cos(math.pi * progress)))


def nearest(number: float) -> int:
    """The nearest whole number, halves up; free of the noise of binary fractions."""
    return math.floor(round(number, 6) + 0.5)


def highest(scores: Tensor, count: int) -> Tensor:
    """True at the `count` highest scores; of equal ones, at the first."""
    order = torch.argsort(scores.flatten(), descending=True, stable=True)
    chosen = torch.zeros(scores.numel(), dtype=torch.bool, device=scores.device)
    chosen[order[:count]] = True
    return chosen.view(scores.shape)
