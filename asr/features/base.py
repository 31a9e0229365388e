"""What every kind of features shares: framing, log energies, global normalisation."""

from abc import ABC, abstractmethod
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from asr.errors import InputError
from asr.features.mel import ENERGY_FLOOR
from asr.features.statistics import FeatureStatistics

Count = TypeVar("Count", int, NDArray[np.int64])

# Frames transformed at once: twice as fast as all together, and an hour of audio fits in memory.
_BLOCK = 128


class Features(nn.Module, ABC):
    """Waveform `(N,)` to normalised log energies `(F, T)`.

    Frame t is the samples [t * hop, t * hop + window) under a periodic Hann window: nothing is
    reflected at the ends and nothing looks ahead, so that a stream gives the frames of the whole.
    A waveform shorter than one window is filled up with zeros to one frame; an incomplete last
    frame is left out. An energy e becomes (log(e + ENERGY_FLOOR) - mean) / deviation with the
    training set's mean and deviation per bin (0 and 1 until `set_statistics`).

    Everything up to the logarithm is computed in float64: in float32, weak bins beside strong
    ones come out 1e-3 apart between two FFT libraries, and training and deployment must agree.

    Attributes:
        sample_rate: Hz that the waveform must have.
        bins: F.
        window, hop, fft_size: in samples; a window shorter than the FFT is followed by zeros.
        mean, deviation: buffers `(F, 1)`, part of the state dict.
    """

    mean: Tensor
    deviation: Tensor
    hann: Tensor

    def __init__(
        self,
        sample_rate: int,
        window_seconds: float,
        hop_seconds: float,
        *,
        fft_size: int,
        bins: int,
    ) -> None:
        super().__init__()
        self.sample_rate, self.bins, self.fft_size = sample_rate, bins, fft_size
        self.window_seconds, self.hop_seconds = window_seconds, hop_seconds
        self.window, self.hop = (
            round(window_seconds * sample_rate),
            round(hop_seconds * sample_rate),
        )
        if self.hop < 1 or self.window < self.hop:
            raise InputError(
                "features",
                expected="window_seconds >= hop_seconds, and a hop of at least one sample",
                got=f"{window_seconds} and {hop_seconds} at {sample_rate} Hz",
                remedy="Usual are a window of 0.025 and a hop of 0.01.",
            )
        self.register_buffer("mean", torch.zeros(bins, 1))
        self.register_buffer("deviation", torch.ones(bins, 1))
        hann = torch.hann_window(self.window, dtype=torch.float64)
        self.register_buffer("hann", hann, persistent=False)

    @abstractmethod
    def energies(self, power: Tensor) -> Tensor:
        """Power spectra `(T, fft_size // 2 + 1)` to energies `(T, F)`, both float64."""

    def frames(self, samples: Count) -> Count:
        """Number of frames T of a waveform of so many samples; arrays give arrays."""
        beyond = samples - self.window
        count: Count = 1 + beyond * (beyond > 0) // self.hop
        return count

    def set_statistics(self, statistics: FeatureStatistics) -> None:
        """Normalise with these from now on.

        Raises:
            InputError: they were computed for another number of bins.
        """
        if len(statistics.mean) != self.bins or len(statistics.deviation) != self.bins:
            raise InputError(
                "feature statistics",
                expected=f"{self.bins} bins",
                got=f"{len(statistics.mean)} means and {len(statistics.deviation)} deviations",
                remedy="They belong to other features: compute them again.",
            )
        self.mean.copy_(torch.tensor(statistics.mean)[:, None])
        self.deviation.copy_(torch.tensor(statistics.deviation)[:, None])

    def unnormalised(self, waveform: Tensor) -> Tensor:
        """Waveform `(N,)` to log energies `(F, T)` in float32, for `feature_statistics`."""
        samples = waveform.double()
        if len(samples) < self.window:
            samples = functional.pad(samples, (0, self.window - len(samples)))
        framed = samples.unfold(0, self.window, self.hop)  # (T, window), a view
        blocks = [self._log_energies(block) for block in torch.split(framed, _BLOCK)]
        return torch.cat(blocks).T.contiguous()

    def forward(self, waveform: Tensor) -> Tensor:
        """Waveform `(N,)` to normalised features `(F, T)` in float32."""
        return (self.unnormalised(waveform) - self.mean) / self.deviation

    def _log_energies(self, framed: Tensor) -> Tensor:
        """Frames `(T, window)` to log energies `(T, F)` in float32."""
        spectrum = torch.fft.rfft(framed * self.hann, n=self.fft_size)
        power = spectrum.real.square() + spectrum.imag.square()
        return (self.energies(power) + ENERGY_FLOOR).log().float()
