"""Recordings of any length by a trained model: in windows, decoded once."""

import itertools
import math
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from asr.audio import probe
from asr.checkpoint import TrainedModel
from asr.decoding.decoder import Decoder
from asr.errors import InputError
from asr.evaluation.forward import log_probabilities, text_of, waveform_features
from asr.evaluation.windows import Framing, Transcript, by_windows


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

    They are those of the file in one piece wherever the model looks no further than the context.
    """
    framing = Framing(
        sample_rate=trained.features.sample_rate,
        window=trained.features.window,
        hop=samples_per_output_frame(trained),
        output_frames=lambda n: trained.model.output_lengths(trained.features.frames(n)),
    )

    def compute(pieces: Sequence[tuple[np.ndarray, int]]) -> list[np.ndarray]:
        features = [waveform_features(trained, *piece) for piece in pieces]
        log_probs, lengths = log_probabilities(trained, features)
        return [log_probs[:n, i].cpu().numpy() for i, n in enumerate(lengths.tolist())]

    return torch.from_numpy(
        by_windows(
            path,
            framing,
            compute,
            chunk_seconds=chunk_seconds,
            context_seconds=context_seconds,
            batch=batch,
        )
    )


def samples_per_output_frame(trained: TrainedModel) -> int:
    """Samples from one output frame to the next: the features' hop times the model's stride."""
    lengths = trained.model.output_lengths
    stride = next(step for step in itertools.count(1) if lengths(1 + step) > lengths(1))
    return trained.features.hop * stride
