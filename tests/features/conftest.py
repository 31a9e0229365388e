"""Sounds that the feature tests share."""

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

RATE = 16000


@pytest.fixture
def speech() -> Tensor:
    """Two seconds of noise whose level rises and falls like syllables: `(32000,)`."""
    generator = torch.Generator().manual_seed(7)
    level = 0.1 * torch.sin(torch.arange(2 * RATE) * (2 * np.pi * 3 / RATE)) ** 2
    return torch.randn(2 * RATE, generator=generator) * level


@pytest.fixture
def folder_of_noise(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Half a second at 8 kHz and four seconds at 16 kHz, in a nested folder."""
    folder = tmp_path_factory.mktemp("noise")
    (folder / "deeper").mkdir()
    random = np.random.default_rng(3)
    soundfile.write(folder / "short.wav", random.normal(0, 0.05, 4000), 8000)
    soundfile.write(folder / "deeper" / "long.flac", random.normal(0, 0.05, 64000), RATE)
    (folder / "notes.txt").write_text("not audio")
    return str(folder)
