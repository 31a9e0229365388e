"""Convolutions over frequency and time: fewer frames, each seeing more of the sound.

Kernels are odd and padded by half their size, so a stride of s leaves ceil(n / s) of n positions:
(n + 2 (k - 1) / 2 - k) // s + 1 = (n - 1) // s + 1. The first output frame is centred on the first
input frame, and one input frame is enough.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from asr.errors import InputError
from asr.model.clipped_relu import clipped_relu
from asr.model.masking import valid_frames
from asr.model.sequence_norm import SequenceNorm

Lengths = TypeVar("Lengths", int, Tensor, np.ndarray)

_LAYER = {"channels", "kernel", "stride"}
_REMEDY = "Write it as {channels: 32, kernel: [3, 3], stride: [2, 2]}."


class ConvolutionalFrontEnd(nn.Module):
    """Layers of convolution, sequence-wise batch norm and clipped ReLU, masked after each.

    Args:
        bins: F, rows of the input.
        convolutions: one mapping a layer, `{channels, kernel, stride}`, the last two as
            `[frequency, time]`. None at all passes the features on as they are.
    """

    def __init__(self, bins: int, convolutions: Sequence[Mapping[str, Any]]) -> None:
        super().__init__()
        channels, rows = 1, bins
        self.convolutions = nn.ModuleList()
        self.norms = nn.ModuleList()
        for index, layer in enumerate(convolutions):
            if not isinstance(layer, Mapping) or set(layer) != _LAYER:
                raise InputError(
                    f"model.convolutions[{index}]",
                    expected=f"the keys {', '.join(sorted(_LAYER))}",
                    got=str(layer),
                    remedy=_REMEDY,
                )
            convolution = _convolution(channels, index, **layer)
            channels, rows = layer["channels"], _strided(rows, convolution, axis=0)
            self.convolutions.append(convolution)
            self.norms.append(SequenceNorm(channels))
        self.features = channels * rows

    def forward(self, features: Tensor, frames: Tensor) -> Tensor:
        """(B, F, T) and (B,) to (S, B, features), rows by channels, zero beyond each length."""
        valid = valid_frames(frames, features.shape[-1])
        x = features.masked_fill(~valid.unsqueeze(1), 0.0).unsqueeze(1)  # (B, 1, F, T)
        # Channels last: batch norm then works on the contiguous rows of a matrix.
        x = x.contiguous(memory_format=torch.channels_last)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = convolution(x)
            frames = _strided(frames, convolution, axis=1)
            valid = valid_frames(frames, x.shape[-1]).unsqueeze(1)  # (B, 1, T)
            x = norm(x.permute(0, 2, 3, 1), valid.expand(-1, x.shape[2], -1)).permute(0, 3, 1, 2)
            x = clipped_relu(x)  # keeps the zeros that norm left in the padding
        return x.permute(3, 0, 2, 1).flatten(2)

    def output_lengths(self, frames: Lengths) -> Lengths:
        """Frames that come out of so many frames in: an int, or integers of either library."""
        for convolution in self.convolutions:
            frames = _strided(frames, convolution, axis=1)
        return frames


def _convolution(
    inputs: int, index: int, *, channels: int, kernel: Sequence[int], stride: Sequence[int]
) -> nn.Conv2d:
    odd = _is_pair(kernel) and all(size % 2 for size in kernel)
    for name, given, legal, expected in [
        ("channels", channels, _is_size(channels), "a whole number from 1 on"),
        ("kernel", kernel, odd, "odd sizes [frequency, time], which have a middle"),
        ("stride", stride, _is_pair(stride), "sizes [frequency, time], each 1 or more"),
    ]:
        if not legal:
            raise InputError(
                f"model.convolutions[{index}].{name}",
                expected=expected,
                got=str(given),
                remedy=_REMEDY,
            )
    frequency, time = kernel
    half = (frequency // 2, time // 2)
    # No bias: batch norm would take it away again.
    convolution = nn.Conv2d(
        inputs, channels, (frequency, time), (stride[0], stride[1]), half, bias=False
    )
    nn.init.kaiming_uniform_(convolution.weight, nonlinearity="relu")
    return convolution


def _is_size(value: object) -> bool:
    return type(value) is int and value >= 1


def _is_pair(value: object) -> bool:
    return isinstance(value, Sequence) and len(value) == 2 and all(map(_is_size, value))


def _strided(size: Lengths, layer: nn.Module, axis: int) -> Lengths:
    assert isinstance(layer, nn.Conv2d)
    kernel, stride, padding = (layer.kernel_size[axis], layer.stride[axis], layer.padding[axis])
    return (size + 2 * int(padding) - kernel) // stride + 1
