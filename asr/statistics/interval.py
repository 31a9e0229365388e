"""How far an error rate may be from its value on other speech of the same kind."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from asr.statistics.bootstrap import RESAMPLES, SEED, Interval, bootstrap

__all__ = ["Interval", "by_cluster", "error_rate_interval", "speaker_clusters"]

MIN_SPEAKERS = 20  # fewer say too little of the spread between speakers


def error_rate_interval(
    errors: NDArray[np.float64],
    lengths: NDArray[np.float64],
    *,
    clusters: NDArray[np.int64] | None = None,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """Interval of a pooled rate, the sum of errors by the sum of lengths.

    Args:
        errors: of each utterance, `(N,)`.
        lengths: of each reference, `(N,)`.
        clusters: number of each utterance's cluster, `(N,)`: whole clusters are drawn then.
        level: of confidence.
        resamples: drawn.
        seed: of the draws; equal ones give equal draws for equal N.
    """
    errors, lengths = by_cluster(errors, clusters), by_cluster(lengths, clusters)
    found = bootstrap(errors, lengths, resamples, seed).interval(level)
    # No rate is below 0; t knows nothing of that.
    return Interval(found.estimate, max(found.low, 0.0), found.high, level)


def speaker_clusters(speakers: Sequence[str]) -> NDArray[np.int64] | None:
    """A number for each utterance's speaker, `(N,)`.

    None where fewer than 20 have a name. An utterance without a name is a cluster of its own
    beside them: whose it is, nobody knows.
    """
    named, numbers = np.unique(np.array(speakers, dtype=np.str_), return_inverse=True)
    if np.count_nonzero(named) < MIN_SPEAKERS:
        return None
    unnamed = np.flatnonzero(np.array(speakers, dtype=np.str_) == "")
    numbers[unnamed] = len(named) + np.arange(len(unnamed))
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)  # without the number of ""


def by_cluster(
    values: NDArray[np.float64], clusters: NDArray[np.int64] | None
) -> NDArray[np.float64]:
    """Sums of values `(N,)` over each cluster; the values themselves without clusters."""
    if clusters is None:
        return np.asarray(values, dtype=np.float64)
    return np.bincount(clusters, weights=values).astype(np.float64)
