"""The same GRU layer in torch, in torch's int8, in onnxruntime, and in our kernel."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
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
    """A GRU layer over `x` (T, B, K) and what runs it; none copies weights in `run`.

    Args:
        ways: one direction, or two of which the second reads backwards.
        x: float32.
        threads: of every contestant.
    """

    ways: tuple[Direction, ...]
    x: NDArray
    threads: int

    def torch_gru(self) -> nn.GRU:
        """`torch.nn.GRU` with the same weights, the zeros included."""
        first = self.ways[0]
        gru = nn.GRU(first.inputs.shape[1], first.hidden, bidirectional=len(self.ways) == 2)
        values = {}
        for way in self.ways:
            end = "l0_reverse" if way.reverse else "l0"
            values[f"weight_ih_{end}"] = way.inputs.to_dense()
            values[f"weight_hh_{end}"] = way.recurrent.to_dense()
            values[f"bias_ih_{end}"] = way.input_bias
            values[f"bias_hh_{end}"] = way.recurrent_bias
        gru.load_state_dict({name: torch.from_numpy(value) for name, value in values.items()})
        return gru.eval()

    def runs(self) -> dict[str, Run]:
        """By name; onnxruntime only where it is installed."""
        gru, tensor = self.torch_gru(), torch.from_numpy(self.x)

        def in_torch(module: nn.Module) -> Run:
            def run() -> Any:
                with torch.inference_mode():
                    return module(tensor)[0]

            return run

        found = {"torch": in_torch(gru), "torch_int8": in_torch(in_int8(gru))}
        layer = onnx_session(self.ways, self.threads)
        if layer is not None:
            found["onnxruntime"] = lambda: layer.run(None, {"x": self.x})[0]
        for name, weights in (("ours", "fp32"), ("ours_fp16", "fp16")):
            found[name] = self._ours(weights)
        return found

    def _ours(self, weights: str) -> Run:
        threads = max(self.threads // len(self.ways), 1)
        kernels = [
            best_kernel().recurrence(
                replace(
                    way,
                    inputs=way.inputs.stored_as(weights),
                    recurrent=way.recurrent.stored_as(weights),
                ),
                threads,
            )
            for way in self.ways
        ]
        if len(kernels) == 1:
            return partial(kernels[0], self.x)
        # Joined, as torch's are, since that is what the next layer reads.
        if self.threads == 1:
            return lambda: np.concatenate([kernel(self.x) for kernel in kernels], axis=2)
        pool = ThreadPoolExecutor(1)

        def run() -> Any:
            other = pool.submit(kernels[1], self.x)
            return np.concatenate([kernels[0](self.x), other.result()], axis=2)

        return run

    def float64_states(self) -> NDArray[np.float64]:
        """The layer in torch in float64 (T, B, directions * H)."""
        with torch.inference_mode():
            states = self.torch_gru().double()(torch.from_numpy(self.x).double())[0]
        result: NDArray[np.float64] = states.numpy()
        return result


def states(result: Any) -> NDArray[np.float32]:
    """What a run gave, as (T, B, directions * H)."""
    array = np.asarray(result)
    if array.ndim == 4:  # ONNX's (T, directions, B, H)
        array = array.transpose(0, 2, 1, 3).reshape(array.shape[0], array.shape[2], -1)
    return array


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


def onnx_session(ways: Sequence[Direction], threads: int) -> Any:
    """The layer in onnxruntime, or None where it is not installed."""
    if not (find_spec("onnx") and find_spec("onnxruntime")):
        return None
    onnx = import_onnx()
    node, tensors = recurrent_node("y", ways, "x")
    inputs, hidden = ways[0].inputs.shape[1], ways[0].hidden
    value, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        [node],
        "layer",
        [value("x", kind, ["T", "B", inputs])],
        [value("y", kind, ["T", len(ways), "B", hidden])],
        [onnx.numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    opset = onnx.helper.make_opsetid("", OPSET)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)
    return session(model.SerializeToString(), threads)
