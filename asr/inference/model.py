"""A model for inference: plain arrays, batch norm folded into its neighbours."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.errors import InputError
from asr.inference.block_sparse_matrix import BlockSparseMatrix
from asr.inference.feature_settings import FeatureSettings
from asr.inference.layers import ConvolutionWeights, Direction
from asr.text import Vocabulary, vocabulary_from_state


@dataclass(frozen=True)
class Linear:
    """W (outputs, inputs) and bias (outputs,)."""

    weight: BlockSparseMatrix
    bias: NDArray


@dataclass(frozen=True)
class Model:
    """Everything between a waveform and log-probabilities over labels.

    Args:
        features: settings and statistics.
        vocabulary: `Vocabulary.state()` of asr.text.
        convolutions: the front end, from the features on.
        layers: directions of each recurrent layer, the left-to-right one first.
        concatenate: puts the states of two directions side by side; otherwise they are summed.
        lookahead: (H, frames + 1), or None.
        projection: before the output, with a clipped ReLU behind it, or None.
        output: logits of the labels.
        provenance: what it was made from, for people to read.

    Raises:
        InputError: the sizes of neighbours differ.
    """

    features: FeatureSettings
    vocabulary: Mapping[str, Any]
    convolutions: tuple[ConvolutionWeights, ...]
    layers: tuple[tuple[Direction, ...], ...]
    concatenate: bool
    lookahead: NDArray | None
    projection: Linear | None
    output: Linear
    provenance: Mapping[str, Any]

    def __post_init__(self) -> None:
        channels, rows = 1, self.features.bins
        for index, convolution in enumerate(self.convolutions):
            outputs, inputs, tall, long = convolution.weight.shape
            _fit(f"convolution {index}", (inputs, tall % 2, long % 2), (channels, 1, 1))
            _fit(f"bias of convolution {index}", convolution.bias.shape, (outputs,))
            if not 1 <= min(convolution.stride) <= max(convolution.stride) <= 64:
                _fit(f"stride of convolution {index}", convolution.stride, "1 to 64")
            channels, rows = outputs, convolution.output(rows, 0)
        width = channels * rows
        if not self.layers:
            _fit("recurrent layers", 0, "1 or more")
        for index, layer in enumerate(self.layers):
            hidden = layer[0].hidden
            _fit(f"directions of layer {index}", [way.reverse for way in layer], _WAYS[len(layer)])
            for way in layer:
                shape = (way.inputs.shape[1], way.hidden)
                _fit(f"recurrent layer {index}", shape, (width, hidden))
            width = hidden * (len(layer) if self.concatenate else 1)
        if self.lookahead is not None:
            _fit("dimensions of the lookahead", self.lookahead.ndim, 2)
            _fit("rows of the lookahead", self.lookahead.shape[0], width)
            if not self.lookahead.shape[1]:
                _fit("frames of the lookahead", 0, "1 or more, the present one first")
        for name, linear in (("projection", self.projection), ("output", self.output)):
            if linear is not None:
                _fit(name, linear.weight.shape[1], width)
                _fit(f"bias of the {name}", linear.bias.shape, (linear.weight.shape[0],))
                width = linear.weight.shape[0]
        _fit("labels of the output", width, len(self.labels))

    @cached_property
    def labels(self) -> Vocabulary:
        """The vocabulary, ready to decode."""
        return vocabulary_from_state(dict(self.vocabulary))

    def output_frames(self, frames: int) -> int:
        """Output frames S of so many feature frames T."""
        for convolution in self.convolutions:
            frames = convolution.output(frames, 1)
        return frames

    @property
    def hop(self) -> int:
        """Samples from one output frame to the next."""
        strides = [convolution.stride[1] for convolution in self.convolutions]
        return self.features.hop * int(np.prod(strides, dtype=int))

    def matrices(self) -> Iterator[tuple[str, BlockSparseMatrix]]:
        """Every matrix by its name in the file; one that two directions share comes once."""
        for index, layer in enumerate(self.layers):
            shared = shares_input(layer)
            for way in layer:
                side = "right_to_left" if way.reverse else "left_to_right"
                if not (way.reverse and shared):
                    yield f"layers.{index}.{side}.input", way.inputs
                yield f"layers.{index}.{side}.recurrent", way.recurrent
        if self.projection is not None:
            yield "projection", self.projection.weight
        yield "output", self.output.weight


def shares_input(layer: tuple[Direction, ...]) -> bool:
    """Whether the directions have one W between them, as in the papers' form."""
    if len(layer) == 1:
        return False
    first, second = (vars(way.inputs).values() for way in layer)
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


_WAYS: dict[int, list[bool]] = {1: [False], 2: [False, True]}


def _fit(what: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise InputError(
            what,
            expected=str(expected),
            got=str(found),
            remedy="The parts of the model do not belong together: export it again.",
        )
