"""Masks over a model's weights: applied after every step, changed when the method says so."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.optim import Optimizer

from asr.errors import InputError
from asr.sparsity.blocks import grid_shape, spread
from asr.sparsity.penalty import Penalty
from asr.sparsity.schedule import Window
from asr.sparsity.selection import Part

SCHEMA = 1


class Rule(Protocol):
    """When masks change, and which blocks stay."""

    def due(self, step: int) -> bool:
        """Whether masks are updated after this step."""

    def ended(self, step: int) -> bool:
        """Whether no update comes after this step."""

    def target(self, part: Part, step: int) -> float:
        """The threshold or sparsity of a part at a step, for the record."""

    def keep(
        self, part: Part, weight: Tensor, gradient: Tensor | None, kept: Tensor, step: int
    ) -> Tensor:
        """The blocks (R, C) of a part to keep, of which `kept` were kept before.

        Weight and gradient are the part's (rows, columns); the gradient is None where there is
        none, or none that is finite.
        """


@dataclass(frozen=True)
class Update:
    """What one update of the masks did, by part."""

    step: int
    targets: Mapping[str, float]
    removed: Mapping[str, int]  # blocks
    grown: Mapping[str, int]


@dataclass
class Pruner:
    """The masks of a training run, and all that changes them.

    A masked weight is exactly zero from the end of `after_step` to the next optimizer step: masks
    multiply the weights after each of these, so nothing in an optimizer's state (momentum, weight
    decay) brings one back. Equal weights give equal masks, so processes that train
    together need not talk about them.

    Args:
        method: name in results.
        block: (rows, columns).
        weights: name -> parameter, of the whole model.
        parts: what is pruned.
        rule: None prunes nothing.
        penalty: its gradient is added, or its proximal step taken, while `penalty_window` lasts.
    """

    method: str
    block: tuple[int, int]
    weights: Mapping[str, Tensor]
    parts: Sequence[Part]
    rule: Rule | None = None
    penalty: Penalty | None = None
    penalty_window: Window | None = None
    step: int = 0  # optimizer steps so far
    changed: int | None = None  # the last step at which blocks went or came, since the start
    kept: dict[str, Tensor] = field(default_factory=dict)  # part -> blocks (R, C)

    def __post_init__(self) -> None:
        for part in self.parts:
            grid = grid_shape(part.of(self.weights[part.weight]), *self.block)
            self.kept[part.label] = torch.ones(grid, dtype=torch.bool)
        self._gradients: dict[str, Tensor] = {}  # weight -> before an update's step
        self._masks: dict[str, Tensor] = {}  # weight -> 0 or 1, of its type; none before an update

    @property
    def pruned(self) -> tuple[str, ...]:
        """Names of the weights that are pruned, in the model's order."""
        return tuple(dict.fromkeys(part.weight for part in self.parts))

    @property
    def ended(self) -> bool:
        """Whether the masks are final."""
        return self.rule is None or self.rule.ended(self.step)

    def before_step(self) -> None:
        """Add the penalty's gradient to those of the loss, before they are clipped."""
        if self.penalty and self._penalised(self.step + 1):
            self.penalty.add_gradient(self.weights, self.parts, self.block)
        if self.rule is not None and self.rule.due(self.step + 1):
            # A step may write into them: torch's SGD with Nesterov momentum on a GPU adds momentum.
            gradients = {name: self.weights[name].grad for name in self.pruned}
            self._gradients = {
                name: one.clone() for name, one in gradients.items() if one is not None
            }

    @torch.no_grad()
    def after_step(self, optimizer: Optimizer) -> Update | None:
        """Apply the masks after an optimizer step, and update them if it is time to."""
        self.step += 1
        if self.penalty and self._penalised(self.step):
            self.penalty.shrink(
                self.weights, self.parts, self.block, optimizer.param_groups[0]["lr"]
            )
        self.apply(self.weights)
        if self.rule is None or not self.rule.due(self.step):
            return None
        update = self._update(self.rule, optimizer)
        self.apply(self.weights)
        return update

    def apply(self, weights: Mapping[str, Tensor]) -> None:
        """Zero the masked weights of the model, or of a copy of it such as an average."""
        if self._masks:
            chosen = {name: weights[name].detach() for name in self._masks}
            # Kept where the weights are: of a checkpoint they were read to the CPU.
            self._masks = {name: self._masks[name].to(one.device) for name, one in chosen.items()}
            torch._foreach_mul_(list(chosen.values()), list(self._masks.values()))

    def penalty_value(self) -> float | None:
        """The penalty's part of the loss, None while it is off."""
        if self.penalty is None or not self.penalised:
            return None
        return self.penalty.value(self.weights, self.parts, self.block)

    def check(self, weights: Mapping[str, Tensor]) -> None:
        """Refuse weights that are not zero under their mask.

        Raises:
            InputError: with the name of the weight.
        """
        for name, mask in self._masks.items():
            stray = int(torch.count_nonzero(weights[name].detach()[mask.to(weights[name]) == 0]))
            if stray:
                raise InputError(
                    f"saving {name}",
                    expected="zeros wherever its mask is zero",
                    got=f"{stray} weights that are not",
                    remedy="Something wrote to the weights after the masks were applied: a "
                    "callback that copies weights must call Pruner.apply.",
                )

    def state(self) -> dict[str, Any]:
        """Plain data, the inverse of `load_state`."""
        return {
            "schema": SCHEMA,
            "method": self.method,
            "block": list(self.block),
            "pruned": list(self.pruned),
            "step": self.step,
            "kept": {label: blocks.clone() for label, blocks in self.kept.items()},
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a state.

        Raises:
            InputError: the state is of another method, block shape or selection.
        """
        ours, theirs = _settings(self.state()), _settings(state)
        if ours != theirs:
            raise InputError(
                "the checkpoint's masks",
                expected=ours,
                got=theirs,
                remedy="Continue a run with the settings that it began with.",
            )
        self.step = state["step"]
        self.kept = {label: blocks.bool() for label, blocks in state["kept"].items()}
        self._masks.clear()
        if not all(bool(blocks.all()) for blocks in self.kept.values()):
            self._spread()

    @property
    def penalised(self) -> bool:
        """Whether the penalty was on in the last step."""
        return self.penalty is not None and self._penalised(self.step)

    def _penalised(self, step: int) -> bool:
        window = self.penalty_window
        return window is not None and window.start < step <= window.end

    def _update(self, rule: Rule, optimizer: Optimizer) -> Update:
        removed, grown, targets = {}, {}, {}
        for part in self.parts:
            label, parameter = part.label, self.weights[part.weight]
            weight = part.of(parameter.detach())
            gradient, whole = None, self._gradients.get(part.weight)
            # What is not finite ranks nothing, nor what was forgotten since.
            if whole is not None and parameter.grad is not None and bool(whole.isfinite().all()):
                gradient = part.of(whole)
            if (diagonal := part.kept_diagonal(weight)) is not None:
                weight = weight.masked_fill(diagonal, 0)
                gradient = None if gradient is None else gradient.masked_fill(diagonal, 0)
            before = self.kept[label].to(weight.device)
            after = rule.keep(part, weight, gradient, before, self.step)
            removed[label] = int((before & ~after).sum())
            grown[label] = int((after & ~before).sum())
            targets[label] = rule.target(part, self.step)
            self.kept[label] = after.cpu()
            if grown[label]:
                new = spread(after & ~before, (weight.shape[0], weight.shape[1]), *self.block)
                new = new if diagonal is None else new & ~diagonal  # which was never masked
                _forget(optimizer, parameter, part, new)
        self._gradients.clear()
        self._spread()
        if any(removed.values()) or any(grown.values()):
            self.changed = self.step
        return Update(self.step, targets, removed, grown)

    def _spread(self) -> None:
        for name in self.pruned:
            weight = self.weights[name].detach()
            rows = []
            for part in self.parts:
                if part.weight != name:
                    continue
                own = part.of(weight)
                shape = (own.shape[0], own.shape[1])
                mask = spread(self.kept[part.label].to(weight.device), shape, *self.block)
                diagonal = part.kept_diagonal(own)
                rows.append(mask if diagonal is None else mask | diagonal)
            self._masks[name] = torch.cat(rows).to(weight.dtype)


def _settings(state: Mapping[str, Any]) -> str:
    """What two states must share, in words."""
    rows, columns = state["block"]
    grids = ", ".join(
        f"{label} {'x'.join(map(str, b.shape))}" for label, b in state["kept"].items()
    )
    return f"schema {state['schema']}, {state['method']}, {rows}x{columns} blocks, grids {grids}"


def _forget(optimizer: Optimizer, parameter: Tensor, part: Part, grown: Tensor) -> None:
    """What an optimizer remembers of weights that were masked says nothing of them."""
    for value in optimizer.state.get(parameter, {}).values():
        if isinstance(value, Tensor) and value.shape == parameter.shape:
            part.of(value).masked_fill_(grown, 0)
