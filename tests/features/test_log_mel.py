import cmath
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchaudio.functional import melscale_fbanks
from torchaudio.transforms import MelSpectrogram

from asr.errors import InputError
from asr.features.log_mel import LogMel
from asr.features.mel import ENERGY_FLOOR, mel_filters
from asr.features.spectrogram import Spectrogram
from asr.features.statistics import FeatureStatistics


def default() -> LogMel:
    return LogMel(16000, 0.025, 0.01, 80, 20.0, 7600.0)


def test_equals_torchaudio_where_the_window_is_the_fft(speech: Tensor) -> None:
    features = LogMel(16000, 0.032, 0.01, 40, 20.0, 7600.0)
    theirs = MelSpectrogram(
        16000, n_fft=512, hop_length=160, f_min=20.0, f_max=7600.0, n_mels=40, center=False
    )
    expected = (theirs(speech) + ENERGY_FLOOR).log()
    assert torch.allclose(features.unnormalised(speech), expected, atol=1e-4, rtol=0)


def test_filters_equal_torchaudio_up_to_its_float32() -> None:
    theirs = melscale_fbanks(257, 20.0, 7600.0, 80, 16000)
    assert np.abs(mel_filters(512, 16000, 80, 20.0, 7600.0) - theirs.numpy()).max() < 1e-5


def test_equals_the_definition_written_out() -> None:
    """An 80-sample window in a 128-point DFT, one term at a time."""
    features = LogMel(8000, 0.01, 0.005, 10, 0.0, 4000.0)
    waveform = np.random.default_rng(0).normal(0, 0.1, 200)
    bands = mel_filters(128, 8000, 10, 0.0, 4000.0)
    expected = np.empty((10, 4))
    for frame in range(4):
        power = []
        for k in range(65):
            total = 0j
            for n in range(80):
                hann = 0.5 - 0.5 * math.cos(2 * math.pi * n / 80)
                sample = waveform[frame * 40 + n] * hann
                total += sample * cmath.exp(-2j * math.pi * k * n / 128)
            power.append(abs(total) ** 2)
        expected[:, frame] = np.log(np.array(power) @ bands + 1e-6)
    got = features(torch.from_numpy(waveform))
    assert got.dtype == torch.float32
    assert np.abs(got.numpy() - expected).max() < 1e-6


@pytest.mark.parametrize("hz", [100, 440, 1000, 3000, 7000])
def test_a_tone_is_loudest_in_the_band_around_it(hz: int) -> None:
    tone = torch.sin(torch.arange(4000) * (2 * math.pi * hz / 16000))
    mels = [2595 * math.log10(1 + f / 700) for f in (20, 7600)]
    spacing = (mels[1] - mels[0]) / 81
    position = (2595 * math.log10(1 + hz / 700) - mels[0]) / spacing - 1  # in bands
    assert (default()(tone).argmax(dim=0) - position).abs().max() <= 1


@pytest.mark.parametrize(
    ("samples", "frames"),
    [(0, 1), (1, 1), (399, 1), (400, 1), (559, 1), (560, 2), (719, 2), (720, 3), (16000, 98)],
)
def test_frames_by_hand(samples: int, frames: int) -> None:
    assert default().frames(samples) == frames
    assert default()(torch.zeros(samples)).shape == (80, frames)


def test_frames_equal_what_comes_out_for_every_length() -> None:
    features = LogMel(1000, 0.02, 0.008, 4, 0.0, 500.0)
    lengths = np.arange(1, 5001)
    promised = features.frames(lengths)
    assert promised.dtype == np.int64
    waveform = torch.zeros(5000)
    for samples in [*range(1, 200), *range(200, 5001, 37)]:
        assert features(waveform[:samples]).shape[1] == promised[samples - 1]
        assert features.frames(samples) == promised[samples - 1]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5000), st.integers(1, 60), st.integers(0, 60))
def test_frames_equal_what_comes_out_for_any_framing(samples: int, hop: int, longer: int) -> None:
    features = Spectrogram(1000, (hop + longer) / 1000, hop / 1000)
    assert features(torch.zeros(samples)).shape == (features.bins, features.frames(samples))


def test_frames_do_not_depend_on_what_follows(speech: Tensor) -> None:
    features = default()
    whole, start = features(speech), features(speech[:20000])
    assert torch.equal(whole[:, : start.shape[1]], start)


def test_silence_is_the_floor_and_finite() -> None:
    assert torch.all(default()(torch.zeros(1000)) == math.log(1e-6))


def test_statistics_normalise_and_travel_in_the_state_dict(speech: Tensor) -> None:
    features = default()
    raw = features.unnormalised(speech)
    features.set_statistics(FeatureStatistics((2.0,) * 80, (4.0,) * 80, 10))
    assert torch.equal(features(speech), (raw - 2) / 4)
    assert torch.equal(features.unnormalised(speech), raw)
    other = default()
    other.load_state_dict(features.state_dict())
    assert set(features.state_dict()) == {"mean", "deviation"}
    assert torch.equal(other(speech), features(speech))


def test_statistics_of_other_features_are_refused() -> None:
    with pytest.raises(InputError, match="80 bins, got 3 means"):
        default().set_statistics(FeatureStatistics((0.0,) * 3, (1.0,) * 3, 10))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((16000, 0.01, 0.025, 80, 20.0, 7600.0), "window_seconds >= hop_seconds"),
        ((16000, 0.025, 0.0, 80, 20.0, 7600.0), "at least one sample"),
        ((8000, 0.025, 0.01, 80, 20.0, 7600.0), "high_hz <= 4000"),
        ((16000, 0.025, 0.01, 0, 20.0, 7600.0), "0 bins"),
        ((16000, 0.025, 0.01, 400, 20.0, 7600.0), "empty bands of 400"),
    ],
)
def test_impossible_settings_are_refused(arguments: tuple[float, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        LogMel(*arguments)  # type: ignore[arg-type]


def test_does_not_change_its_input(speech: Tensor) -> None:
    before = speech.clone()
    default()(speech)
    assert torch.equal(speech, before)
