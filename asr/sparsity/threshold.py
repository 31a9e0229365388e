"""Pruning below a rising threshold: WP (arXiv 1704.05119), BP and GLP (arXiv 1711.02782)."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from asr.errors import InputError
from asr.sparsity.blocks import block_maxima, block_shape
from asr.sparsity.penalty import Penalty
from asr.sparsity.pruner import Pruner
from asr.sparsity.quantiles import PERCENTILE
from asr.sparsity.schedule import ThresholdRamp, start_slope, window
from asr.sparsity.selection import OTHER, Part, Selection, sparsity_by_part, weight_type


@dataclass(frozen=True)
class ThresholdPruning:
    """Removes, for good, every block whose largest magnitude is below a rising threshold.

    Algorithm 1 of arXiv 1704.05119, with a block in the place of a weight; its mask is applied
    at once instead of one step later, so that no forward pass sees a weight that is masked.
    Everything is in fractions of training, and thresholds are shared by weights of one type.

    Args:
        method: name in results.
        select: what is pruned.
        block: [rows, columns].
        threshold: `paper` has the start slope of equation 1, from `q`, times the fourth root of
            the block's size; `calibrated` the slope whose last update asks for the quantile
            `sparsity` of the dense run's own block maxima. Ignored with a `start_slope`.
        sparsity: asked of `calibrated`; `paper` has 0.9 in its q, and takes no other.
        exceptions: {match: pattern of part names, sparsity} for `calibrated`.
        dense_run: folder of the finished dense run whose weights say how large weights become;
            `auto` is the one of the same settings and seed, which train.py looks for.
        q: weight type -> 90th percentile of |w|, in place of that of the dense run's weights.
        start, ramp, end: where pruning starts (unset: with the second epoch), speeds up, ends.
        start_slope: theta, an update; unset to have it from `threshold`.
        ramp_slope: phi in multiples of theta; 1.5 to 2 for weights, 1.2 to 1.7 for blocks.
        frequency: of updates.
        penalty: on from start to end; null for none.
    """

    method: str
    select: Selection
    block: Sequence[int]
    threshold: Literal["paper", "calibrated"]
    sparsity: float
    exceptions: Sequence[Mapping[str, Any]]
    dense_run: str | None
    q: Mapping[str, float] | None
    start: float | None
    ramp: float
    end: float
    start_slope: float | None
    ramp_slope: float
    frequency: float
    penalty: Penalty | None

    def __post_init__(self) -> None:
        calibrated = self.threshold == "calibrated" and self.start_slope is None
        if not calibrated and (self.sparsity != PERCENTILE or self.exceptions):
            slope = "" if self.start_slope is None else f" and start_slope={self.start_slope:g}"
            raise InputError(
                "sparsity.sparsity and exceptions",
                expected=f"{PERCENTILE:g} and none where thresholds are not calibrated: q and "
                "slopes have no place for them",
                got=f"{self.sparsity:g} and {[dict(one) for one in self.exceptions]}, with "
                f"threshold={self.threshold}{slope}",
                remedy="Set sparsity.threshold=calibrated, with start_slope unset.",
            )
        if self.q is not None and (self.threshold == "calibrated" or self.start_slope is not None):
            raise InputError(
                "sparsity.q",
                expected="null where thresholds are calibrated or come from a start_slope",
                got=str(dict(self.q)),
                remedy="Set sparsity.threshold=paper, with start_slope unset.",
            )
        if self.dense_run not in (None, "auto") and not self.needs_dense_run:
            raise InputError(
                "sparsity.dense_run",
                expected="auto or null where a start_slope or q says all",
                got=str(self.dense_run),
                remedy="Unset sparsity.start_slope and q to have thresholds from that run.",
            )

    @property
    def needs_dense_run(self) -> bool:
        """Whether the thresholds come from a dense run's weights."""
        return self.start_slope is None and (self.threshold == "calibrated" or self.q is None)

    def pruner(
        self,
        weights: Mapping[str, Tensor],
        *,
        total_steps: int,
        epochs: int,
        dense: Mapping[str, Tensor] | None = None,
    ) -> Pruner:
        """The pruner of a run.

        Args:
            weights: of the model, by name.
            total_steps, epochs: of the run.
            dense: weights of the dense run.

        Raises:
            InputError: settings that contradict each other or the model.
        """
        parts = self.select.parts(weights)
        pruned = {part.weight for part in parts}
        # Matrices of no type that the papers prune have in common only what is pruned here.
        dense = dense and {
            name: weight
            for name, weight in dense.items()
            if weight_type(name) != OTHER or name in pruned
        }
        block = block_shape(self.block)
        asked = sparsity_by_part(parts, self.sparsity, self.exceptions)
        span = window(self.start, self.end, self.frequency, total_steps=total_steps, epochs=epochs)
        ramp = round(self.ramp * total_steps)
        if not span.start <= ramp <= span.end:
            raise InputError(
                "sparsity.ramp",
                expected=f"a step between start ({span.start}) and end ({span.end})",
                got=str(ramp),
                remedy="An unset start is the second epoch's; train for more epochs or set it.",
            )
        unit = ThresholdRamp(span.start, ramp, span.end, span.frequency, 1.0, self.ramp_slope)
        scale = unit.at(unit.last_update)
        ramps = {}
        for part in parts:
            if self.start_slope is not None:
                theta = self.start_slope
            elif self.threshold == "paper":
                q = self._q(part.weight_type, dense)
                theta = start_slope(q, span.start, ramp, span.end, span.frequency)
                theta *= (block[0] * block[1]) ** 0.25
            else:
                theta = self._calibrated(part.weight_type, dense, block, asked[part.label]) / scale
            ramps[part.label] = dataclasses.replace(
                unit, start_slope=theta, ramp_slope=self.ramp_slope * theta
            )
        return Pruner(
            method=self.method,
            block=block,
            weights=weights,
            parts=parts,
            rule=_BelowThreshold(ramps, block),
            penalty=self.penalty,
            penalty_window=span,
        )

    def _calibrated(
        self,
        kind: str,
        dense: Mapping[str, Tensor] | None,
        block: tuple[int, int],
        sparsity: float,
    ) -> float:
        """The threshold below which the asked share of the dense run's blocks lies."""
        if sparsity == 0:
            return 0.0  # the least of the maxima would still remove what shrinks below it
        maxima = []
        for name, weight in _of_type(kind, dense).items():
            # On the grid and without the diagonal that this run's own blocks have.
            same = dataclasses.replace(self.select, patterns=[f"^{re.escape(name)}$"])
            for part in same.parts(dense or {}):
                own = part.of(weight)
                diagonal = part.kept_diagonal(own)
                own = own if diagonal is None else own.masked_fill(diagonal, 0)
                maxima.append(block_maxima(own, *block).flatten())
        return float(np.quantile(torch.cat(maxima).float().numpy(), sparsity))

    def _q(self, kind: str, dense: Mapping[str, Tensor] | None) -> float:
        if self.q is None:
            magnitudes = [weight.abs().flatten() for weight in _of_type(kind, dense).values()]
            return float(np.quantile(torch.cat(magnitudes).float().numpy(), PERCENTILE))
        if kind not in self.q:
            raise InputError(
                "sparsity.q",
                expected=f"a value for the weight type {kind}",
                got=f"{dict(self.q)}",
                remedy=f"Add {kind}, or give sparsity.dense_run instead.",
            )
        return self.q[kind]


@dataclass(frozen=True)
class _BelowThreshold:
    ramps: Mapping[str, ThresholdRamp]
    block: tuple[int, int]

    def due(self, step: int) -> bool:
        return any(ramp.due(step) for ramp in self.ramps.values())

    def ended(self, step: int) -> bool:
        return all(step >= ramp.last_update for ramp in self.ramps.values())

    def target(self, part: Part, step: int) -> float:
        return self.ramps[part.label].at(step)

    def keep(
        self, part: Part, weight: Tensor, gradient: Tensor | None, kept: Tensor, step: int
    ) -> Tensor:
        return kept & (block_maxima(weight, *self.block) >= self.target(part, step))


def _of_type(kind: str, dense: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
    """A dense run's matrices of one type."""
    found = {
        name: weight.detach()
        for name, weight in (dense or {}).items()
        if weight.dim() == 2 and weight_type(name) == kind
    }
    if not found:
        raise InputError(
            "sparsity.dense_run",
            expected=f"a finished dense run with weights of type {kind}",
            got="none" if dense is None else "a run without such weights",
            remedy="Train sparsity=dense first, then set sparsity.dense_run=RUN_FOLDER.",
        )
    return found
