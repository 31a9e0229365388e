"""Every utterance of a test set to a hypothesis: the only evaluation loop."""

import math
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr.checkpoint import TrainedModel
from asr.data.manifest import Utterance, missing_audio
from asr.data.sampler import plan_batches
from asr.decoding.decoder import Decoded, Decoder
from asr.errors import InputError
from asr.evaluation.forward import log_probabilities, text_of, utterance_features
from asr.evaluation.result import Hypothesis

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
    started = time.perf_counter()
    decoded = _decode(trained, utterances, decoder, batch, batch_seconds)
    texts = [text_of(trained, decoded[index]) for index in range(len(utterances))]
    elapsed = time.perf_counter() - started
    references = [trained.normaliser(utterance.text) for utterance in utterances]
    unknown: Counter[str] = Counter()
    for reference in references:
        unknown.update(trained.vocabulary.unknown(reference))
    hypotheses = [
        Hypothesis(
            id=utterance.id,
            reference=references[index],
            text=texts[index],
            seconds=utterance.seconds,
            speaker=utterance.speaker,
            score=decoded[index].score,
        )
        for index, utterance in enumerate(utterances)
    ]
    return Recognition(hypotheses, elapsed, unknown)


def _decode(
    trained: TrainedModel,
    utterances: Sequence[Utterance],
    decoder: Decoder,
    batch: int,
    batch_seconds: float,
) -> dict[int, Decoded]:
    """The best reading of every utterance, by its index."""
    decoded: dict[int, Decoded] = {}
    unreadable: list[tuple[str, str]] = []
    for indices in _plan(trained, utterances, batch, batch_seconds):
        features = {}
        for index in indices:
            try:
                features[index] = utterance_features(trained, utterances[index])
            except InputError as error:
                unreadable.append((utterances[index].id, error.parts[2]))
        # After the first bad file only the reading goes on, so that all of them get named.
        if not unreadable:
            log_probs, frames = log_probabilities(trained, list(features.values()))
            decoded.update(zip(features, decoder.decode_batch(log_probs, frames), strict=True))
    _refuse_unreadable(unreadable)
    _refuse_not_finite([utterances[i].id for i, d in decoded.items() if not math.isfinite(d.score)])
    return decoded


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
