"""Which frames of a padded batch are real, and the order that reads them from last to first."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Padding:
    """What every layer over `(S, B, ...)` needs to know of the lengths; made once per batch."""

    valid: Tensor  # (S, B) bool: real, not padding
    reversal: Tensor  # (S * B,) int64: for each row of the flattened batch, its mirrored row


def padding(lengths: Tensor, total: int) -> Padding:
    """Padding of sequences of `lengths` (B,) laid out as `(total, B)`."""
    valid = valid_frames(lengths, total).t()
    return Padding(valid, _reversal(lengths, valid))


def valid_frames(lengths: Tensor, total: int) -> Tensor:
    """`(B, total)` bool, true where a frame is real."""
    return torch.arange(total, device=lengths.device) < lengths.unsqueeze(1)


def reverse(sequences: Tensor, mirrored: Padding) -> Tensor:
    """Reverse each sequence of `(S, B, ...)` within its own length; its padding stays behind it."""
    rows: Tensor = _Permute.apply(sequences.flatten(0, 1), mirrored.reversal)
    return rows.view_as(sequences)


def _reversal(lengths: Tensor, valid: Tensor) -> Tensor:
    total, batch = valid.shape
    time = torch.arange(total, device=valid.device).unsqueeze(1)
    mirrored = torch.where(valid, lengths - 1 - time, time)
    return (mirrored * batch + torch.arange(batch, device=valid.device)).flatten()


class _Permute(torch.autograd.Function):
    """Rows in the order of an index that is its own inverse.

    The gradient is the same gather; autograd's own is a scatter-add, slower, and on a GPU summed
    in no fixed order.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        return rows.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (index,) = ctx.saved_tensors
        return gradient.index_select(0, index), None
