import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from asr.errors import InputError
from asr.features.draws import utterance_generator
from asr.features.room import RoomImpulseResponse, convolve, generated_response, reverberate


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9000), st.integers(1, 3000), st.integers(0, 1000))
def test_convolution_equals_numpy(samples: int, length: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    waveform, response = random.normal(size=samples), random.normal(size=length)
    got = convolve(torch.from_numpy(waveform), torch.from_numpy(response))
    np.testing.assert_allclose(got.numpy(), np.convolve(waveform, response), atol=1e-9)


def test_an_impulse_response_of_one_sample_changes_nothing(speech: Tensor) -> None:
    for response in (torch.tensor([1.0]), torch.tensor([0.0, 0.0, -0.3, 0.0])):
        heard = reverberate(speech, response)
        assert torch.allclose(heard, speech * response.sum().sign(), atol=1e-6)


def test_speech_is_not_delayed_and_keeps_length_and_power(speech: Tensor) -> None:
    response = torch.zeros(500)
    response[40], response[100], response[499] = 1.0, 0.5, -0.2
    heard = reverberate(speech, response)
    padded = torch.cat((torch.zeros(500), speech))
    expected = speech + 0.5 * padded[440:-60] - 0.2 * padded[41:-459]
    expected *= (speech.square().mean() / expected.square().mean()).sqrt()
    assert heard.shape == speech.shape
    assert torch.allclose(heard, expected, atol=1e-6)


@pytest.mark.parametrize("index", range(5))
def test_generated_rooms_keep_length_power_and_timing(speech: Tensor, index: int) -> None:
    room = RoomImpulseResponse(None, [0.2, 0.5], 1.0, 16000)
    heard = room(speech, utterance_generator(0, 0, index))
    assert heard.shape == speech.shape
    assert math.isclose(heard.square().mean(), speech.square().mean(), rel_tol=1e-5)
    correlation = np.correlate(heard[:4200].numpy(), speech[100:4100].numpy())
    assert np.abs(correlation).argmax() == 100


def test_a_generated_response_decays_by_60_db_in_its_time() -> None:
    response = generated_response(1.0, 6.0, 16000, utterance_generator(0, 0, 0))
    assert len(response) == 16000
    assert response.argmax() == 0
    assert response[0] == 1
    tail = response[1:]
    assert math.isclose(tail.square().sum(), 10**-0.6, rel_tol=1e-3)
    early, late = tail[:1600].square().mean(), tail[8000:9600].square().mean()
    assert abs(10 * math.log10(early / late) - 30) < 1.5  # half a second apart


def test_recorded_responses(tmp_path: Path, speech: Tensor) -> None:
    response = np.zeros(8000)
    response[[300, 700]] = 0.8, 0.4
    soundfile.write(tmp_path / "room.wav", response, 16000, subtype="FLOAT")
    room = RoomImpulseResponse(str(tmp_path), [0.1, 0.2], 1.0, 16000)
    heard = room(speech, utterance_generator(0, 0, 0))
    expected = reverberate(speech, torch.from_numpy(response).float())
    assert torch.equal(heard, expected)


def test_silence_stays_and_a_silent_response_is_refused(tmp_path: Path, speech: Tensor) -> None:
    generator = utterance_generator(0, 0, 0)
    room = RoomImpulseResponse(None, [0.1, 0.2], 1.0, 16000)
    assert torch.equal(room(torch.zeros(50), generator), torch.zeros(50))
    soundfile.write(tmp_path / "silent.wav", np.zeros(100), 16000)
    with pytest.raises(InputError, match="silence"):
        RoomImpulseResponse(str(tmp_path), [0.1, 0.2], 1.0, 16000)(speech, generator)
