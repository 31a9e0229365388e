"""A GRU over time, for one or two directions at once, as `torch.nn.GRU` defines it.

    r = sigmoid(a_r + U_r h + c_r)        a = W x + b, given for all times
    z = sigmoid(a_z + U_z h + c_z)        h is the state before, h' the one after
    n = tanh(a_n + r (U_n h + c_n))
    h' = n + z (h - n)

Written out for training on a CPU: autograd through `torch.nn.GRU` forms a 3H x H gradient of U at
every step and adds them up, where one product at the end does. On a GPU, cuDNN does the same.
"""

from typing import Any

import torch
from torch import Tensor


def gru_recurrence(drive: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """States (S, D, B, H) from a, U and c of the module's docstring, starting from zero.

    Args:
        drive: (S, D, B, 3H), gates in the order r, z, n.
        weight, bias: (D, 3H, H) and (D, 3H), `weight_hh_l0` and `bias_hh_l0` of each direction.
    """
    kind = drive.device.type
    if torch.is_autocast_enabled(kind):
        lower = torch.get_autocast_dtype(kind)
        drive, weight, bias = drive.to(lower), weight.to(lower), bias.to(lower)
    states: Tensor = _GRU.apply(drive, weight, bias)
    return states


class _GRU(torch.autograd.Function):
    @staticmethod
    @torch.no_grad()
    def forward(ctx: Any, drive: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        steps, directions, batch, hidden = *drive.shape[:-1], weight.shape[-1]
        states = drive.new_empty(steps, directions, batch, hidden)
        inner = torch.empty_like(states)  # U_n h + c_n
        gates = torch.empty_like(drive)  # r, z, n
        state = torch.zeros_like(states[0])
        with torch.autocast(drive.device.type, enabled=False):
            for t in range(steps):
                product = torch.baddbmm(bias.unsqueeze(1), state, weight.transpose(1, 2))
                reset_update, new = gates[t].split([2 * hidden, hidden], -1)
                torch.add(drive[t, ..., : 2 * hidden], product[..., : 2 * hidden], out=reset_update)
                reset, update = reset_update.sigmoid_().chunk(2, -1)
                inner[t] = product[..., 2 * hidden :]
                torch.addcmul(drive[t, ..., 2 * hidden :], reset, inner[t], out=new)
                state = torch.lerp(new.tanh_(), state, update, out=states[t])
        ctx.save_for_backward(states, gates, inner, weight)
        return states

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Every factor but the state's own gradient is known for all times before the loop."""
        states, gates, inner, weight = ctx.saved_tensors
        reset, update, new = gates.chunk(3, -1)
        before = torch.cat([torch.zeros_like(states[:1]), states[:-1]])
        to_new = (1 - update) * (1 - new.square())
        to_reset = to_new * inner * reset * (1 - reset)
        to_update = (before - new) * update * (1 - update)
        # What reaches U h + c, gate by gate: for now the factors of the state's gradient.
        product = torch.stack([to_reset, to_update, to_new * reset], -2)  # (S, D, B, 3, H)
        total = gradient.clone()
        through = torch.empty_like(total[0])
        for t in reversed(range(len(total))):
            product[t].mul_(total[t].unsqueeze(-2))
            if t:
                torch.mul(total[t], update[t], out=through)
                total[t - 1] += through.baddbmm_(product[t].flatten(-2), weight)
        drive = torch.cat([product[..., :2, :].flatten(-2), total * to_new], -1)
        rows, states_before = (x.transpose(0, 1).flatten(1, 2) for x in (product, before))
        rows = rows.flatten(-2)
        return drive, torch.bmm(rows.transpose(1, 2), states_before), rows.sum(1)
