"""A trained model (torch) to one for inference, its batch norms folded into their neighbours.

In evaluation a batch norm is (x - mean) scale + offset. Behind a convolution or a matrix W it
becomes (scale W) x + (offset - scale mean); before one, (W scale) x + (W offset - (W scale) mean).
There the mean goes through the weights as they are stored, so that what rounding did to them
counts by how far x is from its mean, not from zero (bias correction: Nagel et al. 2019,
arXiv 1906.04721, section 4.2). Zeros stay zeros.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, Protocol

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


class Store(Protocol):
    """The weight of a name in the checkpoint, changed or not, as it is stored."""

    def __call__(self, name: str, weight: Array, gates: int = 1) -> BlockSparseMatrix: ...


def folded(trained: TrainedModel, provenance: Mapping[str, Any], weights: str = "fp32") -> Model:
    """The model for inference, its matrices in `weights`; biases and convolutions keep fp32.

    Args:
        trained: a checkpoint.
        provenance: what the model is to say of itself.
        weights: fp32, fp16 or int8, see `BlockSparseMatrix.stored_as`.

    Raises:
        InputError: it has a kind of features or layer that the runtime does not know, or weights
            beyond fp16.
    """
    model = trained.model
    store = partial(_matrix, trained, weights)
    return Model(
        features=_features(trained.features),
        vocabulary=trained.vocabulary.state(),
        convolutions=tuple(_convolutions(model)),
        layers=tuple(_layers(model, store)),
        concatenate=model.recurrent.concatenate,
        lookahead=None if model.lookahead is None else _single(model.lookahead.weight),
        projection=None if model.projection is None else _projection(store, model.projection),
        output=Linear(
            store("output.weight", _double(model.output.weight)),
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


def _layers(model: AcousticModel, store: Store) -> list[tuple[Direction, ...]]:
    stack = model.recurrent
    layers = []
    for index, layer in enumerate(stack.layers):
        norm = stack.norms[index - 1] if index and stack.norms else None
        assert norm is None or isinstance(norm, SequenceNorm)
        ways = [
            _direction(store, index, layer, reverse, norm)
            for reverse in (False, True)
            if not reverse or layer.right_to_left is not None
        ]
        layers.append(tuple(ways))
    return layers


def _direction(
    store: Store,
    index: int,
    layer: nn.Module,
    reverse: bool,
    before: SequenceNorm | None,
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
        bias = bias + weight @ _double(before.bias)
        inputs = store(name, weight * _scale(before), GATES[cell])
        bias = bias - inputs.to_dense() @ _double(before.running_mean)
    else:
        inputs = store(name, weight, GATES[cell])
    return Direction(
        inputs,
        store(f"{own}.weight_hh_l0", recurrent, GATES[cell]),
        bias.astype(np.float32),
        recurrent_bias.astype(np.float32),
        cell,
        reverse,
    )


def _projection(store: Store, projection: Projection) -> Linear:
    scale, shift = _scale_and_shift(projection.norm)
    weight = _double(projection.linear.weight) * scale[:, None]
    return Linear(store("projection.linear.weight", weight), shift.astype(np.float32))


def _matrix(
    trained: TrainedModel, weights: str, name: str, weight: Array, gates: int = 1
) -> BlockSparseMatrix:
    """In blocks if the weight of that name was pruned in blocks, and it takes less room so.

    Gates pruned separately have grids of their own; where a gate's height is no multiple of the
    block's, only the right tiling leaves out all that was pruned.
    """
    sparsity, single = trained.sparsity, weight.astype(np.float32)
    whole = BlockSparseMatrix.whole(single)
    if name not in sparsity.pruned or sparsity.block is None:
        return whole.stored_as(weights)
    tilings = [
        BlockSparseMatrix.from_dense(single, sparsity.block, groups=groups)
        for groups in sorted({1, gates})
    ]
    best = min(tilings, key=lambda tiling: tiling.weight_bytes)
    smaller = best.weight_bytes + best.index_bytes < single.nbytes
    return (best if smaller else whole).stored_as(weights)


def _scale(norm: SequenceNorm) -> Array:
    return _double(norm.weight) / np.sqrt(_double(norm.running_variance) + EPSILON)


def _scale_and_shift(norm: SequenceNorm) -> tuple[Array, Array]:
    scale = _scale(norm)
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
