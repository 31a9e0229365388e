"""A GRU over time from a zero state, as `torch.nn.GRU` defines it, for training on a CPU.

    r = sigmoid(a_r + U_r h + c_r)        a = W x + b, given for all times
    z = sigmoid(a_z + U_z h + c_z)        h is the state before, h' the one after
    n = tanh(a_n + r (U_n h + c_n))
    h' = n + z (h - n)

Autograd through `torch.nn.GRU` on a CPU forms a 3H x H gradient of U at every step and adds them
up; here they are one product at the end. (On a GPU cuDNN does the same.)
"""

from typing import Any

import torch
from torch import Tensor

from asr.model.autocast import as_given, autocast_together


def gru_recurrence(drive: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """States (S, B, H) from a, `drive` (S, B, 3H), U, `weight` (3H, H), and c, `bias` (3H,).

    Gates in the order r, z, n. Under autocast the products and states take its type.
    """
    drive, weight, bias = autocast_together(drive, weight, bias)
    states: Tensor = _GRU.apply(drive, weight, bias)
    return states


class _GRU(torch.autograd.Function):
    @staticmethod
    @as_given
    def forward(ctx: Any, drive: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        steps, batch, hidden = *drive.shape[:2], weight.shape[1]
        states = drive.new_empty(steps, batch, hidden)
        inner = torch.empty_like(states)  # U_n h + c_n
        gates = torch.empty_like(drive)
        state = torch.zeros_like(states[0])
        for t, (a_r, a_z, a_n) in enumerate(_thirds(drive)):
            product_r, product_z, product_n = torch.addmm(bias, state, weight.t()).chunk(3, 1)
            r, z, n = gates[t].chunk(3, 1)
            torch.add(a_r, product_r, out=r).sigmoid_()
            torch.add(a_z, product_z, out=z).sigmoid_()
            torch.addcmul(a_n, r, inner[t].copy_(product_n), out=n).tanh_()
            state = torch.lerp(n, state, z, out=states[t])
        ctx.save_for_backward(states, gates, inner, weight)
        return states

    @staticmethod
    @as_given
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Every factor but the state's own gradient is known for all times before the loop."""
        states, gates, inner, weight = ctx.saved_tensors
        r, z, n = gates.chunk(3, 2)
        before = torch.cat([torch.zeros_like(states[:1]), states[:-1]])
        to_new = (1 - z) * (1 - n.square())
        # What reaches U h + c, gate by gate; until the loop, per unit of the state's gradient.
        product = torch.stack(
            [to_new * inner * r * (1 - r), (before - n) * z * (1 - z), to_new * r], 2
        )  # (S, B, 3, H)
        state = gradient.clone()
        for t in reversed(range(len(state))):
            product[t].mul_(state[t].unsqueeze(1))
            if t:
                state[t - 1] += (state[t] * z[t]).addmm_(product[t].flatten(1), weight)
        drive = torch.cat([product[:, :, :2].flatten(2), state * to_new], 2)
        rows = product.flatten(2).flatten(0, 1)
        return drive, rows.t() @ before.flatten(0, 1), rows.sum(0)


def _thirds(drive: Tensor) -> Any:
    return zip(*(gate.unbind() for gate in drive.chunk(3, 2)), strict=True)
