"""Louder and softer speech."""

from collections.abc import Sequence

import torch
from torch import Tensor

from asr.features.draws import ordered_pair, uniform


class Gain:
    """Multiply by a level drawn uniformly from `decibels`.

    Features are normalised by the training set's statistics, not the utterance's own, so a model
    hears how loud speech is, and should meet more levels than its corpus was recorded at.
    """

    def __init__(self, decibels: Sequence[float]) -> None:
        self.decibels = ordered_pair("decibels", decibels)

    def __call__(self, waveform: Tensor, generator: torch.Generator) -> Tensor:
        """Waveform `(N,)` to `(N,)`."""
        scaled: Tensor = waveform * 10 ** (uniform(*self.decibels, generator) / 20)
        return scaled
