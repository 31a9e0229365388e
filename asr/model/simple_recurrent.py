"""Layers without gates: the plain recurrent layer, and the papers' with a shared input matrix."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asr.model.masking import Padding, reverse
from asr.model.recurrence import Nonlinearity, recurrence
from asr.model.sequence_norm import SequenceNorm


class SimpleRecurrentLayer(nn.Module):
    """h_t = f(W x_t + b + U h_(t-1)), each direction with its own W, b and U."""

    def __init__(
        self, inputs: int, hidden: int, nonlinearity: Nonlinearity, bidirectional: bool
    ) -> None:
        super().__init__()
        self.nonlinearity = nonlinearity
        self.left_to_right = _direction(inputs, hidden)
        self.right_to_left = _direction(inputs, hidden) if bidirectional else None

    def forward(self, x: Tensor, batch: Padding) -> list[Tensor]:
        """(S, B, inputs) to one (S, B, H) a direction."""
        ways = [way for way in (self.left_to_right, self.right_to_left) if way is not None]
        drives = [F.linear(x, way["weight_ih_l0"], way["bias_l0"]) for way in ways]
        return _run(drives, [way["weight_hh_l0"] for way in ways], self.nonlinearity, batch)


class SharedInputLayer(nn.Module):
    """h_t = f(BN(W x_t) + U h_(t-1)): the directions share W and its batch norm, each has its U.

    Deep Speech 2 (arXiv 1512.02595), section 3.2, in the form that the layer table of
    arXiv 1704.05119 counts: inputs * H + 2 H, and H * H for each direction.
    """

    def __init__(
        self, inputs: int, hidden: int, nonlinearity: Nonlinearity, bidirectional: bool
    ) -> None:
        super().__init__()
        self.nonlinearity = nonlinearity
        self.shared = nn.ParameterDict({"weight_ih_l0": _input_matrix(inputs, hidden)})
        self.norm = SequenceNorm(hidden)
        self.left_to_right = nn.ParameterDict({"weight_hh_l0": _recurrent_matrix(hidden)})
        self.right_to_left = (
            nn.ParameterDict({"weight_hh_l0": _recurrent_matrix(hidden)}) if bidirectional else None
        )

    def forward(self, x: Tensor, batch: Padding) -> list[Tensor]:
        """(S, B, inputs) to one (S, B, H) a direction."""
        drive = self.norm(F.linear(x, self.shared["weight_ih_l0"]), batch.valid)
        ways = [way for way in (self.left_to_right, self.right_to_left) if way is not None]
        weights = [way["weight_hh_l0"] for way in ways]
        return _run([drive] * len(ways), weights, self.nonlinearity, batch)


def _run(
    drives: list[Tensor], weights: list[Tensor], nonlinearity: Nonlinearity, batch: Padding
) -> list[Tensor]:
    """Left to right with the first of each list, right to left with the second if there is one."""
    ways = [recurrence(drives[0], weights[0], nonlinearity)]
    for drive, weight in zip(drives[1:], weights[1:], strict=True):
        ways.append(reverse(recurrence(reverse(drive, batch), weight, nonlinearity), batch))
    return ways


def _direction(inputs: int, hidden: int) -> nn.ParameterDict:
    return nn.ParameterDict(
        {
            "weight_ih_l0": _input_matrix(inputs, hidden),
            "weight_hh_l0": _recurrent_matrix(hidden),
            "bias_l0": torch.zeros(hidden),
        }
    )


def _input_matrix(inputs: int, hidden: int) -> Tensor:
    return nn.init.xavier_uniform_(torch.empty(hidden, inputs))


def _recurrent_matrix(hidden: int) -> Tensor:
    """Orthogonal: a product of many over time neither grows nor fades (Saxe et al. 2014)."""
    return nn.init.orthogonal_(torch.empty(hidden, hidden))
