"""A stack of recurrent layers over padded batches, in one direction or two."""

from contextlib import nullcontext
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asr.model.gru_recurrence import gru_recurrence
from asr.model.masking import Padding, padding, reverse
from asr.model.recurrence import Nonlinearity
from asr.model.sequence_norm import SequenceNorm
from asr.model.simple_recurrent import SharedInputLayer, SimpleRecurrentLayer

Cell = Literal["gru", "lstm", "rnn"]
Directions = Literal["one", "sum", "concatenate"]


class RecurrentStack(nn.Module):
    """Recurrent layers, with sequence-wise batch norm and dropout before each but the first.

    Args:
        inputs: width of the first layer's input.
        cell: `gru`, `lstm` or `rnn`.
        nonlinearity: of `rnn`.
        layers, hidden: how many, and H of each direction.
        directions: `one` reads forwards only; the others read both ways, and `sum` the two
            states or `concatenate` them.
        shared_input: `rnn` in the papers' form, whose batch norm is inside the layer.
        dropout: fraction of each input zeroed in training.
    """

    def __init__(
        self,
        *,
        inputs: int,
        cell: Cell,
        nonlinearity: Nonlinearity,
        layers: int,
        hidden: int,
        directions: Directions,
        shared_input: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.concatenate = directions == "concatenate"
        self.features = 2 * hidden if self.concatenate else hidden
        self.dropout = nn.Dropout(dropout)
        self.norms = nn.ModuleList()
        self.layers = nn.ModuleList()
        bidirectional = directions != "one"
        for width in [inputs] + [self.features] * (layers - 1):
            if self.layers and not shared_input:
                self.norms.append(SequenceNorm(width))
            if cell != "rnn":
                self.layers.append(GatedLayer(width, hidden, cell, bidirectional))
            else:
                kind = SharedInputLayer if shared_input else SimpleRecurrentLayer
                self.layers.append(kind(width, hidden, nonlinearity, bidirectional))

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """(S, B, inputs) and (B,) to (S, B, features); frames beyond a length mean nothing."""
        batch = padding(lengths, len(x))
        for index, layer in enumerate(self.layers):
            if index and self.norms:
                x = self.norms[index - 1](x, batch.valid)
            if index:
                x = self.dropout(x)
            ways = layer(x, batch)
            x = torch.cat(ways, -1) if self.concatenate else sum(ways[1:], ways[0])
        return x


class GatedLayer(nn.Module):
    """GRU or LSTM over padded batches: one `torch.nn` module a direction.

    The right-to-left one reads each utterance reversed within its own length: the numbers of a
    packed sequence at the cost of a padded one. (On a CPU the backward pass through packing
    grows with the square of the length.)
    """

    def __init__(
        self, inputs: int, hidden: int, cell: Literal["gru", "lstm"], bidirectional: bool
    ) -> None:
        super().__init__()
        kind = nn.GRU if cell == "gru" else nn.LSTM
        self.left_to_right = initialise_gates(kind(inputs, hidden))
        self.right_to_left = initialise_gates(kind(inputs, hidden)) if bidirectional else None

    def forward(self, x: Tensor, batch: Padding) -> list[Tensor]:
        """(S, B, inputs) to one (S, B, H) a direction."""
        ways = [_run(self.left_to_right, x)]
        if self.right_to_left is not None:
            ways.append(reverse(_run(self.right_to_left, reverse(x, batch)), batch))
        return ways


def _run(cell: nn.GRU | nn.LSTM, x: Tensor) -> Tensor:
    """(S, B, inputs) to (S, B, H) from left to right."""
    if x.is_cuda or isinstance(cell, nn.LSTM):
        refused = not x.is_cuda and torch.is_autocast_enabled("cpu") and not _lstm_in_bf16()
        with torch.autocast("cpu", enabled=False) if refused else nullcontext():
            states: Tensor = cell(x.float() if refused else x)[0]
        return states
    weights = dict(cell.named_parameters())
    drive = F.linear(x, weights["weight_ih_l0"], weights["bias_ih_l0"])
    return gru_recurrence(drive, weights["weight_hh_l0"], weights["bias_hh_l0"])


def _lstm_in_bf16() -> bool:
    """Whether oneDNN, if torch has it, takes an LSTM in bfloat16 on this processor."""
    ask = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return ask is None or bool(ask())


@torch.no_grad()
def initialise_gates(cell: nn.GRU | nn.LSTM) -> nn.GRU | nn.LSTM:
    """Xavier input and orthogonal recurrent matrix for each gate; biases 0, LSTM's forget gate 1.

    An orthogonal product over time neither grows nor fades (Saxe et al. 2014), and an open
    forget gate lets the memory live from the start (Jozefowicz et al. 2015).
    """
    weights = dict(cell.named_parameters())
    gates = 4 if isinstance(cell, nn.LSTM) else 3
    for gate in weights["weight_ih_l0"].chunk(gates):
        nn.init.xavier_uniform_(gate)
    for gate in weights["weight_hh_l0"].chunk(gates):
        nn.init.orthogonal_(gate)
    for bias in ("bias_ih_l0", "bias_hh_l0"):
        nn.init.zeros_(weights[bias])
    if isinstance(cell, nn.LSTM):
        # torch's order of gates: input, forget, cell, output
        weights["bias_ih_l0"].chunk(4)[1].fill_(1.0)
    return cell
