"""The null method: nothing is pruned. The dense baseline takes the same path as any other."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Dense:
    """Keeps every weight."""

    method: ClassVar[str] = "dense"
