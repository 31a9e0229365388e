"""The same GRU layer in torch, in torch's int8, in onnxruntime, and in our kernel."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from asr.errors import InputError
from asr.inference.kernel import Kernel
from asr.inference.layers import Direction
from asr.inference.library import available
from asr.inference.onnx_layers import IR_VERSION, OPSET, import_onnx, recurrent_node, session

Run = Callable[[], Any]


@dataclass(frozen=True)
class Contest:
    """One direction of a GRU over `x` (T, B, K), and what runs it; none copies weights in `run`."""

    direction: Direction
    x: NDArray
    threads: int

    def torch_gru(self) -> nn.GRU:
        """`torch.nn.GRU` with the same weights, the zeros included."""
        gru = nn.GRU(self.direction.inputs.shape[1], self.direction.hidden)
        values = {
            "weight_ih_l0": self.direction.inputs.to_dense(),
            "weight_hh_l0": self.direction.recurrent.to_dense(),
            "bias_ih_l0": self.direction.input_bias,
            "bias_hh_l0": self.direction.recurrent_bias,
        }
        gru.load_state_dict({name: torch.from_numpy(value) for name, value in values.items()})
        return gru.eval()

    def runs(self) -> dict[str, Run]:
        """By name; onnxruntime only where it is installed."""
        gru = self.torch_gru()
        quantised = in_int8(gru)
        tensor = torch.from_numpy(self.x)

        def in_torch(module: nn.Module) -> Run:
            def run() -> Any:
                with torch.inference_mode():
                    return module(tensor)

            return run

        found = {"torch": in_torch(gru), "torch_int8": in_torch(quantised)}
        layer = onnx_session(self.direction, self.threads)
        if layer is not None:
            found["onnxruntime"] = lambda: layer.run(None, {"x": self.x})
        for name, weights in (("ours", "fp32"), ("ours_fp16", "fp16")):
            direction = replace(
                self.direction,
                inputs=self.direction.inputs.stored_as(weights),
                recurrent=self.direction.recurrent.stored_as(weights),
            )
            found[name] = partial(best_kernel().recurrence(direction, self.threads), self.x)
        return found


def in_int8(gru: nn.GRU) -> nn.Module:
    """The layer by torch's dynamic int8 quantisation."""
    quantize: Any = torch.ao.quantization.quantize_dynamic
    # It replaces a module's children, never the module itself.
    quantised: nn.Module = quantize(nn.Sequential(gru), {nn.GRU}, torch.qint8)[0]
    return quantised


def best_kernel() -> Kernel:
    """The fastest kernel here; raises InputError where none was built."""
    if not available():
        raise InputError(
            "kernel",
            expected="a compiled one",
            got="none",
            remedy="Install again where there is a C++ compiler.",
        )
    return Kernel(available()[0])


def onnx_session(direction: Direction, threads: int) -> Any:
    """The layer in onnxruntime, or None where it is not installed."""
    if not (find_spec("onnx") and find_spec("onnxruntime")):
        return None
    onnx = import_onnx()
    node, tensors = recurrent_node("y", [direction], "x")
    inputs, hidden = direction.inputs.shape[1], direction.hidden
    value, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [node],
        "layer",
        [value("x", kind, ["T", "B", inputs])],
        [value("y", kind, ["T", 1, "B", hidden])],
        [onnx.numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    opset = onnx.helper.make_opsetid("", OPSET)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    return session(model.SerializeToString(), threads)


def float64_states(direction: Direction, x: NDArray) -> NDArray[np.float64]:
    """The layer in torch in float64 (T, B, H)."""
    gru = Contest(direction, x, 1).torch_gru().double()
    with torch.inference_mode():
        states: NDArray[np.float64] = gru(torch.from_numpy(x).double())[0].numpy()
    return states
