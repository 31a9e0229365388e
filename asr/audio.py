"""Audio files to mono waveforms: WAV, FLAC, OGG and MP3 by libsndfile, no system package."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from asr.errors import InputError


@dataclass(frozen=True, slots=True)
class AudioInfo:
    """What a file's header says of it."""

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
        return soundfile.SoundFile(path)
    except (soundfile.SoundFileError, RuntimeError) as error:
        raise InputError(
            str(path),
            expected="a WAV, FLAC, OGG or MP3 file",
            got=f"{os.path.getsize(path)} bytes that libsndfile refuses ({error})",
            remedy="The file is damaged, truncated or of another format: convert or remove it.",
        ) from error


def probe(path: str | Path) -> AudioInfo:
    """Read a file's header only."""
    with _open(path) as file:
        return AudioInfo(file.samplerate, file.channels, file.frames)


def read(
    path: str | Path, offset: float = 0.0, seconds: float | None = None
) -> tuple[np.ndarray, int]:
    """Read a file, or `seconds` of it from `offset` seconds on.

    Returns:
        The mean over the channels as float32 `(N,)`, nominally within [-1, 1], and the sample
        rate in Hz.

    Raises:
        InputError: the file is missing, no audio, shorter than asked for, empty, or holds NaN.
    """
    with _open(path) as file:
        rate = file.samplerate
        start = round(offset * rate)
        wanted = file.frames - start if seconds is None else round(seconds * rate)
        try:
            file.seek(min(start, file.frames))
            samples = file.read(max(wanted, 0), dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, RuntimeError) as error:
            raise InputError(
                str(path),
                expected="readable audio",
                got=f"a decoder error after the header ({error})",
                remedy="The file is damaged: replace it or take its line out of the manifest.",
            ) from error
    # A tenth of a second of grace: durations in manifests are rounded, MP3 frames padded.
    if len(samples) == 0 or len(samples) < wanted - 0.1 * rate:
        raise InputError(
            str(path),
            expected=f"{max(wanted, 1) / rate:.3f} s of audio from {offset:.3f} s on",
            got=f"{len(samples) / rate:.3f} s",
            remedy="The file is truncated or the manifest's duration wrong: run asr.data.check.",
        )
    waveform = samples.mean(axis=1) if samples.shape[1] > 1 else samples[:, 0]
    if not np.isfinite(waveform).all():
        raise InputError(
            str(path),
            expected="finite samples",
            got=f"{int((~np.isfinite(waveform)).sum())} samples that are NaN or infinite",
            remedy="Write the file again or take its line out of the manifest.",
        )
    return waveform, rate
