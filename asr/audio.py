"""Audio files to mono waveforms: WAV, FLAC, OGG and MP3 by libsndfile, no system package."""

import os
import shlex
import stat
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from asr.compressed_length import is_chained_ogg, mp3_frame_samples, mp3_frames
from asr.errors import InputError

# What damaged or hostile headers claim is held against these before anything is computed from it.
_RATES = range(1_000, 768_000 + 1)  # Hz
_MOST_SECONDS = 10**7  # of a file, 116 days; libsndfile says 2^63 - 1 samples for an unknown length
_MOST_SAMPLES = 1 << 29  # read at once over all channels, 2 GiB as float32: 9.3 h at 16 kHz
_LOUDEST = 2.0**31  # samples of any integer format, taken for floats; their power is finite still


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a file's header says of it, or where it says no length, its frames."""

    sample_rate: int  # Hz
    channels: int
    samples: int  # per channel

    @property
    def seconds(self) -> float:
        return self.samples / self.sample_rate


def _open(path: str | Path) -> soundfile.SoundFile:
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        raise InputError(
            str(path),
            expected="an audio file",
            got=error.strerror or str(error),
            remedy="Check the path; relative paths in a manifest resolve against its folder.",
        ) from error
    # A FIFO would block for ever, a device may never end.
    if not stat.S_ISREG(mode):
        raise InputError(
            str(path),
            expected="a regular audio file",
            got="a folder" if stat.S_ISDIR(mode) else "a device, pipe or socket",
            remedy="Name an audio file.",
        )
    try:
        # As bytes: a name that is not UTF-8 could not be encoded.
        file = soundfile.SoundFile(os.fsencode(path))
    except (soundfile.SoundFileError, RuntimeError, TypeError) as error:  # the last for .raw
        raise InputError(
            str(path),
            expected="a WAV, FLAC, OGG or MP3 file",
            got=f"{os.path.getsize(path)} bytes that libsndfile refuses ({error})",
            remedy="The file is damaged, truncated or of another format: convert or remove it.",
        ) from error
    try:
        _refuse_header(path, file)
    except InputError:
        file.close()
        raise
    return file


def _refuse_header(path: str | Path, file: soundfile.SoundFile) -> None:
    """Raise InputError where a header says what no sound has."""
    rate, samples = file.samplerate, file.frames
    if rate not in _RATES or samples < 0:
        raise InputError(
            str(path),
            expected=f"a sample rate of {_RATES[0]} to {_RATES[-1]} Hz and 0 samples or more",
            got=f"a header that says {rate} Hz and {samples} samples",
            remedy="The file is damaged: convert it, or take its line out of the manifest.",
        )
    if samples > _MOST_SECONDS * rate:
        raise InputError(
            str(path),
            expected=f"at most {_MOST_SECONDS:,} s of audio",
            got=f"a header that does not say how long it is ({samples / rate:.2g} s)",
            remedy="Write the file again with flac or ffmpeg, to a file and not through a pipe.",
        )


def probe(path: str | Path) -> AudioInfo:
    """Read a file's header; an MP3 or Ogg file is looked through for whether it tells the length.

    Raises:
        InputError: the file is missing, no audio, or libsndfile takes it to be of another length
            than it is, and would leave the rest out unsaid.
    """
    with _open(path) as file:
        samples = file.frames
        if file.format in ("MP3", "OGG"):
            with (
                open(path, "rb") as opened,
                mmap(opened.fileno(), 0, access=ACCESS_READ) as content,
            ):
                if file.format == "MP3":
                    samples = _mp3_samples(path, file, content)
                elif is_chained_ogg(content):
                    raise InputError(
                        str(path),
                        expected="one Ogg stream",
                        got="several joined, of which only the first would be read",
                        remedy=_convert(path),
                    )
        return AudioInfo(file.samplerate, file.channels, samples)


def _mp3_samples(path: str | Path, file: soundfile.SoundFile, content: mmap) -> int:
    """Samples per channel; an InputError where libsndfile would leave some out, or lacks some."""
    rate: int = file.samplerate
    frames, told = mp3_frames(content), file.frames / rate
    # What the encoder put around the sound and libsndfile leaves out is three frames at the most.
    grace = 0.1 + 4 * mp3_frame_samples(rate) / rate
    if frames is None or abs(frames.seconds - told) <= grace:
        return int(file.frames)
    if frames.constant and frames.seconds < told:
        # Estimated from the first frame, which may be a byte shorter than others, and from a size
        # that includes tags: everything is read, and there is less of it.
        return round(frames.seconds * rate)
    why = (
        f"only its first {told:.1f} s would be read, for its length is only estimated, "
        "or that of the first of several joined"
        if frames.seconds > told
        else f"a length of {told:.1f} s, which is only estimated, or its end is missing"
    )
    raise InputError(
        str(path),
        expected="an MP3 file that says how long it is",
        got=f"{frames.seconds:.1f} s of audio, but {why}",
        remedy=_convert(path),
    )


def _convert(path: str | Path) -> str:
    """A remedy that copies to a file whose header is true."""
    flac = str(Path(path).with_suffix(".flac"))
    return f"Convert it: {shlex.join(['ffmpeg', '-i', str(path), flac])}"


def read(
    path: str | Path, offset: float = 0.0, seconds: float | None = None
) -> tuple[np.ndarray, int]:
    """Read a file, or `seconds` of it from `offset` seconds on.

    Returns:
        The mean over the channels as float32 `(N,)`, nominally within [-1, 1], and the sample
        rate in Hz.

    Raises:
        InputError: the file is missing, no audio, shorter than asked for, empty, holds NaN, or
            more of it is asked for than memory should hold.
    """
    with _open(path) as file:
        if file.frames == 0:
            raise InputError(
                str(path),
                expected="audio",
                got="an empty file, of 0 samples",
                remedy="Record or convert it again, or take its line out of the manifest.",
            )
        rate = file.samplerate
        start = round(min(offset * rate, file.frames))
        asked = file.frames - start if seconds is None else seconds * rate
        if asked * file.channels > _MOST_SAMPLES:
            most = _MOST_SAMPLES / file.channels / rate / 3600
            raise InputError(
                str(path),
                expected=f"at most {most:.2g} h of {file.channels} channels at once",
                got=f"{asked / rate / 3600:.4g} h",
                remedy="Cut it into utterances; asr.transcribe takes recordings of any length.",
            )
        wanted = round(asked)
        try:
            file.seek(start)
            waveform = _mono(file, wanted)
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise InputError(
                str(path),
                expected="readable audio",
                got=f"a decoder error after the header ({error})",
                remedy="The file is damaged: replace it or take its line out of the manifest.",
            ) from error
    # A tenth of a second of grace: durations in manifests are rounded, MP3 frames padded.
    if len(waveform) == 0 or len(waveform) < wanted - 0.1 * rate:
        raise InputError(
            str(path),
            expected=f"{max(wanted, 1) / rate:.3f} s of audio from {offset:.3f} s on",
            got=f"{len(waveform) / rate:.3f} s",
            remedy="The file is truncated or the manifest's duration wrong: run asr.data.check.",
        )
    if not (sound := np.abs(waveform) <= _LOUDEST).all():
        raise InputError(
            str(path),
            expected="finite samples",
            got=f"{int((~sound).sum())} samples that are NaN, infinite or beyond 2^31",
            remedy="Write the file again or take its line out of the manifest.",
        )
    return waveform, rate


def _mono(file: soundfile.SoundFile, wanted: int) -> NDArray[np.float32]:
    """The mean over the channels of the next `wanted` samples `(N,)`, or of those that there are.

    In one call: between two, libsndfile seeks, and an MP3 decodes differently behind a seek.
    """
    count = min(wanted, file.frames - file.tell())
    if count <= 0:  # a seek in a damaged MP3 leads beyond its end
        return np.empty(0, np.float32)
    samples: NDArray[np.float32] = file.read(count, dtype="float32", always_2d=True)
    with np.errstate(over="ignore", invalid="ignore"):  # numbers that are none are told later
        mono: NDArray[np.float32] = samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
    return mono
