"""Mixed precision for passes written by hand: the type is chosen once, not at every product."""

import functools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


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
