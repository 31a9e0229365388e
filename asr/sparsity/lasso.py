"""Group lasso alone, GL of arXiv 1711.02782: the penalty decides, a final threshold makes zeros."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import Tensor

from asr.errors import InputError
from asr.sparsity.blocks import block_root_mean_squares, block_shape
from asr.sparsity.penalty import Penalty
from asr.sparsity.pruner import Pruner
from asr.sparsity.schedule import window
from asr.sparsity.selection import Part, Selection


@dataclass(frozen=True)
class LassoPruning:
    """A penalty from start to end, then every block of a small norm is removed for good.

    Args:
        method: name in results.
        select: what is pruned.
        block: [rows, columns], a group.
        penalty: whose strength alone decides on the sparsity; see `asr.training.strength_search`.
        final_threshold: on the root mean square of a block's weights. Sub-gradient steps leave
            pruned groups near zero and never at it; proximal ones need only a threshold of 0,
            which removes the groups that are zero.
        start, end: of the penalty, in fractions of training; an unset start is the second epoch's.
    """

    method: str
    select: Selection
    block: Sequence[int]
    penalty: Penalty
    final_threshold: float
    start: float | None
    end: float

    def __post_init__(self) -> None:
        step = self.penalty.step
        if self.final_threshold < 0 or (step == "gradient" and self.final_threshold == 0):
            raise InputError(
                "sparsity.final_threshold",
                expected=f"{'above 0' if step == 'gradient' else '0 or more'} for {step} steps",
                got=f"{self.final_threshold:g}",
                remedy="Set sparsity.final_threshold=0.01: sub-gradients make weights small and "
                "never zero. Proximal steps need only 0.",
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
        block = block_shape(self.block)
        span = window(self.start, self.end, 1.0, total_steps=total_steps, epochs=epochs)
        if span.start == span.end:
            raise InputError(
                "sparsity.start and end",
                expected="a step between them at which the penalty is on",
                got=f"step {span.end} of {total_steps} for both",
                remedy="An unset start is the second epoch's; train for more epochs or set it.",
            )
        return Pruner(
            method=self.method,
            block=block,
            weights=weights,
            parts=self.select.parts(weights),
            rule=_SmallNorms(span.end, block, self.final_threshold),
            penalty=self.penalty,
            penalty_window=span,
        )


@dataclass(frozen=True)
class _SmallNorms:
    end: int
    block: tuple[int, int]
    threshold: float

    def due(self, step: int) -> bool:
        return step == self.end

    def ended(self, step: int) -> bool:
        return step >= self.end

    def target(self, part: Part, step: int) -> float:
        return self.threshold

    def keep(
        self, part: Part, weight: Tensor, gradient: Tensor | None, kept: Tensor, step: int
    ) -> Tensor:
        return kept & (block_root_mean_squares(weight, *self.block) > self.threshold)
