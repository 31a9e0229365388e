"""The acoustic model: feature frames to log-probabilities over labels, for CTC."""

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from asr.errors import InputError
from asr.model.clipped_relu import clipped_relu
from asr.model.front_end import ConvolutionalFrontEnd, Lengths
from asr.model.lookahead import Lookahead
from asr.model.masking import valid_frames
from asr.model.recurrence import Nonlinearity
from asr.model.recurrent import Cell, Directions, RecurrentStack
from asr.model.sequence_norm import SequenceNorm


class AcousticModel(nn.Module):
    """Convolutions, recurrent layers, lookahead, projection, output: Deep Speech 2's order.

    In evaluation an utterance's log-probabilities are the same alone, in any batch and under any
    padding; in training padding changes no statistic and no gradient.

    Args:
        bins: F, features per frame.
        vocabulary_size: V, labels and the blank.
        convolutions: mappings `{channels, kernel, stride}` of `ConvolutionalFrontEnd`.
        cell, nonlinearity, layers, hidden, directions, shared_input: of `RecurrentStack`.
            `shared_input` is the papers' form and needs `rnn`; gated cells are `tanh`.
        dropout: fraction of each recurrent layer's output zeroed in training.
        lookahead: frames of future context after the recurrent layers, 0 for none; for
            `directions: one`.
        projection: width of a fully connected layer with batch norm and clipped ReLU before the
            output, 0 for none.
    """

    def __init__(
        self,
        *,
        bins: int,
        vocabulary_size: int,
        convolutions: Sequence[Mapping[str, Any]],
        cell: Cell,
        nonlinearity: Nonlinearity,
        layers: int,
        hidden: int,
        directions: Directions,
        shared_input: bool,
        dropout: float,
        lookahead: int,
        projection: int,
    ) -> None:
        super().__init__()
        _check(
            cell=cell,
            nonlinearity=nonlinearity,
            layers=layers,
            hidden=hidden,
            directions=directions,
            shared_input=shared_input,
            dropout=dropout,
            lookahead=lookahead,
            projection=projection,
        )
        self.bins = bins
        self.front_end = ConvolutionalFrontEnd(bins, convolutions)
        self.recurrent = RecurrentStack(
            inputs=self.front_end.features,
            cell=cell,
            nonlinearity=nonlinearity,
            layers=layers,
            hidden=hidden,
            directions=directions,
            shared_input=shared_input,
            dropout=dropout,
        )
        width = self.recurrent.features
        self.lookahead = Lookahead(width, lookahead) if lookahead else None
        self.dropout = nn.Dropout(dropout)
        self.projection = Projection(width, projection) if projection else None
        self.output = nn.Linear(projection or width, vocabulary_size)
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, features: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        """Log-probabilities and how many frames of each utterance are real.

        Args:
            features: (B, F, T), normalised; what lies beyond an utterance's frames is ignored.
            frames: (B,) integers, on any device.

        Returns:
            (S, B, V), float32 at least, and (B,) int64 on the features' device. Rows beyond an
            utterance's length mean nothing.

        Raises:
            InputError: other bins than the model's, or an utterance of no frames.
        """
        longest = self._longest(features, frames)
        frames = frames.to(features.device, torch.int64)
        lengths = self.output_lengths(frames)
        x = self.front_end(features[:, :, :longest], frames)  # (S, B, H)
        x = self.recurrent(x, lengths)
        valid = valid_frames(lengths, len(x)).t()
        if self.lookahead is not None:
            x = self.lookahead(x, valid)
        x = self.dropout(x)
        if self.projection is not None:
            x = self.projection(x, valid)
        logits = self.output(x)  # (S, B, V)
        # Sums of exponentials over V lose labels in bfloat16.
        precise = torch.promote_types(logits.dtype, torch.float32)
        return F.log_softmax(logits, dim=-1, dtype=precise), lengths

    def output_lengths(self, frames: Lengths) -> Lengths:
        """Output frames S for so many feature frames T: an int, a tensor or a numpy array.

        Integer arithmetic on the convolutions' own kernels, strides and padding.
        """
        return self.front_end.output_lengths(frames)

    def _longest(self, features: Tensor, frames: Tensor) -> int:
        """Check the batch, with the one wait for the device that its lengths cost."""
        shortest, longest = torch.stack(torch.aminmax(frames)).tolist()
        if features.shape[1] != self.bins:
            raise InputError(
                "features",
                expected=f"{self.bins} bins, for which the model was built",
                got=str(features.shape[1]),
                remedy="Use the features that the model was trained on.",
            )
        if shortest < 1 or longest > features.shape[2]:
            raise InputError(
                "frames",
                expected=f"from 1, the least the model takes, to the {features.shape[2]} given",
                got=f"{shortest} to {longest}",
                remedy="Leave out audio shorter than one analysis window.",
            )
        return int(longest)


class Projection(nn.Module):
    """Fully connected layer, sequence-wise batch norm, clipped ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        # No bias: batch norm would take it away again.
        self.linear = nn.Linear(inputs, outputs, bias=False)
        self.norm = SequenceNorm(outputs)
        nn.init.kaiming_uniform_(self.linear.weight, nonlinearity="relu")

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """(S, B, inputs) and (S, B) bool to (S, B, outputs)."""
        return clipped_relu(self.norm(self.linear(x), valid))


def _check(
    *,
    cell: str,
    nonlinearity: str,
    layers: int,
    hidden: int,
    directions: str,
    shared_input: bool,
    dropout: float,
    lookahead: int,
    projection: int,
) -> None:
    """What the types cannot say, and what comes from a configuration file unchecked."""
    cells, nonlinearities, ways = map(get_args, (Cell, Nonlinearity, Directions))
    plain, one_way = cell == "rnn", directions == "one"
    for name, given, legal, expected in [
        ("cell", cell, cell in cells, _choices(cells)),
        ("directions", directions, directions in ways, _choices(ways)),
        ("layers", layers, layers >= 1, "at least 1"),
        ("hidden", hidden, hidden >= 1, "at least 1"),
        ("dropout", dropout, 0 <= dropout < 1, "a fraction from 0 to less than 1"),
        ("projection", projection, projection >= 0, "0 or more units"),
        ("nonlinearity", nonlinearity, nonlinearity in nonlinearities, _choices(nonlinearities)),
        ("nonlinearity", nonlinearity, plain or nonlinearity == "tanh", f"tanh for cell={cell}"),
        ("shared_input", shared_input, plain or not shared_input, f"False for cell={cell}"),
        ("lookahead", lookahead, lookahead >= 0, "0 or more frames"),
        ("lookahead", lookahead, one_way or not lookahead, f"0 for directions={directions}"),
    ]:
        if not legal:
            raise InputError(
                f"model.{name}",
                expected=expected,
                got=str(given),
                remedy="The presets in conf/model are legal combinations to start from.",
            )


def _choices(legal: Sequence[str]) -> str:
    return f"one of {', '.join(legal)}"
