"""A trained model (torch) to one for inference, its batch norms folded into their neighbours.

In evaluation a batch norm is x * scale + shift. Behind a convolution or a matrix W it becomes
(scale W) x + shift; before one, (W scale) x + W shift. Zeros stay zeros.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from asr.checkpoint import TrainedModel
from asr.errors import InputError
from asr.features.base import Features
from asr.features.log_mel import LogMel
from asr.features.spectrogram import Spectrogram
from asr.inference.block_sparse_matrix import BlockSparseMatrix
from asr.inference.feature_settings import FeatureSettings
from asr.inference.layers import GATES, CellName, ConvolutionWeights, Direction
from asr.inference.model import Linear, Model
from asr.model.acoustic import AcousticModel, Projection
from asr.model.recurrent import GatedLayer
from asr.model.sequence_norm import EPSILON, SequenceNorm
from asr.model.simple_recurrent import SharedInputLayer, SimpleRecurrentLayer

Array = NDArray[np.float64]


def folded(trained: TrainedModel, provenance: Mapping[str, Any]) -> Model:
    """The model for inference, in float32.

    Raises:
        InputError: it has a kind of features or layer that the runtime does not know.
    """
    model = trained.model
    return Model(
        features=_features(trained.features),
        vocabulary=trained.vocabulary.state(),
        convolutions=tuple(_convolutions(model)),
        layers=tuple(_layers(trained)),
        concatenate=model.recurrent.concatenate,
        lookahead=None if model.lookahead is None else _single(model.lookahead.weight),
        projection=None if model.projection is None else _projection(trained, model.projection),
        output=Linear(
            _matrix(trained, "output.weight", _double(model.output.weight)),
            _single(model.output.bias),
        ),
        provenance=provenance,
    )


def _features(features: Features) -> FeatureSettings:
    if type(features) not in (LogMel, Spectrogram):
        raise _unknown("features", type(features).__name__, "LogMel or Spectrogram")
    mel = isinstance(features, LogMel)
    return FeatureSettings(
        kind="log_mel" if mel else "spectrogram",
        sample_rate=features.sample_rate,
        window=features.window,
        hop=features.hop,
        fft_size=features.fft_size,
        bins=features.bins,
        low_hz=float(features.low_hz) if isinstance(features, LogMel) else 0.0,
        high_hz=float(features.high_hz) if isinstance(features, LogMel) else 0.0,
        mean=_single(features.mean[:, 0]),
        deviation=_single(features.deviation[:, 0]),
    )


def _convolutions(model: AcousticModel) -> list[ConvolutionWeights]:
    front_end = model.front_end
    layers = []
    for convolution, norm in zip(front_end.convolutions, front_end.norms, strict=True):
        assert isinstance(convolution, nn.Conv2d)
        assert isinstance(norm, SequenceNorm)
        scale, shift = _scale_and_shift(norm)
        weight = _double(convolution.weight) * scale[:, None, None, None]
        stride = (convolution.stride[0], convolution.stride[1])
        layers.append(
            ConvolutionWeights(weight.astype(np.float32), shift.astype(np.float32), stride)
        )
    return layers


def _layers(trained: TrainedModel) -> list[tuple[Direction, ...]]:
    stack = trained.model.recurrent
    layers = []
    for index, layer in enumerate(stack.layers):
        norm = stack.norms[index - 1] if index and stack.norms else None
        before = _scale_and_shift(norm) if isinstance(norm, SequenceNorm) else None
        ways = [
            _direction(trained, index, layer, reverse, before)
            for reverse in (False, True)
            if not reverse or layer.right_to_left is not None
        ]
        layers.append(tuple(ways))
    return layers


def _direction(
    trained: TrainedModel,
    index: int,
    layer: nn.Module,
    reverse: bool,
    before: tuple[Array, Array] | None,
) -> Direction:
    side = "right_to_left" if reverse else "left_to_right"
    own = f"recurrent.layers.{index}.{side}"
    own_weights = {
        name: _double(weight) for name, weight in getattr(layer, side).named_parameters()
    }
    recurrent = own_weights["weight_hh_l0"]
    if isinstance(layer, GatedLayer):
        cell: CellName = "gru" if isinstance(layer.left_to_right, nn.GRU) else "lstm"
        name = f"{own}.weight_ih_l0"
        weight, bias = own_weights["weight_ih_l0"], own_weights["bias_ih_l0"]
        recurrent_bias = own_weights["bias_hh_l0"]
    elif isinstance(layer, SimpleRecurrentLayer):
        cell = "tanh" if layer.nonlinearity == "tanh" else "clipped_relu"
        name = f"{own}.weight_ih_l0"
        weight, bias = own_weights["weight_ih_l0"], own_weights["bias_l0"]
        recurrent_bias = np.zeros(len(bias))
    elif isinstance(layer, SharedInputLayer):
        cell = "tanh" if layer.nonlinearity == "tanh" else "clipped_relu"
        name = f"recurrent.layers.{index}.shared.weight_ih_l0"
        scale, bias = _scale_and_shift(layer.norm)
        weight = _double(layer.shared["weight_ih_l0"]) * scale[:, None]
        recurrent_bias = np.zeros(len(bias))
    else:
        raise _unknown("recurrent layer", type(layer).__name__, "GRU, LSTM or RNN")
    if before is not None:
        scale, shift = before
        bias = bias + weight @ shift
        weight = weight * scale
    return Direction(
        _matrix(trained, name, weight, GATES[cell]),
        _matrix(trained, f"{own}.weight_hh_l0", recurrent, GATES[cell]),
        bias.astype(np.float32),
        recurrent_bias.astype(np.float32),
        cell,
        reverse,
    )


def _projection(trained: TrainedModel, projection: Projection) -> Linear:
    scale, shift = _scale_and_shift(projection.norm)
    weight = _double(projection.linear.weight) * scale[:, None]
    return Linear(_matrix(trained, "projection.linear.weight", weight), shift.astype(np.float32))


def _matrix(trained: TrainedModel, name: str, weight: Array, gates: int = 1) -> BlockSparseMatrix:
    """In blocks if the weight of that name was pruned in blocks, and it takes less room so.

    Gates pruned separately have grids of their own; where a gate's height is no multiple of the
    block's, only the right tiling leaves out all that was pruned.
    """
    sparsity, single = trained.sparsity, weight.astype(np.float32)
    whole = BlockSparseMatrix.whole(single)
    if name not in sparsity.pruned or sparsity.block is None:
        return whole
    tilings = [
        BlockSparseMatrix.from_dense(single, sparsity.block, groups=groups)
        for groups in sorted({1, gates})
    ]
    best = min(tilings, key=lambda tiling: tiling.weight_bytes)
    return best if best.weight_bytes + best.index_bytes < single.nbytes else whole


def _scale_and_shift(norm: SequenceNorm) -> tuple[Array, Array]:
    scale = _double(norm.weight) / np.sqrt(_double(norm.running_variance) + EPSILON)
    return scale, _double(norm.bias) - _double(norm.running_mean) * scale


def _double(tensor: Tensor) -> Array:
    return tensor.detach().to(torch.float64).numpy()


def _single(tensor: Tensor) -> NDArray[np.float32]:
    return tensor.detach().to(torch.float32).numpy()


def _unknown(what: str, got: str, known: str) -> InputError:
    return InputError(
        what,
        expected=known,
        got=got,
        remedy="The runtime cannot represent this model; run it in torch, or extend both.",
    )
