"""Batch norm over the real frames of a padded batch (sequence-wise: all times pooled).

Laurent et al. 2015 (arXiv 1510.01378), section 3.2, as Deep Speech 2 (arXiv 1512.02595) uses it.
"""

from typing import Any

import torch
from torch import Tensor, nn

from asr.model.autocast import as_given

EPSILON = 1e-5  # both are torch.nn.BatchNorm1d's
MOMENTUM = 0.1


class SequenceNorm(nn.Module):
    """Normalise each feature over the real frames, then scale and shift; padding comes out zero.

    In training with the batch's own mean and variance, in evaluation with their running averages.
    Equal to `torch.nn.BatchNorm1d` on the real frames laid end to end, except that a single
    frame is legal: it has variance 0.
    """

    running_mean: Tensor
    running_variance: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.register_buffer("running_mean", torch.zeros(features))
        self.register_buffer("running_variance", torch.ones(features))

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """`x` (..., features), `valid` (...) bool; returns x's shape, float32 at least."""
        x = x.to(torch.promote_types(x.dtype, torch.float32))
        keep = valid.unsqueeze(-1).to(x.dtype)
        if not self.training:
            scale = self.weight * torch.rsqrt(self.running_variance + EPSILON)
            shift = self.bias - self.running_mean * scale
            return torch.addcmul(shift, x, scale).mul_(keep)
        rows, kept = x.flatten(0, -2), keep.flatten(0, -2)
        normal: Tensor
        normal, mean, variance = _Normalise.apply(rows, kept, self.weight, self.bias)
        self._track(mean, variance, kept)
        return normal.view_as(x)

    @torch.no_grad()
    def _track(self, mean: Tensor, variance: Tensor, kept: Tensor) -> None:
        count = kept.sum()
        unbiased = variance * (count / (count - 1).clamp(min=1))
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), MOMENTUM)
        self.running_variance.lerp_(unbiased.to(self.running_variance.dtype), MOMENTUM)


class _Normalise(torch.autograd.Function):
    """Masked batch norm over rows: `(R, C)` and a 0/1 column `(R, 1)`.

    Written out because a front end's activations are large: this costs about half of what
    autograd through the same formula does.
    """

    @staticmethod
    @as_given
    def forward(
        ctx: Any, rows: Tensor, kept: Tensor, weight: Tensor, bias: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        count = kept.sum()
        mean = _total(rows, kept) / count
        centred = rows - mean
        scratch = centred.square()  # large, so its memory is used again for the result
        variance = _total(scratch, kept) / count
        inverse = torch.rsqrt(variance + EPSILON)
        ctx.save_for_backward(centred, kept, weight, inverse, count)
        ctx.mark_non_differentiable(mean, variance)
        normal = torch.addcmul(bias, centred, weight * inverse, out=scratch).mul_(kept)
        return normal, mean, variance

    @staticmethod
    @as_given
    def backward(ctx: Any, gradient: Tensor, *_: Tensor) -> tuple[Tensor, None, Tensor, Tensor]:
        """d rows = weight / sigma * (g - mean(g) - x^ mean(g x^)), means over the real rows."""
        centred, kept, weight, inverse, count = ctx.saved_tensors
        scratch = gradient * centred
        product, total = _total(scratch, kept), _total(gradient, kept)
        scale = weight * inverse
        slope = -scale * inverse.square() * product / count
        rows = torch.addcmul(-scale * total / count, centred, slope, out=scratch)
        return rows.addcmul_(gradient, scale).mul_(kept), None, product * inverse, total


def _total(rows: Tensor, kept: Tensor) -> Tensor:
    """Sum of the real rows, as a product with the mask: (C,)."""
    return (kept.t() @ rows).squeeze(0)
