"""What a corpus says while it works: a bar on stderr and notes that do not break it."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")


def track(items: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield `items` under a progress bar; a second's work or less shows none.

    Args:
        total: how many there are, where `items` has no length.
    """
    yield from tqdm(items, desc=description, total=total, delay=1.0, file=sys.stderr)


def note(message: str) -> None:
    """Say something on stderr, above a bar that may be running; stdout is for the result."""
    tqdm.write(message, file=sys.stderr)
