import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchaudio.functional import resample as torchaudio_resample
from torchaudio.transforms import Resample

from asr.errors import InputError
from asr.features.resample import resample
from asr.features.sinc import resampled_samples, sinc_filters


@pytest.mark.parametrize("original", [8000, 11025, 22050, 44100, 48000])
def test_equals_torchaudio(original: int) -> None:
    waveform = np.random.default_rng(1).normal(0, 0.1, 5000).astype(np.float32)
    expected = torchaudio_resample(torch.from_numpy(waveform), original, 16000).numpy()
    np.testing.assert_allclose(resample(waveform, original, 16000), expected, atol=1e-5)


@pytest.mark.parametrize("rates", [(441, 640), (441, 160), (3, 1), (1, 2), (21, 20), (9, 10)])
def test_filters_are_torchaudios(rates: tuple[int, int]) -> None:
    filters, width = sinc_filters(*rates)
    transform = Resample(*rates)
    assert width == transform.width
    np.testing.assert_array_equal(filters, transform.kernel[:, 0].numpy())


@pytest.mark.parametrize("original", [8000, 11025, 44100, 48000])
def test_no_order_of_summation_shows(original: int) -> None:
    """The samples are those of exact sums, rounded once, wherever they come in a product."""
    waveform = np.random.default_rng(1).normal(0, 0.1, 3000).astype(np.float32)
    found, divisor = resample(waveform, original, 16000), math.gcd(original, 16000)
    stride, target = original // divisor, 16000 // divisor
    filters, width = sinc_filters(stride, target)
    padded = np.pad(waveform, (width, width + stride)).astype(np.float64)
    for place in range(0, len(found), 7):
        row, phase = divmod(place, target)
        taps = padded[row * stride :][: filters.shape[1]]
        assert found[place] == np.float32(math.fsum(taps * filters[phase].astype(np.float64)))


def test_a_tone_stays_a_tone() -> None:
    def tone(rate: int) -> np.ndarray:
        return np.sin(np.arange(rate) * (2 * np.pi * 440 / rate)).astype(np.float32)

    error = np.abs(resample(tone(44100), 44100, 16000) - tone(16000))
    assert error[200:-200].max() < 2e-3


def test_equal_rates_are_the_identity() -> None:
    waveform = np.zeros(10, np.float32)
    assert resample(waveform, 16000, 16000) is waveform


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5000), st.sampled_from([8000, 11025, 22050, 44100, 12345]))
def test_the_length_is_known_beforehand(samples: int, original: int) -> None:
    resampled = resample(np.zeros(samples, np.float32), original, 16000)
    assert len(resampled) == resampled_samples(samples, original, 16000)
    assert len(resampled) == math.ceil(samples * 16000 / original)


def test_rates_with_hardly_a_common_divisor_are_refused() -> None:
    with pytest.raises(InputError, match="15999 to 16000"):
        resample(np.zeros(10, np.float32), 15999, 16000)


def test_length_of_a_long_recording_is_exact() -> None:
    """Nine million and one third of a sample: beyond what float32 can round up."""
    assert len(resample(np.zeros(9_000_001 * 3 + 1, np.float32), 48000, 16000)) == 9_000_002
