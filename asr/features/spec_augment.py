"""Masks over bands of frequency and stretches of time (SpecAugment, Park et al. 2019)."""

import torch
from torch import Tensor

from asr.errors import InputError
from asr.features.draws import integer


class SpecAugment:
    """Set random bands and stretches of normalised features to 0, the mean over the corpus.

    Widths are uniform over 0 ... the largest, places uniform over where the mask fits. A time
    mask is no wider than `time_share` of the utterance, so that short ones keep most of their
    words (the upper bound p of the paper).

    Args:
        frequency_masks, frequency_width: number of bands, and the widest in bins.
        time_masks, time_width: number of stretches, and the longest in frames.
        time_share: the longest stretch as a share of the frames.
    """

    def __init__(
        self,
        frequency_masks: int,
        frequency_width: int,
        time_masks: int,
        time_width: int,
        time_share: float,
    ) -> None:
        counts = (frequency_masks, frequency_width, time_masks, time_width)
        if min(counts) < 0 or not 0 <= time_share <= 1:
            raise InputError(
                "SpecAugment",
                expected="masks and widths of 0 or more, and a time_share between 0 and 1",
                got=f"{counts} and {time_share}",
                remedy="Take the numbers of conf/augmentation/spec_augment.yaml.",
            )
        self.frequency_masks, self.frequency_width = frequency_masks, frequency_width
        self.time_masks, self.time_width = time_masks, time_width
        self.time_share = time_share

    def __call__(self, features: Tensor, generator: torch.Generator) -> Tensor:
        """Features `(F, T)` to `(F, T)`."""
        bins, frames = features.shape
        longest = min(self.time_width, int(self.time_share * frames))
        masked = features.clone()
        for _ in range(self.frequency_masks):
            masked[_stretch(min(self.frequency_width, bins), bins, generator), :] = 0.0
        for _ in range(self.time_masks):
            masked[:, _stretch(longest, frames, generator)] = 0.0
        return masked


def _stretch(longest: int, size: int, generator: torch.Generator) -> slice:
    """A slice of 0 ... `longest` places out of `size`."""
    width = integer(longest + 1, generator)
    start = integer(size - width + 1, generator)
    return slice(start, start + width)
