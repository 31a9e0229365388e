"""A model for inference as an ONNX graph: features to log-probabilities, its weights dense.

Built node by node rather than traced, so that batch and time stay free and lengths are the
recurrent operators' own. What lies beyond an utterance's frames is ignored, as in training:
it is zeroed before every layer that would look there.
"""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.inference.feature_settings import FeatureSettings
from asr.inference.layers import CLIP, ConvolutionWeights, Direction
from asr.inference.model import Linear, Model
from asr.inference.onnx_layers import IR_VERSION, OPSET, import_onnx, recurrent_node

INPUTS = ("features", "lengths")  # (B, F, T) float32 and (B,) int64
OUTPUTS = ("log_probs", "output_lengths")  # (S, B, V) float32 and (B,) int64


def onnx_model(model: Model) -> Any:
    """The `onnx.ModelProto`, with vocabulary, feature settings and provenance as metadata.

    Raises:
        InputError: onnx is not installed.
    """
    onnx = import_onnx()
    graph = _Graph()
    x, lengths = graph.front_end(model, *INPUTS)
    for index, layer in enumerate(model.layers):
        x = graph.recurrent(f"recurrent.{index}", layer, x, lengths, model.concatenate)
    if model.lookahead is not None:
        x = graph.lookahead(model.lookahead, x, lengths)
    if model.projection is not None:
        x = graph.clipped(graph.linear("projection", model.projection, x))
    x = graph.linear("output", model.output, x)
    graph.node("LogSoftmax", [x], OUTPUTS[0], axis=-1)
    graph.node("Identity", [lengths], OUTPUTS[1])
    value, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto
    made = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "acoustic_model",
            [
                value(INPUTS[0], kind.FLOAT, ["B", model.features.bins, "T"]),
                value(INPUTS[1], kind.INT64, ["B"]),
            ],
            [
                value(OUTPUTS[0], kind.FLOAT, ["S", "B", model.output.weight.shape[0]]),
                value(OUTPUTS[1], kind.INT64, ["B"]),
            ],
            [onnx.numpy_helper.from_array(array, name) for name, array in graph.tensors.items()],
        ),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="asr",
    )
    onnx.helper.set_model_props(made, _metadata(model))
    return made


def _metadata(model: Model) -> dict[str, str]:
    described = {
        "vocabulary": dict(model.vocabulary),
        "features": _plain(model.features),
        "provenance": dict(model.provenance),
    }
    return {key: json.dumps(value) for key, value in described.items()}


def _plain(features: FeatureSettings) -> dict[str, Any]:
    return {
        key: value.tolist() if isinstance(value, np.ndarray) else value
        for key, value in asdict(features).items()
    }


class _Graph:
    """Nodes in order and tensors by name; every method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.tensors: dict[str, NDArray] = {}

    def node(self, operator: str, inputs: list[str], name: str = "", **attributes: Any) -> str:
        name = name or f"{operator.lower()}.{len(self.nodes)}"
        made = import_onnx().helper.make_node(operator, inputs, [name], name, **attributes)
        self.nodes.append(made)
        return name

    def tensor(self, name: str, values: Any) -> str:
        self.tensors[name] = np.asarray(values)
        return name

    def whole(self, *numbers: int) -> str:
        """An int64 vector."""
        name = "int64." + "_".join(map(str, numbers))
        return self.tensor(name, np.array(numbers, np.int64))

    def scalar(self, name: str, value: float) -> str:
        return self.tensor(name, np.float32(value))

    def clipped(self, x: str) -> str:
        bounds = [self.scalar("zero", 0.0), self.scalar("clip", CLIP)]
        return self.node("Clip", [x, *bounds])

    def zeroed(self, x: str, lengths: str, time: int, axes: tuple[int, ...]) -> str:
        """x with zeros beyond each length: time is axis `time`, and `axes` are not of the mask.

        The mask (T, B), or (B, T) where time comes last, is widened by `axes`.
        """
        frames = self.node("Shape", [x], start=time, end=time + 1)
        zero, one = self.tensor("first", np.int64(0)), self.tensor("step", np.int64(1))
        until = self.node("Squeeze", [frames])
        steps = self.node("Range", [zero, until, one])
        across = (0, 1) if time else (1, 0)
        steps = self.node("Unsqueeze", [steps, self.whole(across[0])])
        limits = self.node("Unsqueeze", [lengths, self.whole(across[1])])
        valid = self.node("Less", [steps, limits])
        valid = self.node("Unsqueeze", [valid, self.whole(*axes)])
        # Where, for what is beyond may be NaN, which a product with zero would keep.
        return self.node("Where", [valid, x, self.scalar("zero", 0.0)])

    def front_end(self, model: Model, features: str, lengths: str) -> tuple[str, str]:
        """(B, F, T) and (B,) to (S, B, rows * channels) and (B,)."""
        x = self.node("Unsqueeze", [features, self.whole(1)])  # (B, 1, F, T)
        x = self.zeroed(x, lengths, 3, (1, 2))
        for index, weights in enumerate(model.convolutions):
            x = self.convolution(f"convolution.{index}", weights, x)
            step = weights.stride[1]
            rounded_up = self.node("Add", [lengths, self.whole(step - 1)])
            lengths = self.node("Div", [rounded_up, self.whole(step)])
            x = self.zeroed(x, lengths, 3, (1, 2))
        x = self.node("Transpose", [x], perm=[3, 0, 2, 1])  # (S, B, rows, channels)
        return self.node("Reshape", [x, self.whole(0, 0, -1)]), lengths

    def convolution(self, name: str, weights: ConvolutionWeights, x: str) -> str:
        _, _, tall, long = weights.weight.shape
        tensors = [self.tensor(f"{name}.weight", weights.weight)]
        tensors.append(self.tensor(f"{name}.bias", weights.bias))
        pads = [tall // 2, long // 2] * 2
        return self.clipped(
            self.node("Conv", [x, *tensors], name, pads=pads, strides=list(weights.stride))
        )

    def recurrent(
        self, name: str, layer: tuple[Direction, ...], x: str, lengths: str, concatenate: bool
    ) -> str:
        """(S, B, K) to (S, B, H), or 2 H where two directions are concatenated."""
        kind = import_onnx().TensorProto.INT32
        counts = self.node("Cast", [lengths], to=kind)
        node, tensors = recurrent_node(name, layer, x, counts)
        self.nodes.append(node)
        self.tensors.update(tensors)
        if len(layer) == 1 or not concatenate:
            return self.node("ReduceSum", [name, self.whole(1)], keepdims=0)
        x = self.node("Transpose", [name], perm=[0, 2, 1, 3])  # (S, B, directions, H)
        return self.node("Reshape", [x, self.whole(0, 0, -1)])

    def lookahead(self, weight: NDArray, x: str, lengths: str) -> str:
        """(S, B, H), each frame with weighted later ones: a convolution of each unit alone."""
        x = self.zeroed(x, lengths, 0, (2,))  # ONNX does not promise zeros behind a length
        x = self.node("Transpose", [x], perm=[1, 2, 0])
        units, taps = weight.shape
        kernel = self.tensor("lookahead.weight", weight[:, None])
        x = self.node("Conv", [x, kernel], "lookahead", group=units, pads=[0, taps - 1])
        return self.node("Transpose", [x], perm=[2, 0, 1])

    def linear(self, name: str, layer: Linear, x: str) -> str:
        weight = self.tensor(f"{name}.weight", layer.weight.to_dense().T)
        product = self.node("MatMul", [x, weight])
        return self.node("Add", [product, self.tensor(f"{name}.bias", layer.bias)], name)
