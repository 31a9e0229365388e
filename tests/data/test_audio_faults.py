"""Clipping and silence of waveforms, counted by hand."""

import numpy as np
import pytest

from asr.data.check.audio_faults import clipped_share, is_silent
from tests.data.checked_corpus import RATE


def test_a_sine_is_not_clipped_until_it_is() -> None:
    sine = np.sin(np.arange(RATE) * 0.05).astype(np.float32)
    assert clipped_share(sine) == 0
    assert clipped_share(np.clip(sine, -0.5, 0.5)) == pytest.approx(2 / 3, abs=0.01)


def test_runs_at_an_extreme_are_counted_by_hand() -> None:
    waveform = np.array([0, 1, 1, 1, 0, 1, 1, 0, -1, -1, -1, -1], np.float32)
    assert clipped_share(waveform) == pytest.approx(7 / 12)
    # MP3 decodes beyond full scale.
    assert clipped_share(np.array([0, 1.1, 1.2, 1.0, 0], np.float32)) == pytest.approx(3 / 5)


@pytest.mark.parametrize(("level", "silent"), [(0.0011, False), (0.0009, True)])
def test_silence_is_below_60_decibels(level: float, silent: bool) -> None:
    square = np.tile([level, -level], 1000).astype(np.float32)
    assert is_silent(square) is silent
