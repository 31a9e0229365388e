"""Every utterance of a test set to a hypothesis: the only evaluation loop."""

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from asr.checkpoint import TrainedModel
from asr.data.manifest import Utterance, missing_audio
from asr.data.sampler import plan_batches
from asr.decoding.decoder import Decoded, Decoder, Word
from asr.errors import InputError
from asr.evaluation.forward import log_probabilities, text_of, utterance_features
from asr.evaluation.long_audio import samples_per_output_frame
from asr.evaluation.result import Hypothesis
from asr.model.masking import valid_frames

_SHOWN = 20  # utterances named in a message; it counts all of them


@dataclass(frozen=True, slots=True)
class Recognition:
    """A whole test set, in the manifest's order."""

    hypotheses: list[Hypothesis]
    processing_seconds: float  # reading, features, model and decoding, by the wall clock
    unknown: Counter[str]  # characters of the references outside the vocabulary


def recognise(
    trained: TrainedModel,
    utterances: Sequence[Utterance],
    decoder: Decoder,
    *,
    batch: int,
    batch_seconds: float,
) -> Recognition:
    """Transcribe `utterances` by `trained`, on the device that its weights are on.

    Args:
        trained: model, features, vocabulary and normaliser.
        utterances: in any order, with texts as the manifest has them.
        decoder: log-probabilities to labels.
        batch: most utterances of a batch.
        batch_seconds: most seconds of a batch, padding included; never less than the longest.

    Raises:
        InputError: some audio cannot be read (all of it is counted, the first files are named),
            or the model's log-probabilities are not finite.
    """
    _refuse_unreadable([(utterance.id, "no such file") for utterance in missing_audio(utterances)])
    bound = decoder.for_vocabulary(trained.vocabulary)  # loads a language model: not timed
    started = time.perf_counter()
    decoded = _decode(trained, utterances, bound, batch, batch_seconds)
    texts = [text_of(trained, decoded[index]) for index in range(len(utterances))]
    elapsed = time.perf_counter() - started
    references = [trained.normaliser(utterance.text) for utterance in utterances]
    unknown: Counter[str] = Counter()
    for reference in references:
        unknown.update(trained.vocabulary.unknown(reference))
    frame_seconds = samples_per_output_frame(trained) / trained.features.sample_rate
    hypotheses = [
        Hypothesis(
            id=utterance.id,
            reference=references[index],
            text=texts[index],
            seconds=utterance.seconds,
            speaker=utterance.speaker,
            score=decoded[index].score,
            words=timed(decoded[index].words, frame_seconds, utterance.seconds),
        )
        for index, utterance in enumerate(utterances)
    ]
    return Recognition(hypotheses, elapsed, unknown)


def timed(
    words: Sequence[Word] | None, frame_seconds: float, seconds: float
) -> list[list[Any]] | None:
    """Words as results hold them: itself, start and end in seconds, confidence.

    Args:
        words: with times in output frames; None stays None.
        frame_seconds: from one output frame to the next.
        seconds: of the audio, which the last frame may be padded beyond.
    """
    if words is None:
        return None
    rows: list[list[Any]] = []
    for word in words:
        start, end = (min(frame * frame_seconds, seconds) for frame in (word.start, word.stop))
        rows.append([word.text, round(start, 3), round(end, 3), round(word.confidence, 4)])
    return rows


def _decode(
    trained: TrainedModel,
    utterances: Sequence[Utterance],
    decoder: Decoder,
    batch: int,
    batch_seconds: float,
) -> dict[int, Decoded]:
    """The best reading of every utterance, by its index."""
    decoded: dict[int, Decoded] = {}
    for indices, log_probs, frames in emissions(trained, utterances, batch, batch_seconds):
        decoded.update(zip(indices, decoder.decode_batch(log_probs, frames), strict=True))
    return decoded


def emissions(
    trained: TrainedModel, utterances: Sequence[Utterance], batch: int, batch_seconds: float
) -> Iterator[tuple[list[int], Tensor, Tensor]]:
    """Batches: indices of utterances, log-probabilities `(S, B, V)`, output frames `(B,)`.

    Raises:
        InputError: some audio cannot be read, or log-probabilities are not finite: after the last
            batch, all of them are counted.
    """
    unreadable: list[tuple[str, str]] = []
    diverged: list[str] = []
    for indices in _plan(trained, utterances, batch, batch_seconds):
        features = {}
        for index in indices:
            try:
                features[index] = utterance_features(trained, utterances[index])
            except InputError as error:
                unreadable.append((utterances[index].id, error.parts[2]))
        # After the first bad file only the reading goes on, so that all of them get named.
        if unreadable:
            continue
        log_probs, frames = log_probabilities(trained, list(features.values()))
        padding = ~valid_frames(frames, len(log_probs)).t()
        finite = (log_probs.amax(-1).isfinite() | padding).all(0).tolist()
        diverged += [utterances[i].id for i, one in zip(indices, finite, strict=True) if not one]
        if not diverged:
            yield indices, log_probs, frames
    _refuse_unreadable(unreadable)
    _refuse_not_finite(diverged)


def _plan(
    trained: TrainedModel, utterances: Sequence[Utterance], batch: int, batch_seconds: float
) -> list[list[int]]:
    """Indices of each batch, of similar length, the shortest first."""
    rate = trained.features.sample_rate
    counts = [trained.features.frames(round(u.seconds * rate)) for u in utterances]
    frames = np.array(counts, dtype=np.int64)
    budget = max(int(frames.max()), trained.features.frames(round(batch_seconds * rate)))
    plans = plan_batches(frames, budget, batch, seed=0, shuffle=False)
    return [indices.tolist() for indices in plans]


def _refuse_unreadable(problems: Sequence[tuple[str, str]]) -> None:
    if problems:
        raise InputError(
            "audio of the manifest",
            expected="a readable file for every line",
            got=f"{len(problems)} that cannot be read",
            remedy="Nothing was scored. Mend them or take their lines out:"
            + "".join(f"\n  {name}: {what}" for name, what in problems[:_SHOWN])
            + (f"\n  ... and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""),
        )


def _refuse_not_finite(ids: Sequence[str]) -> None:
    if ids:
        raise InputError(
            "log-probabilities of the model",
            expected="finite numbers",
            got=f"NaN or infinity for {len(ids)} utterances: {', '.join(ids[:3])}",
            remedy="Its weights have diverged: choose another checkpoint or train again.",
        )
