import math

import torch
from torch import Tensor

from asr.features.spectrogram import Spectrogram


def test_the_papers_have_161_bins(speech: Tensor) -> None:
    features = Spectrogram(16000, 0.02, 0.01)
    assert features.bins == 161
    assert features(speech).shape == (161, features.frames(32000)) == (161, 199)


def test_bins_are_50_hz_apart() -> None:
    tone = torch.sin(torch.arange(3200) * (2 * math.pi * 1000 / 16000))
    assert torch.all(Spectrogram(16000, 0.02, 0.01)(tone).argmax(dim=0) == 20)


def test_energy_is_that_of_the_windowed_samples(speech: Tensor) -> None:
    """Parseval: the sum over the two-sided spectrum is 320 times the sum of squares."""
    energies = Spectrogram(16000, 0.02, 0.01)(speech).double().exp() - 1e-6
    two_sided = 2 * energies.sum(dim=0) - energies[0] - energies[-1]
    n = torch.arange(320)
    window = 0.5 - 0.5 * torch.cos(2 * math.pi * n / 320)
    for frame in (0, 17, 198):
        expected = 320 * (speech[frame * 160 + n] * window).square().sum().item()
        assert math.isclose(two_sided[frame].item(), expected, rel_tol=1e-4)
