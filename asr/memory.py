"""Memory that runs out, as an error that says what for."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from asr.errors import InputError

_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")


@contextmanager
def fitting_into_memory(subject: str, detail: str, remedy: str) -> Iterator[None]:
    """Make memory that runs out, of any device or of Python, an InputError."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and not any(
            words in str(error) for words in _OUT_OF_MEMORY
        ):
            raise
        raise InputError(
            subject, expected="to fit into memory", got=f"out of memory; {detail}", remedy=remedy
        ) from error
