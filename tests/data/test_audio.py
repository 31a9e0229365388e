"""What headers claim is not believed: memory and time are bounded by what a file holds."""

import os
import tracemalloc
import wave
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.audio import probe, read
from asr.data.dataset import load_waveform
from asr.data.manifest import Utterance
from asr.errors import InputError

RATE = 16000


def write(path: Path, samples: np.ndarray, rate: int = RATE, subtype: str | None = None) -> Path:
    soundfile.write(path, samples, rate, subtype=subtype)
    return path


def sparse_wav(path: Path, size: int, rate: int = RATE) -> Path:
    """A header that claims 37 hours at 16 kHz, and a file of `size` bytes that is mostly a hole."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", "NONE"))
        file.writeframes(b"\1\2" * 1000)
    header = bytearray(path.read_bytes())
    header[4:8] = header[40:44] = b"\xf0\xff\xff\xff"
    path.write_bytes(header)
    os.truncate(path, size)
    return path


def test_more_than_memory_should_hold_is_refused_and_a_part_is_read(tmp_path: Path) -> None:
    path = sparse_wav(tmp_path / "a.wav", 10 << 30)
    assert probe(path).seconds > 3600 * 37
    tracemalloc.start()
    for part in ((), (0.0, 1e7), (5.0, 3600 * 10.0), (0.0, 1e308)):
        with pytest.raises(InputError, match=r"at most 9.3 h of 1 channels at once, got .* h\. "):
            read(path, *part)
    assert len(read(path, 3600.0 * 30, 2.0)[0]) == 2 * RATE
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_a_part_beyond_the_end_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.zeros(RATE) + 0.1)
    for offset in (1.0, 2.0, 1e7, 1e308):
        with pytest.raises(InputError, match=r"expected 0.500 s of audio from .* got 0.000 s"):
            read(path, offset, 0.5)


def test_a_name_that_is_not_utf_8_is_read_as_any_other(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.zeros(RATE) + 0.1)
    path = path.rename(tmp_path / os.fsdecode(b"caf\xe9.wav"))
    assert probe(path) == probe(str(path))
    assert len(read(path)[0]) == RATE


@pytest.mark.parametrize("rate", [1, 999, 768_001, 2**31 - 1])
def test_a_rate_that_no_recording_has_is_refused(tmp_path: Path, rate: int) -> None:
    path = write(tmp_path / "a.wav", np.zeros(100), rate)
    for reading in (probe, read):
        with pytest.raises(InputError, match=f"1000 to 768000 Hz .* says {rate} Hz"):
            reading(path)


def test_a_rate_that_cannot_be_resampled_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.zeros(RATE) + 0.1, 15_999)
    with pytest.raises(InputError, match=r"a\.wav: expected sample rates with a large common"):
        load_waveform(Utterance("a", str(path), 0.5, ""), RATE)


def test_samples_beyond_any_sound_are_refused_without_a_warning(tmp_path: Path) -> None:
    """The sum over channels would overflow, and the power of one alone."""
    for value in (3e38, 1e20, np.inf, np.nan):
        samples = np.full((100, 2), 0.1, np.float32)
        samples[50] = value
        path = write(tmp_path / "a.wav", samples, subtype="FLOAT")
        with pytest.raises(InputError, match="expected finite samples, got 1 samples"):
            read(path)
    loud = np.array([2.0**31, -(2.0**31)] * 50)
    assert len(read(write(tmp_path / "b.wav", loud, subtype="FLOAT"))[0]) == 100


def test_raw_samples_without_a_header_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(b"\1\2" * 1000)
    with pytest.raises(InputError, match=r"a\.raw: expected a WAV, FLAC, OGG or MP3 file"):
        probe(tmp_path / "a.raw")
