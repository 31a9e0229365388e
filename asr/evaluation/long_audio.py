"""Recordings of any length: windows that overlap, stitched frame by frame, decoded once."""

import itertools
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from asr.audio import probe, read
from asr.checkpoint import TrainedModel
from asr.decoding.decoder import Decoder
from asr.errors import InputError
from asr.evaluation.forward import log_probabilities, text_of, waveform_features
from asr.features.resample import resampled_samples


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


def transcribe_file(
    trained: TrainedModel,
    path: str | Path,
    decoder: Decoder,
    *,
    chunk_seconds: float,
    context_seconds: float,
    batch: int,
) -> Transcript:
    """Transcribe a file, with memory for `batch` windows and for the log-probabilities.

    Raises:
        InputError: the file cannot be read, or the log-probabilities are not finite.
    """
    started = time.perf_counter()
    info = probe(path)
    log_probs = long_log_probabilities(
        trained,
        path,
        chunk_seconds=chunk_seconds,
        context_seconds=context_seconds,
        batch=batch,
    )
    decoded = decoder.decode(log_probs)
    if not math.isfinite(decoded.score):
        raise InputError(
            str(path),
            expected="finite log-probabilities from the model",
            got="NaN or infinity",
            remedy="Its weights have diverged: choose another checkpoint or train again.",
        )
    text = text_of(trained, decoded)
    return Transcript(text, info.seconds, time.perf_counter() - started)


def long_log_probabilities(
    trained: TrainedModel,
    path: str | Path,
    *,
    chunk_seconds: float,
    context_seconds: float,
    batch: int,
) -> Tensor:
    """Log-probabilities `(S, V)` of a whole file, on the CPU.

    They are those of the file in one piece wherever the model looks no further than the context,
    because windows start on output frames and neither features nor convolutions care where
    they start. (A resampled window is exact where it starts on a whole source sample; whole
    seconds do.)
    """
    info, rate = probe(path), trained.features.sample_rate
    samples = resampled_samples(info.samples, info.sample_rate, rate)
    frames = trained.model.output_lengths(trained.features.frames(samples))
    hop = samples_per_output_frame(trained)
    plan = windows(
        frames,
        chunk=max(round(chunk_seconds * rate / hop), 1),
        context=round(context_seconds * rate / hop),
    )
    kept: list[Tensor] = []
    for first in range(0, len(plan), batch):
        group = plan[first : first + batch]
        features = [_features(trained, path, window, frames) for window in group]
        log_probs, _ = log_probabilities(trained, features)
        for index, window in enumerate(group):
            inner = slice(window.keep_start - window.start, window.keep_stop - window.start)
            kept.append(log_probs[inner, index].cpu())
    return torch.cat(kept)


def samples_per_output_frame(trained: TrainedModel) -> int:
    """Samples from one output frame to the next: the features' hop times the model's stride."""
    lengths = trained.model.output_lengths
    stride = next(step for step in itertools.count(1) if lengths(1 + step) > lengths(1))
    return trained.features.hop * stride


def _features(trained: TrainedModel, path: str | Path, window: Window, frames: int) -> Tensor:
    """Features of one window of a file that has `frames` output frames."""
    rate, hop = trained.features.sample_rate, samples_per_output_frame(trained)
    offset = window.start * hop / rate
    if window.stop == frames:
        return waveform_features(trained, *read(path, offset))
    # One analysis window more, or the last output frames would lack their samples.
    samples = (window.stop - window.start) * hop + trained.features.window
    return waveform_features(trained, *read(path, offset, samples / rate))
