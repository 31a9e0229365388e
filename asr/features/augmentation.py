"""All changes made to the training speech, in their order. Only training is ever given one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from asr.features.speed import SpeedPerturbation

Transform = Callable[[Tensor, torch.Generator], Tensor]


@dataclass(frozen=True)
class Augmentation:
    """Speed, then waveform transforms, then, on normalised features, spectrum transforms.

    Speed stands apart since it alone changes lengths, which batches are planned with before any
    audio is read. `Augmentation(None, (), ())` changes nothing. Every transform leaves its input
    as it was and takes what is random from the generator, so that an utterance comes out as a
    function of (seed, epoch, index) alone: see `draws.utterance_generator`.
    """

    speed: SpeedPerturbation | None
    waveform: Sequence[Transform]
    spectrum: Sequence[Transform]

    @property
    def changes_waveforms(self) -> bool:
        """Whether features have to be computed anew in every epoch."""
        return self.speed is not None or bool(self.waveform)

    def on_waveform(self, waveform: Tensor, generator: torch.Generator) -> Tensor:
        """Waveform `(N,)` to `(N,)`; the speed is not changed here."""
        for transform in self.waveform:
            waveform = transform(waveform, generator)
        return waveform

    def on_features(self, features: Tensor, generator: torch.Generator) -> Tensor:
        """Normalised features `(F, T)` to `(F, T)`."""
        for transform in self.spectrum:
            features = transform(features, generator)
        return features
