"""What headers claim is not believed: memory and time are bounded by what a file holds."""

import os
import re
import tracemalloc
import wave
from io import BytesIO
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


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", np.zeros(0))
    assert probe(path).samples == 0
    with pytest.raises(InputError, match=r"a\.wav: expected audio, got an empty file"):
        read(path)


def test_a_header_that_does_not_say_how_long_the_file_is_is_refused(tmp_path: Path) -> None:
    """0 samples in the STREAMINFO of a FLAC: unknown, which libsndfile takes for 2^63 - 1."""
    path = write(tmp_path / "a.flac", np.zeros(RATE) + 0.1)
    content = bytearray(path.read_bytes())
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    path.write_bytes(content)
    assert soundfile.info(path).frames == 2**63 - 1
    for reading in (probe, read):
        with pytest.raises(InputError, match=r"does not say how long it is .* with flac or ffmpeg"):
            reading(path)


def mp3(samples: np.ndarray, mode: str, level: float = 0.5, rate: int = RATE) -> bytes:
    """With a first frame that says how many there are, where that fits into one."""
    file = BytesIO()
    soundfile.write(file, samples, rate, "MPEG_LAYER_III", format="MP3",
                    bitrate_mode=mode, compression_level=level)  # fmt: skip
    return file.getvalue()


def without_description(content: bytes) -> bytes:
    """Without the first frame; each starts with the same 12 bits and version, and no other does."""
    described = re.compile(rb"Xing|Info")
    assert described.search(content, 0, 60)
    second = content.index(content[:2], 60)
    assert not described.search(content, second, second + 60)
    return content[second:]


def quiet_then_loud(seconds: int, rate: int = RATE) -> np.ndarray:
    """Noise that takes few bits at first and many later: its first frames mislead."""
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, seconds * rate)
    return noise * (np.arange(len(noise)) > len(noise) / 2)


@pytest.mark.parametrize("reverse", [False, True])
def test_an_mp3_whose_length_is_estimated_is_refused(tmp_path: Path, reverse: bool) -> None:
    path = tmp_path / "it's.mp3"
    samples = quiet_then_loud(6)
    content = mp3(samples[::-1] if reverse else samples, "VARIABLE")
    path.write_bytes(content)
    assert probe(path).seconds == 6
    path.write_bytes(without_description(content))
    estimate = soundfile.info(path).duration
    assert (estimate < 5) is reverse
    assert (estimate > 7) is not reverse
    cut = "only its first" if reverse else "a length of"
    with pytest.raises(
        InputError, match=rf"got 6\.. s of audio, but {cut}.*ffmpeg -i '.*it'"
    ) as told:
        probe(path)
    assert told.value.parts[0] == str(path)


@pytest.mark.parametrize("tag", [b"", b"ID3\3\0\0\0\0\2\0" + bytes(256)])
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_joined_mp3s_are_refused(tmp_path: Path, mode: str, tag: bytes) -> None:
    path = tmp_path / "a.mp3"
    content = tag + mp3(quiet_then_loud(2), mode)
    path.write_bytes(content)
    assert probe(path).seconds == 2
    path.write_bytes(content + content)
    assert soundfile.info(path).duration == 2
    with pytest.raises(InputError, match=r"got 4\.. s of audio, but only its first 2\.0 s"):
        probe(path)


def test_an_mp3_without_its_end_is_refused(tmp_path: Path) -> None:
    content = mp3(quiet_then_loud(4), "CONSTANT")
    (tmp_path / "a.mp3").write_bytes(content[: len(content) // 2])
    with pytest.raises(
        InputError, match=r"got 2\.. s .* a length of 4\.0 s.* or its end is missing"
    ):
        probe(tmp_path / "a.mp3")


# 11,025 and 44,100 Hz: frames of two lengths, and an estimate by the shorter one.
@pytest.mark.parametrize("rate", [11_025, 16_000, 44_100])
@pytest.mark.parametrize("tag", [b"", b"ID3\3\0\0\0\2\0\0" + bytes(1 << 15)])
def test_a_constant_bit_rate_needs_no_header(tmp_path: Path, rate: int, tag: bytes) -> None:
    """And of a tag with a picture, which libsndfile takes for sound, nothing is read."""
    path = tmp_path / "a.mp3"
    once = mp3(quiet_then_loud(10, rate), "CONSTANT", 0.95, rate)
    assert b"Info" not in once  # there is no room for it in a frame
    path.write_bytes(tag + once * 10)
    seconds = probe(path).seconds
    assert seconds == pytest.approx(100, abs=10 * 0.3)
    assert (soundfile.info(path).duration > seconds + 0.3) is (rate != 16_000 or tag != b"")
    assert len(read(path, 0.0, seconds)[0]) == pytest.approx(seconds * rate, abs=0.1 * rate)
    assert len(read(path, seconds - 5, 5.0)[0]) == pytest.approx(5 * rate, abs=0.1 * rate)


@pytest.mark.parametrize("subtype", ["VORBIS", "OPUS"])
def test_joined_ogg_streams_are_refused(tmp_path: Path, subtype: str) -> None:
    path = tmp_path / "a.ogg"
    write(path, quiet_then_loud(2), subtype=subtype)
    assert probe(path).seconds == 2
    path.write_bytes(path.read_bytes() * 2)
    with pytest.raises(InputError, match=r"a\.ogg: expected one Ogg stream, got several joined"):
        probe(path)


def test_real_mp3s_of_constant_bit_rate_without_a_header_pass(shared_data: Path) -> None:
    files = sorted((shared_data / "amazon_queen" / "audio").glob("*.mp3"))[::20]
    if not files:
        pytest.skip("needs MP3s of amazon_queen, and there are none")
    for path in files:
        info = probe(path)
        assert info.seconds == soundfile.info(path).duration, path
