"""The same GRU layer in torch, in torch's int8, in onnxruntime, and in our kernel."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from asr.errors import InputError
from asr.inference.kernel import Kernel, available
from asr.inference.layers import Direction

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
        session = onnx_session(gru, self.threads)
        if session is not None:
            found["onnxruntime"] = lambda: session.run(None, {"x": self.x})
        for name, weights in (("ours", "fp32"), ("ours_fp16", "fp16")):
            direction = replace(
                self.direction,
                inputs=self.direction.inputs.stored_as(weights),
                recurrent=self.direction.recurrent.stored_as(weights),
            )
            found[name] = partial(best_kernel().recurrence(direction), self.x)
        return found


def in_int8(gru: nn.GRU) -> nn.Module:
    """The layer by torch's dynamic int8 quantisation."""
    quantize: Any = torch.ao.quantization.quantize_dynamic
    quantised: nn.Module = quantize(gru, {nn.GRU}, torch.qint8)
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


def onnx_session(gru: nn.GRU, threads: int) -> Any:
    """The layer in onnxruntime, or None where it is not installed."""
    try:
        import onnx
        import onnxruntime
    except ImportError:
        return None
    hidden, inputs = gru.hidden_size, gru.input_size
    weights = {name: value.detach().numpy() for name, value in gru.named_parameters()}

    def reordered(value: NDArray) -> NDArray:
        r, z, n = np.split(value, 3)
        return np.concatenate([z, r, n])  # ONNX's order of gates

    bias = np.concatenate([reordered(weights["bias_ih_l0"]), reordered(weights["bias_hh_l0"])])
    tensors = {
        "W": reordered(weights["weight_ih_l0"])[None],
        "R": reordered(weights["weight_hh_l0"])[None],
        "B": bias[None],
    }
    make, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = make.make_graph(
        [
            make.make_node(
                "GRU", ["x", "W", "R", "B"], ["y"], hidden_size=hidden, linear_before_reset=1
            )
        ],
        "gru",
        [make.make_tensor_value_info("x", kind, ["T", "B", inputs])],
        [make.make_tensor_value_info("y", kind, ["T", 1, "B", hidden])],
        [onnx.numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    model = make.make_model(graph, opset_imports=[make.make_opsetid("", 17)], ir_version=8)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers)


def float64_states(direction: Direction, x: NDArray) -> NDArray[np.float64]:
    """The layer in torch in float64 (T, B, H)."""
    gru = Contest(direction, x, 1).torch_gru().double()
    with torch.inference_mode():
        states: NDArray[np.float64] = gru(torch.from_numpy(x).double())[0].numpy()
    return states
