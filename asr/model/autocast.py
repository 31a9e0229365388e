"""Mixed precision for passes written by hand: the type is chosen once, not at every product."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def cpu_has_bf16() -> bool:
    """Whether the CPU multiplies in bfloat16; what torch cannot tell is taken for granted."""
    tell = getattr(torch.cpu, "get_capabilities", None)  # not in every torch that we take
    names = ("avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16")
    return tell is None or any(tell().get(name) for name in names)


def autocast_together(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors in autocast's type where it is on, as it would cast a matrix product's."""
    kind = tensors[0].device.type
    if not torch.is_autocast_enabled(kind):
        return tensors
    return tuple(tensor.to(torch.get_autocast_dtype(kind)) for tensor in tensors)


def as_given(method: Callable[..., Any]) -> Callable[..., Any]:
    """Run a forward or backward pass `(context, tensor, ...)` in the types of its tensors."""

    @functools.wraps(method)
    def wrapped(context: Any, first: Tensor, *others: Any) -> Any:
        with torch.autocast(first.device.type, enabled=False):
            return method(context, first, *others)

    return wrapped
