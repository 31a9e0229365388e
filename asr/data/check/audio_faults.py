"""What is wrong with the sound of one utterance."""

import hashlib
import math
import os
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from asr.audio import probe, read
from asr.data.manifest import Utterance
from asr.errors import InputError

DURATION_TOLERANCE = 0.1  # seconds; `asr.audio.read` forgives as much
SILENT_RMS = 1e-3  # of full scale, -60 dBFS: far below speech, far above the rounding of 16 bits
CLIPPED_SHARE = 1e-3  # of the samples
CLIPPED_RUN = 3  # samples at the extreme value in a row; the top of a sound wave has one or two
_FULL_SCALE = 32767 / 32768  # the highest sample of 16 bits; MP3 decodes beyond it


@dataclass(frozen=True, slots=True)
class Heard:
    """What reading an utterance's audio shows."""

    file: str  # the path with links resolved
    sample_rate: int  # Hz, 0 if unreadable
    digest: bytes  # of the samples; empty if unreadable or silent
    faults: tuple[tuple[str, str], ...]  # (kind, detail)


def listen(utterance: Utterance, *, whole: bool, longest: float) -> Heard:
    """Read an utterance's audio and say what is wrong with it.

    Args:
        whole: nothing else is taken from the file, so the utterance should be all of it.
        longest: seconds read at the most: training leaves out what is longer, and a broken file
            may claim to last for days.
    """
    file = os.path.realpath(utterance.audio) if "\0" not in utterance.audio else utterance.audio
    try:
        info = probe(utterance.audio)
    except ValueError as error:  # an InputError, or a path that no file can have
        return Heard(file, 0, b"", (("unreadable audio", _said(error)),))
    if info.samples == 0:
        return Heard(file, info.sample_rate, b"", (("empty audio", "no samples"),))
    faults = []
    if wrong := duration_fault(utterance, info.seconds, whole=whole):
        faults.append(("wrong duration", wrong))
    remaining = info.seconds - utterance.offset
    seconds = min(remaining, longest) if whole else min(utterance.seconds, remaining, longest)
    digest = b""
    if seconds > 0:
        try:
            waveform, _ = read(utterance.audio, utterance.offset, seconds)
        except InputError as error:
            faults.append(("unreadable audio", _said(error)))
        else:
            faults += waveform_faults(waveform)
            if not is_silent(waveform):  # all silences are the same
                digest = hashlib.blake2b(waveform.tobytes(), digest_size=16).digest()
    return Heard(file, info.sample_rate, digest, tuple(faults))


def duration_fault(utterance: Utterance, file_seconds: float, *, whole: bool) -> str | None:
    """How the manifest contradicts a file of so many seconds."""
    end = utterance.offset + utterance.seconds
    if end > file_seconds + DURATION_TOLERANCE or utterance.offset >= file_seconds:
        return f"ends at {end:.3f} s, the file at {file_seconds:.3f} s"
    if whole and end < file_seconds - DURATION_TOLERANCE:
        return f"lasts {utterance.seconds:.3f} s, the file {file_seconds:.3f} s"
    return None


def waveform_faults(waveform: NDArray[np.float32]) -> list[tuple[str, str]]:
    """Silence, or clipping, of samples `(N,)`."""
    if is_silent(waveform):
        return [("silent audio", f"RMS of {_decibels(float(waveform.std()))}")]
    if (share := clipped_share(waveform)) > CLIPPED_SHARE:
        return [("clipped audio", f"{100 * share:.1f} % of the samples")]
    return []


def is_silent(waveform: NDArray[np.float32]) -> bool:
    """Whether the root mean square, about the mean, is below `SILENT_RMS`."""
    return float(waveform.std()) < SILENT_RMS


def clipped_share(waveform: NDArray[np.float32]) -> float:
    """Share of the samples that stand in runs of `CLIPPED_RUN` or more at an extreme value.

    Extreme are the highest and the lowest sample, so that a clipped recording made quieter is
    found too.
    """
    high = waveform >= min(float(waveform.max()), _FULL_SCALE)
    low = waveform <= max(float(waveform.min()), -_FULL_SCALE)
    return (_in_runs(high) + _in_runs(low)) / len(waveform)


def _in_runs(extreme: NDArray[np.bool_]) -> int:
    """How many of the true samples `(N,)` stand in runs long enough."""
    edges = np.flatnonzero(np.diff(extreme, prepend=False, append=False))
    lengths = edges[1::2] - edges[::2]
    return int(lengths[lengths >= CLIPPED_RUN].sum())


def _decibels(level: float) -> str:
    return f"{20 * math.log10(level):.1f} dBFS" if level > 0 else "nothing at all"


def _said(error: ValueError) -> str:
    return error.parts[2] if isinstance(error, InputError) else str(error)
