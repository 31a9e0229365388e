"""Random numbers for augmentation, each from a generator that the caller passes in."""

import math
from collections.abc import Sequence

import numpy as np
import torch

from asr.errors import InputError


def utterance_generator(seed: int, epoch: int, index: int) -> torch.Generator:
    """The generator of one utterance in one epoch: the same in any worker, on any rank.

    Arguments are integers of 0 or more. They are mixed, not added: seed 1 in epoch 0 shares
    nothing with seed 0 in epoch 1.
    """
    # torch's Mersenne twister uses the lower 32 bits of its seed.
    mixed = np.random.SeedSequence((seed, epoch, index)).generate_state(1)[0]
    return torch.Generator().manual_seed(int(mixed))


def uniform(low: float, high: float, generator: torch.Generator) -> float:
    """A number in [low, high)."""
    unit = torch.rand((), generator=generator, dtype=torch.float64).item()
    return low + (high - low) * unit


def integer(below: int, generator: torch.Generator) -> int:
    """One of 0 ... below - 1."""
    return math.floor(uniform(0, below, generator))


def happens(probability: float, generator: torch.Generator) -> bool:
    """True with this probability; draws one number whatever the answer."""
    return uniform(0, 1, generator) < probability


def share(name: str, value: float) -> float:
    """A probability.

    Raises:
        InputError: it is not between 0 and 1.
    """
    if not 0 <= value <= 1:
        raise InputError(
            name, expected="a number from 0 to 1", got=str(value), remedy="30 % is 0.3."
        )
    return float(value)


def ordered_pair(name: str, values: Sequence[float]) -> tuple[float, float]:
    """The lowest and highest value of a range to draw from.

    Raises:
        InputError: there are not two, or the first is higher.
    """
    if len(values) != 2 or values[0] > values[1]:
        raise InputError(
            name,
            expected="[lowest, highest]",
            got=str(list(values)),
            remedy="Two equal numbers fix the value.",
        )
    return float(values[0]), float(values[1])
