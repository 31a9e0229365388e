import json
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from asr.errors import InputError
from asr.features.draws import utterance_generator
from asr.features.noise import COLOURS, AddNoise, cut_or_repeat, generated_noise


def measured_snr_db(speech: Tensor, noisy: Tensor) -> float:
    noise = noisy.double() - speech.double()
    return 10 * math.log10(speech.double().square().mean() / noise.square().mean())


@pytest.mark.parametrize("asked", [-5.0, 0.0, 13.0, 30.0])
@pytest.mark.parametrize("index", range(4))
def test_the_measured_ratio_is_the_one_asked_for(speech: Tensor, asked: float, index: int) -> None:
    noisy = AddNoise(None, [asked, asked], 1.0, 16000)(speech, utterance_generator(0, 0, index))
    assert noisy.shape == speech.shape
    assert abs(measured_snr_db(speech, noisy) - asked) < 0.01


@pytest.mark.parametrize("seconds", [0.25, 2.0, 6.0])  # shorter and longer than the files
def test_recorded_noise_too(folder_of_noise: str, seconds: float) -> None:
    waveform = torch.randn(round(seconds * 16000), generator=utterance_generator(1, 0, 0))
    noise = AddNoise(folder_of_noise, [10.0, 10.0], 1.0, 16000)
    for index in range(6):
        noisy = noise(waveform, utterance_generator(0, 0, index))
        assert noisy.shape == waveform.shape
        assert abs(measured_snr_db(waveform, noisy) - 10) < 0.01


def test_noise_in_linked_folders_is_found(folder_of_noise: str, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(folder_of_noise)
    linked = AddNoise(str(tmp_path), [10.0, 10.0], 1.0, 16000)
    direct = AddNoise(folder_of_noise, [10.0, 10.0], 1.0, 16000)
    assert len(linked.recordings) == len(direct.recordings) > 0


def test_ratios_fill_the_range(speech: Tensor) -> None:
    noise = AddNoise(None, [5.0, 20.0], 1.0, 16000)
    measured = [
        measured_snr_db(speech, noise(speech, utterance_generator(0, 0, index)))
        for index in range(60)
    ]
    assert 4.99 < min(measured) < 7
    assert 18 < max(measured) < 20.01


def test_probability(speech: Tensor) -> None:
    never, half = AddNoise(None, [5, 5], 0.0, 16000), AddNoise(None, [5, 5], 0.5, 16000)
    generators = [utterance_generator(0, 0, index) for index in range(200)]
    assert all(torch.equal(never(speech, g), speech) for g in generators)
    noisy = sum(not torch.equal(half(speech[:50], g), speech[:50]) for g in generators)
    assert 60 < noisy < 140
    with pytest.raises(InputError, match=r"probability: expected a number from 0 to 1, got 30"):
        AddNoise(None, [5, 5], 30, 16000)


def test_silence_has_no_ratio_and_stays(tmp_path: Path, speech: Tensor) -> None:
    generator = utterance_generator(0, 0, 0)
    silence = torch.zeros(100)
    assert torch.equal(AddNoise(None, [5, 5], 1.0, 16000)(silence, generator), silence)
    soundfile.write(tmp_path / "silent.wav", np.zeros(1000), 16000)
    silent_noise = AddNoise(str(tmp_path), [5, 5], 1.0, 16000)
    assert torch.equal(silent_noise(speech, generator), speech)


@pytest.mark.parametrize("colour", COLOURS)
def test_power_falls_with_frequency_as_the_colour_says(colour: str) -> None:
    power = torch.fft.rfft(generated_noise(colour)).abs().square()
    low, high = power[20000:40000].mean(), power[200000:400000].mean()  # a decade apart
    assert abs(math.log10(low / high) - COLOURS[colour]) < 0.05


def test_cut_and_repeat_are_pieces_of_the_noise() -> None:
    noise = torch.arange(5.0)
    starts = set()
    for index in range(100):
        cut = cut_or_repeat(noise, 3, utterance_generator(0, 0, index)).tolist()
        assert cut == [cut[0], cut[0] + 1, cut[0] + 2]
        starts.add(cut[0])
        repeated = cut_or_repeat(noise, 12, utterance_generator(0, 0, index)).tolist()
        assert repeated == [(repeated[0] + i) % 5 for i in range(12)]
    assert starts == {0, 1, 2}


def test_a_manifest_names_parts_of_files(tmp_path: Path, speech: Tensor) -> None:
    """Only the second of the two halves is loud, so only it can give noise."""
    halves = np.concatenate((np.zeros(16000), np.random.default_rng(0).normal(0, 0.1, 16000)))
    soundfile.write(tmp_path / "halves.wav", halves, 16000)
    manifest = tmp_path / "noise.jsonl"
    row = {"audio_filepath": "halves.wav", "offset": 1.0, "duration": 1.0}
    manifest.write_text(json.dumps(row) + "\n")
    noise = AddNoise(str(manifest), [0, 0], 1.0, 16000)
    piece = noise(speech[:8000], utterance_generator(0, 0, 1)) - speech[:8000]
    assert piece.reshape(10, -1).square().mean(dim=1).min() > 0
    row["offset"] = 0.0
    manifest.write_text(json.dumps(row) + "\n")
    silent = AddNoise(str(manifest), [0, 0], 1.0, 16000)
    assert torch.equal(silent(speech[:8000], utterance_generator(0, 0, 1)), speech[:8000])


def test_bad_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        AddNoise(str(tmp_path / "absent"), [5, 10], 1.0, 16000)
    with pytest.raises(InputError, match="no audio"):
        AddNoise(str(tmp_path), [5, 10], 1.0, 16000)
    (tmp_path / "noise.jsonl").write_text('{"audio_filepath": "a.wav"}\n{"audio": "b.wav"}\n')
    with pytest.raises(InputError, match="line 2"):
        AddNoise(str(tmp_path / "noise.jsonl"), [5, 10], 1.0, 16000)
    with pytest.raises(InputError, match="snr_db"):
        AddNoise(None, [10, 5], 1.0, 16000)
