"""h_t = f(a_t + U h_(t-1)) over time, for one or two directions at once."""

from typing import Any, Literal

import torch
from torch import Tensor

from asr.model.clipped_relu import CLIP

Nonlinearity = Literal["tanh", "clipped_relu"]


def recurrence(drive: Tensor, weight: Tensor, nonlinearity: Nonlinearity) -> Tensor:
    """States (S, D, B, H) from the inputs' share `drive` (S, D, B, H) and `weight` (D, H, H).

    Starts from a zero state. Under autocast the products and states take its type.
    """
    kind = drive.device.type
    if torch.is_autocast_enabled(kind):
        lower = torch.get_autocast_dtype(kind)
        drive, weight = drive.to(lower), weight.to(lower)
    states: Tensor = _Recurrence.apply(drive, weight, nonlinearity)
    return states


class _Recurrence(torch.autograd.Function):
    """Written out because autograd would form an H x H gradient of U at every step and add them
    up; here they are one product at the end. The slope of f is read off the states themselves."""

    @staticmethod
    def forward(ctx: Any, drive: Tensor, weight: Tensor, nonlinearity: Nonlinearity) -> Tensor:
        states = torch.empty_like(drive)
        transposed = weight.transpose(1, 2)
        with torch.autocast(drive.device.type, enabled=False):
            state = torch.zeros_like(drive[0])
            for into, step in zip(states.unbind(0), drive.unbind(0), strict=True):
                torch.baddbmm(step, state, transposed, out=into)
                state = into.tanh_() if nonlinearity == "tanh" else into.clamp_(0.0, CLIP)
        ctx.nonlinearity = nonlinearity
        ctx.save_for_backward(states, weight)
        return states

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, None]:
        states, weight = ctx.saved_tensors
        drive = _slope(states, ctx.nonlinearity)
        through = torch.zeros_like(gradient[0])
        for into, step in zip(drive.unbind(0)[::-1], gradient.unbind(0)[::-1], strict=True):
            into.mul_(through.add_(step))
            torch.bmm(into, weight, out=through)
        # dU = sum over t and B of d a_t (outer) h_(t-1)
        later, earlier = (x.transpose(0, 1).flatten(1, 2) for x in (drive[1:], states[:-1]))
        return drive, torch.bmm(later.transpose(1, 2), earlier), None


def _slope(states: Tensor, nonlinearity: Nonlinearity) -> Tensor:
    """f' where f is known: 1 - h^2 for tanh; 1 strictly between the bounds of the clipped ReLU."""
    if nonlinearity == "tanh":
        return torch.addcmul(torch.ones_like(states), states, states, value=-1.0)
    return ((states > 0.0) & (states < CLIP)).to(states.dtype)
