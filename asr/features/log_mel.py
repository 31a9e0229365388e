"""Log energies in triangular bands, equally wide on the mel scale."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from asr.errors import InputError
from asr.features.base import Features
from asr.features.mel import mel_filters

_GROUP = 16  # bands in one product


class LogMel(Features):
    """Log-mel features: the power spectrum in `bins` bands between `low_hz` and `high_hz`.

    The FFT is the next power of two from the window on. The bands are triangles of height 1 on
    the scale mel = 2595 log10(1 + hz / 700) (HTK's), each from its lower neighbour's centre to
    its upper one's, evaluated at the FFT's bins.

    Raises:
        InputError: the band limits are no part of the spectrum, or a band is so narrow that it
            falls between two bins of the FFT.
    """

    filters: Tensor  # (fft_size // 2 + 1, F)

    def __init__(
        self,
        sample_rate: int,
        window_seconds: float,
        hop_seconds: float,
        bins: int,
        low_hz: float,
        high_hz: float,
    ) -> None:
        fft_size = 1 << (round(window_seconds * sample_rate) - 1).bit_length()
        super().__init__(sample_rate, window_seconds, hop_seconds, fft_size=fft_size, bins=bins)
        self.low_hz, self.high_hz = low_hz, high_hz
        if not (bins > 0 and 0 <= low_hz < high_hz <= sample_rate / 2):
            raise InputError(
                "features",
                expected=f"bins above 0 and 0 <= low_hz < high_hz <= {sample_rate / 2:g}",
                got=f"{bins} bins from {low_hz:g} to {high_hz:g} Hz",
                remedy=f"At {sample_rate} Hz the spectrum ends at half the sample rate.",
            )
        filters = mel_filters(fft_size, sample_rate, bins, low_hz, high_hz)
        if empty := int((filters.max(axis=0) == 0).sum()):
            raise InputError(
                "features",
                expected="mel bands that each hold a bin of the FFT",
                got=f"{empty} empty bands of {bins} with an FFT of {fft_size} samples",
                remedy="Take fewer bins or a longer window_seconds.",
            )
        self.register_buffer("filters", torch.from_numpy(filters), persistent=False)
        bands = [slice(first, first + _GROUP) for first in range(0, bins, _GROUP)]
        self._groups = [(_support(filters[:, group]), group) for group in bands]

    def energies(self, power: Tensor) -> Tensor:
        # By groups of neighbouring bands: most of a product with all filters would be zeros.
        return torch.cat(
            [power[:, held] @ self.filters[held, group] for held, group in self._groups], dim=1
        )


def _support(filters: NDArray[np.float64]) -> slice:
    """The rows of `filters` that are not all zero."""
    used = np.flatnonzero(filters.any(axis=1))
    return slice(int(used[0]), int(used[-1]) + 1)
