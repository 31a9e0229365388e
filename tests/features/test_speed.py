import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from asr.errors import InputError
from asr.features.speed import SpeedPerturbation

FACTORS = [0.9, 0.95, 1.0, 1.05, 1.1]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20000), st.sampled_from(FACTORS))
def test_the_length_is_known_beforehand(samples: int, factor: float) -> None:
    speed = SpeedPerturbation(FACTORS)
    length = len(speed.apply(torch.zeros(samples), factor))
    assert speed.samples(samples, factor) == length
    # By hundredths, since 0.9 is no binary number.
    assert length == -(-samples * 100 // round(factor * 100))


def test_lengths_of_many_at_once() -> None:
    speed = SpeedPerturbation(FACTORS)
    samples, factors = np.arange(1, 1001), speed.draw(0, 0, 1000)
    expected = [speed.samples(int(n), float(f)) for n, f in zip(samples, factors, strict=True)]
    assert speed.samples(samples, factors).tolist() == expected
    assert speed.samples(samples, 0.9).tolist() == [math.ceil(n / 9 * 10 - 1e-9) for n in samples]


def test_one_is_the_identity_and_faster_is_shorter_and_higher(speech: Tensor) -> None:
    speed = SpeedPerturbation([1.0])
    assert torch.equal(speed.apply(speech, 1.0), speech)
    tone = torch.sin(torch.arange(16000) * (2 * math.pi * 1000 / 16000))
    spectrum = torch.fft.rfft(speed.apply(tone, 1.1)).abs()
    hertz_a_bin = 16000 / speed.samples(16000, 1.1)
    assert abs(spectrum.argmax().item() * hertz_a_bin - 1100) < 2


def test_numpy_and_torch_give_the_same(speech: Tensor) -> None:
    speed = SpeedPerturbation(FACTORS)
    assert torch.equal(speed.apply(speech.numpy(), 0.9), speed.apply(speech, 0.9))


def test_drawing_is_a_pure_function_and_uniform() -> None:
    speed = SpeedPerturbation([0.9, 1.0, 1.1])
    drawn = speed.draw(3, 5, 30000)
    assert np.array_equal(drawn, speed.draw(3, 5, 30000))
    assert not np.array_equal(drawn, speed.draw(3, 6, 30000))
    assert not np.array_equal(drawn, speed.draw(4, 5, 30000))
    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [0.9, 1.0, 1.1]
    assert np.abs(counts - 10000).max() < 500  # 6 standard deviations


@pytest.mark.parametrize("factors", [[], [0.0, 1.0], [10.0]])
def test_impossible_factors_are_refused(factors: list[float]) -> None:
    with pytest.raises(InputError, match=r"between 0\.5 and 2"):
        SpeedPerturbation(factors)
