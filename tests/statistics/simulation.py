"""Test sets whose true error rates are known, with errors as uneven as those of recognisers.

Utterances have 1 to 30 words. The probability of an error is drawn for each utterance, so that
errors come in clusters; hard utterances are hard for both systems, but for a share that is each
system's own.
"""

from dataclasses import dataclass

import numpy as np

from asr.statistics.alignment import Slots

INSERTIONS = 0.2  # of one word's probability of an error, before each word


@dataclass(frozen=True)
class Simulated:
    a: Slots
    b: Slots
    words: np.ndarray  # (N,)
    speakers: np.ndarray  # (N,)

    def errors(self, side: str) -> np.ndarray:
        one = getattr(self, side)
        return one.per_utterance(one.errors)


def true_rate(mean: float) -> float:
    return (1 + INSERTIONS) * mean


def simulate(
    rng: np.random.Generator,
    utterances: int,
    mean_a: float,
    mean_b: float,
    *,
    speakers: int = 1,
    speaker_share: float = 0.0,
    own_share: float = 0.0,
    concentration: float = 5.0,
) -> Simulated:
    """A test set; `mean_a` and `mean_b` are the true rates of wrong words."""
    words = rng.integers(1, 31, utterances)
    speaker = np.arange(utterances) % speakers
    ends = np.cumsum(words + 1) - 1

    def difficulty(size: int) -> np.ndarray:  # mean 1, at most 1 / 0.1
        return rng.beta(0.1 * concentration, 0.9 * concentration, size) / 0.1

    of_speaker = difficulty(speakers)[speaker]
    shared = speaker_share * of_speaker + (1 - speaker_share) * difficulty(utterances)

    def errors(mean: float) -> Slots:
        own = difficulty(utterances)
        chance = mean * ((1 - own_share) * shared + own_share * own)
        assert chance.max() <= 1
        each = np.repeat(chance, words + 1)
        wrong = (rng.random(len(each)) < each).astype(float)
        inserted = rng.poisson(INSERTIONS * each).astype(float)
        wrong[ends] = inserted[ends] = 0
        return Slots(wrong, inserted, ends)

    return Simulated(errors(mean_a), errors(mean_b), words.astype(float), speaker)
