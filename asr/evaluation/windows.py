"""Recordings of any length: windows that overlap, stitched frame by frame."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.audio import AudioInfo, probe, read
from asr.errors import InputError
from asr.features.sinc import resampled_samples


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was understood in one file."""

    text: str
    seconds: float  # of audio
    processing_seconds: float  # reading, features, model and decoding, by the wall clock


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of output frames: [start, stop) is computed, [keep_start, keep_stop) kept."""

    start: int
    stop: int
    keep_start: int
    keep_stop: int


def windows(frames: int, chunk: int, context: int) -> list[Window]:
    """Cut `frames` output frames into chunks, each computed with `context` more on both sides.

    Every frame is kept exactly once.
    """
    return [
        Window(
            start=max(first - context, 0),
            stop=min(first + chunk + context, frames),
            keep_start=first,
            keep_stop=min(first + chunk, frames),
        )
        for first in range(0, frames, chunk)
    ]


@dataclass(frozen=True, slots=True)
class Framing:
    """How a model divides time, in samples at its own rate."""

    sample_rate: int  # Hz
    window: int  # of one analysis window
    hop: int  # from one output frame to the next
    output_frames: Callable[[int], int]  # of so many samples


def by_windows(
    path: str | Path,
    framing: Framing,
    compute: Callable[[Sequence[tuple[NDArray[np.float32], int]]], list[NDArray]],
    *,
    chunk_seconds: float,
    context_seconds: float,
    batch: int,
) -> NDArray:
    """Outputs `(S, ...)` of a whole file, with memory for `batch` windows and for the outputs.

    They are those of the file in one piece wherever the model looks no further than the context,
    because windows start on output frames and neither features nor convolutions care where
    they start. (A resampled window is exact where it starts on a whole source sample; whole
    seconds do.)

    Args:
        path: of the audio.
        framing: of the model.
        compute: pieces of audio, samples `(N,)` and their rate, to outputs of each, `(S, ...)`;
            called with `batch` pieces at most.
        chunk_seconds: of audio whose outputs one window gives.
        context_seconds: more that it hears on both sides.
        batch: windows at a time.

    Raises:
        InputError: the file cannot be read, or its rate cannot be resampled.
    """
    info, rate = probe(path), framing.sample_rate
    frames = framing.output_frames(resampled_samples(info.samples, info.sample_rate, rate))
    plan = windows(
        frames,
        chunk=max(round(chunk_seconds * rate / framing.hop), 1),
        context=round(context_seconds * rate / framing.hop),
    )
    kept: list[NDArray] = []
    for first in range(0, len(plan), batch):
        group = plan[first : first + batch]
        pieces = [_read(path, info, framing, window, frames) for window in group]
        try:
            outputs = compute(pieces)
        except InputError as error:  # of samples, that do not know their file
            raise error.about(str(path)) from error
        for window, output in zip(group, outputs, strict=True):
            kept.append(output[window.keep_start - window.start : window.keep_stop - window.start])
    return np.concatenate(kept)


def _read(
    path: str | Path, info: AudioInfo, framing: Framing, window: Window, frames: int
) -> tuple[NDArray[np.float32], int]:
    """The audio of one window of a file that has `frames` output frames."""
    offset = window.start * framing.hop / framing.sample_rate
    if window.stop == frames:
        # To the end that was measured: libsndfile may take an MP3 to be longer.
        rest = info.samples - round(offset * info.sample_rate)
        return read(path, offset, rest / info.sample_rate)
    # One analysis window more, or the last output frames would lack their samples.
    samples = (window.stop - window.start) * framing.hop + framing.window
    return read(path, offset, samples / framing.sample_rate)
