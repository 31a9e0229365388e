"""Interpolated modified Kneser-Ney smoothing of n-gram counts, with numpy.

Chen and Goodman 1998, section 3, in the variant of Heafield et al. 2013 (KenLM's `lmplz`): unigrams
are interpolated with the uniform distribution, whose share is also the unknown word's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

UNKNOWN, START, END = 0, 1, 2  # ids of <unk>, <s> and </s>; words follow
_FALLBACK = (0.5, 1.0, 1.5)  # lmplz --discount_fallback, where counts of counts give no discount


@dataclass(frozen=True, slots=True)
class NGrams:
    """All n-grams of one order, a row each."""

    words: NDArray[np.int64]  # (N, order) ids
    probabilities: NDArray[np.float64]  # (N,) of the last word after the others; 0 for <s>
    backoffs: NDArray[np.float64]  # (N,) factor of the shorter context, 1 where it is none
    estimated: bool  # False: too few counts of counts, the discounts are `lmplz`'s fallback


@dataclass(frozen=True, slots=True)
class _Distinct:
    """The distinct n-grams of one order."""

    words: NDArray[np.int64]  # (N, order)
    prefix: NDArray[np.int64]  # (N,) index of all words but the last, one order below
    suffix: NDArray[np.int64]  # (N,) index of all words but the first, one order below
    counts: NDArray[np.int64]  # (N,) occurrences


def kneser_ney(tokens: NDArray[np.int64], order: int, size: int) -> list[NGrams]:
    """Estimate all orders from 1 to `order`.

    Args:
        tokens: `(N,)` ids of all sentences in a row, START before and END after each.
        order: longest n-gram.
        size: of the vocabulary, UNKNOWN, START, END and words that never occur among it.
    """
    distinct = _distinct(tokens, order, size)
    totals = [_adjusted_counts(distinct, n) for n in range(order)]
    estimates: list[NGrams] = []
    lower = np.full(1, 1.0 / (size - 1))  # uniform over all that can follow: not START
    backoffs_of_contexts: list[NDArray[np.float64]] = []
    for grams, counts in zip(distinct, totals, strict=True):
        discounts, estimated = _discounts(counts)
        taken = discounts[np.minimum(counts, 3)]
        contexts = len(lower)
        total = np.bincount(grams.prefix, weights=counts, minlength=contexts)
        freed = np.bincount(grams.prefix, weights=taken, minlength=contexts)
        # A context without a continuation is that of no n-gram here.
        backoff = np.divide(freed, total, out=np.ones(contexts), where=total > 0)
        own = (counts - taken) / total[grams.prefix]
        probabilities = own + backoff[grams.prefix] * lower[grams.suffix]
        if grams.words.shape[1] == 1:
            probabilities[START] = 0.0
        backoffs_of_contexts.append(backoff)
        estimates.append(NGrams(grams.words, probabilities, np.ones(len(probabilities)), estimated))
        lower = probabilities
    for n, backoff in enumerate(backoffs_of_contexts[1:]):
        estimates[n].backoffs[:] = backoff
    return estimates


def _distinct(tokens: NDArray[np.int64], order: int, size: int) -> list[_Distinct]:
    """Number the distinct n-grams of every order; unigrams are all of the vocabulary."""
    nothing = np.zeros(size, dtype=np.int64)
    counts = np.bincount(tokens, minlength=size)
    found = [_Distinct(np.arange(size)[:, None], nothing, nothing, counts)]
    index = tokens  # of the n-gram that starts at each place, -1 where the sentence is too short
    for n in range(2, order + 1):
        places = np.flatnonzero(index[: len(tokens) - n + 1] >= 0)
        places = places[tokens[places + n - 2] != END]
        keys = index[places] * size + tokens[places + n - 1]
        _, first, inverse, counts = np.unique(
            keys, return_index=True, return_inverse=True, return_counts=True
        )
        first = places[first]
        found.append(
            _Distinct(
                words=tokens[first[:, None] + np.arange(n)],
                prefix=index[first],
                suffix=index[first + 1],
                counts=counts,
            )
        )
        index = np.full(len(tokens), -1)
        index[places] = inverse
    return found


def _adjusted_counts(distinct: list[_Distinct], n: int) -> NDArray[np.int64]:
    """Of order `n + 1`: occurrences of the longest n-grams, of shorter ones the number of different
    words before them; before <s> there is none, so what begins with it keeps its occurrences.
    """
    grams = distinct[n]
    if n + 1 == len(distinct):
        counts = grams.counts.copy()
    else:
        counts = np.bincount(distinct[n + 1].suffix, minlength=len(grams.counts))
        at_start = grams.words[:, 0] == START
        counts[at_start] = grams.counts[at_start]
    if n == 0:
        counts[START] = 0  # it is given, never predicted
    return counts


def _discounts(counts: NDArray[np.int64]) -> tuple[NDArray[np.float64], bool]:
    """What is taken from counts of 0, 1, 2 and 3 or more (Chen and Goodman 1998, equation 17)."""
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == count)) for count in (1, 2, 3, 4))
    if n1 and n2 and n3:
        y = n1 / (n1 + 2 * n2)
        estimates = (1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
        # A discount of 0 would leave nothing to words that were not seen: backoffs of -inf.
        if all(0 < estimate <= count for count, estimate in enumerate(estimates, 1)):
            return np.array([0.0, *estimates]), True
    return np.array([0.0, *_FALLBACK]), False
