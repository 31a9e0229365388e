"""How sure a search is of each word of its best reading."""

from collections.abc import Sequence

import numpy as np

from asr.decoding.prefix_search import Reading


def word_posteriors(readings: Sequence[Reading]) -> tuple[float, ...]:
    """Of each word of the first reading, the share of all readings' probability that has it too.

    A reading has it if the same word stands in it at an overlapping time. Wessel et al. 2001
    (IEEE Transactions on Speech and Audio Processing 9), by an n-best list.

    Args:
        readings: the best first, with natural log-probabilities up to one constant as scores.
    """
    scores = np.array([reading.score for reading in readings])
    shares = np.exp(scores - np.logaddexp.reduce(scores)).tolist()
    best = readings[0]
    totals = [0.0] * len(best.words)
    for reading, share in zip(readings, shares, strict=True):
        places: dict[str, list[tuple[int, int]]] = {}
        for word, frames in zip(reading.words, reading.frames, strict=True):
            places.setdefault(word, []).append(frames)
        for index, (word, (start, stop)) in enumerate(zip(best.words, best.frames, strict=True)):
            if any(first < stop and start < after for first, after in places.get(word, ())):
                totals[index] += share
    return tuple(min(total, 1.0) for total in totals)
