"""A recurrent layer as a node of an ONNX graph, its weights dense."""

import importlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.errors import InputError
from asr.inference.layers import CLIP, GATES, CellName, Direction

OPSET = 17
IR_VERSION = 8  # of that opset's time, so that older runtimes read the file

# Gates in ONNX's order, by their places in torch's: z, r, n of r, z, n; i, o, f, g of i, f, g, o.
_ORDER: dict[CellName, tuple[int, ...]] = {
    "gru": (1, 0, 2),
    "lstm": (0, 3, 1, 2),
    "tanh": (0,),
    "clipped_relu": (0,),
}
_OPERATOR: dict[CellName, str] = {
    "gru": "GRU",
    "lstm": "LSTM",
    "tanh": "RNN",
    "clipped_relu": "RNN",
}


def recurrent_node(
    name: str, layer: Sequence[Direction], x: str, lengths: str = ""
) -> tuple[Any, dict[str, NDArray[np.float32]]]:
    """The node that takes `x` (T, B, K) to `name` (T, directions, B, H), and its weights by name.

    `lengths` (B,) int32 are the utterances' frames; without, all are T. A clipped ReLU is a ReLU
    of what ONNX clips to [-20, 20].
    """
    first = layer[0]
    tensors = {
        f"{name}.W": np.stack([_reordered(way.inputs.to_dense(), way.cell) for way in layer]),
        f"{name}.R": np.stack([_reordered(way.recurrent.to_dense(), way.cell) for way in layer]),
        f"{name}.B": np.stack(
            [
                np.concatenate(
                    [_reordered(way.input_bias, way.cell), _reordered(way.recurrent_bias, way.cell)]
                )
                for way in layer
            ]
        ),
    }
    attributes: dict[str, Any] = {
        "hidden_size": first.hidden,
        "direction": "bidirectional" if len(layer) == 2 else "forward",
    }
    if first.cell == "gru":
        attributes["linear_before_reset"] = 1  # r (U h + c), as in torch and cuDNN
    elif first.cell == "tanh":
        attributes["activations"] = ["Tanh"] * len(layer)
    elif first.cell == "clipped_relu":
        attributes |= {"activations": ["Relu"] * len(layer), "clip": CLIP}
    node = import_onnx().helper.make_node(
        _OPERATOR[first.cell], [x, *tensors, lengths], [name], name, **attributes
    )
    return node, tensors


def import_onnx() -> Any:
    """The package, an extra.

    Raises:
        InputError: it is not installed.
    """
    return _imported("onnx")


def session(model: bytes, threads: int = 1) -> Any:
    """An onnxruntime session on the CPU.

    Raises:
        InputError: onnxruntime is not installed.
    """
    runtime = _imported("onnxruntime")
    options = runtime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    return runtime.InferenceSession(model, options, ["CPUExecutionProvider"])


def _imported(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise InputError(
            "ONNX export",
            expected=f"the package {name}",
            got="no such package",
            remedy="Install the extra: pip install -e '.[export]'.",
        ) from error


def _reordered(values: NDArray, cell: CellName) -> NDArray[np.float32]:
    gates = np.split(values, GATES[cell])
    return np.concatenate([gates[place] for place in _ORDER[cell]])
