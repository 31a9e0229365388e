"""The log power spectrum as it is: the features of the papers' models."""

from torch import Tensor

from asr.features.base import Features


class Spectrogram(Features):
    """Log power of every bin of an FFT as long as the window: `window // 2 + 1` bins.

    With 20 ms at 16 kHz these are the 161 bins, 50 Hz apart, of Deep Speech 2 (Amodei et al.
    2016) and of the sparse models that followed it.
    """

    def __init__(self, sample_rate: int, window_seconds: float, hop_seconds: float) -> None:
        window = round(window_seconds * sample_rate)
        super().__init__(
            sample_rate, window_seconds, hop_seconds, fft_size=window, bins=window // 2 + 1
        )

    def energies(self, power: Tensor) -> Tensor:
        return power
