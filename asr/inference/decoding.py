"""Greedy CTC decoding without torch."""

import numpy as np
from numpy.typing import NDArray

from asr.text import BLANK


def greedy_labels(log_probs: NDArray, before: int = BLANK) -> list[int]:
    """Labels of the best path through `(S, V)`: repeats joined, blanks dropped.

    `before` is the label of the frame before the first, where there was one.
    """
    best = log_probs.argmax(axis=-1)
    changed = np.diff(best, prepend=before) != 0
    labels: list[int] = best[changed & (best != BLANK)].tolist()
    return labels
