"""Numbers of the features that training (torch) and inference (numpy) share."""

import numpy as np
from numpy.typing import NDArray

# Added to every energy before the logarithm. The rounding of 16-bit samples, a variance of
# 2^-30 / 12 a sample, leaves 1e-8 to 1e-7 in an energy; 10 dB above that, digital silence and the
# empty bands of narrow-band recordings look alike, and no bin spends its range on rounding.
ENERGY_FLOOR = 1e-6


def mel_filters(
    fft_size: int, sample_rate: int, bins: int, low_hz: float, high_hz: float
) -> NDArray[np.float64]:
    """Triangular weights `(fft_size // 2 + 1, bins)`.

    In float64, since torchaudio's own (`melscale_fbanks`) are float32 and up to 6e-6 off.
    """
    low_mel, high_mel = 2595 * np.log10(1 + np.array([low_hz, high_hz]) / 700)
    edges = 700 * (10 ** (np.linspace(low_mel, high_mel, bins + 2) / 2595) - 1)
    frequencies = np.arange(fft_size // 2 + 1)[:, None] * (sample_rate / fft_size)
    rising = (frequencies - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - frequencies) / (edges[2:] - edges[1:-1])
    return np.maximum(0.0, np.minimum(rising, falling))
