"""h_t = f(a_t + U h_(t-1)) over time, from a zero state.

Written out because autograd would form an H x H gradient of U at every step and add them up; here
they are one product at the end. One direction a call: two in one batched product a step were no
faster, as both matrices then compete for the cache.
"""

from typing import Any, Literal

import torch
from torch import Tensor

from asr.model.autocast import as_given, autocast_together
from asr.model.clipped_relu import CLIP

Nonlinearity = Literal["tanh", "clipped_relu"]


def recurrence(drive: Tensor, weight: Tensor, nonlinearity: Nonlinearity) -> Tensor:
    """States (S, B, H) from the inputs' share a, `drive` (S, B, H), and U, `weight` (H, H).

    Under autocast the products and states take its type.
    """
    drive, weight = autocast_together(drive, weight)
    states: Tensor = _Recurrence.apply(drive, weight, nonlinearity)
    return states


class _Recurrence(torch.autograd.Function):
    """The slope of f is read off the states, so they are all that the way back needs."""

    @staticmethod
    @as_given
    def forward(ctx: Any, drive: Tensor, weight: Tensor, nonlinearity: Nonlinearity) -> Tensor:
        states = torch.empty_like(drive)
        state = torch.zeros_like(drive[0])
        for step, into in zip(drive.unbind(), states.unbind(), strict=True):
            torch.addmm(step, state, weight.t(), out=into)
            state = into.tanh_() if nonlinearity == "tanh" else into.clamp_(0.0, CLIP)
        ctx.nonlinearity = nonlinearity
        ctx.save_for_backward(states, weight)
        return states

    @staticmethod
    @as_given
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        states, weight = ctx.saved_tensors
        drive = _slope(states, ctx.nonlinearity)
        later = torch.zeros_like(gradient[0])  # what the state's gradient owes to later steps
        for into, own in zip(reversed(drive.unbind()), reversed(gradient.unbind()), strict=True):
            into.mul_(later.add_(own))
            torch.mm(into, weight, out=later)
        # dU = sum over t and B of (d a_t) h_(t-1)'
        return drive, drive[1:].flatten(0, 1).t() @ states[:-1].flatten(0, 1), None


def _slope(states: Tensor, nonlinearity: Nonlinearity) -> Tensor:
    """f' where f is known: 1 - h^2 for tanh; 1 strictly between the bounds of the clipped ReLU."""
    if nonlinearity == "tanh":
        return 1.0 - states.square()
    return ((states > 0.0) & (states < CLIP)).to(states.dtype)
