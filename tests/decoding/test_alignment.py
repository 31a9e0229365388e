import itertools
import math

import numpy as np
import pytest
import torch

from asr.decoding.alignment import align, aligned_words
from asr.errors import InputError
from tests.decoding.oracle import random_log_probs

TEXTS = ("", " ", "a", "b")


@pytest.mark.parametrize("labels", [[], [2], [2, 3], [2, 2], [2, 1, 3]])
@pytest.mark.parametrize("frames", [3, 5])
def test_the_alignment_is_the_likeliest_of_all(labels, frames):
    log_probs = random_log_probs(frames, 4, np.random.default_rng(frames))
    best = max(
        (sum(float(log_probs[t, label]) for t, label in enumerate(path)), path)
        for path in itertools.product(range(4), repeat=frames)
        if [label for label, _ in itertools.groupby(path) if label] == labels
    )
    runs = [
        (label, list(run)) for label, run in itertools.groupby(range(frames), best[1].__getitem__)
    ]
    spans = [(run[0], run[-1] + 1) for label, run in runs if label]
    alignment = align(torch.from_numpy(log_probs), labels)
    assert alignment.score == pytest.approx(best[0], abs=1e-5)
    assert list(zip(alignment.starts, alignment.stops, strict=True)) == spans
    sums = [float(sum(log_probs[t, label] for t in run)) for label, run in runs if label]
    assert alignment.log_probs == pytest.approx(sums, abs=1e-5)


def test_words_and_their_confidence_by_hand():
    path = [0, 2, 2, 3, 1, 0, 3]  # "ab b"
    probabilities = torch.full((7, 4), 0.1)
    probabilities[range(7), path] = torch.tensor([0.7, 0.7, 0.4, 0.5, 0.7, 0.7, 0.6])
    labels = [2, 3, 1, 3]
    words = aligned_words(align(probabilities.log(), labels), labels, TEXTS)
    assert [(word.text, word.start, word.stop) for word in words] == [("ab", 1, 4), ("b", 6, 7)]
    expected = [(0.7 * 0.4 * 0.5) ** (1 / 3), 0.6]
    assert [word.confidence for word in words] == pytest.approx(expected, rel=1e-5)


def test_any_slice_of_a_batch_and_any_precision():
    batch = torch.randn(6, 3, 4, generator=torch.Generator().manual_seed(0)).log_softmax(-1)
    alone = align(batch[:, 1].contiguous(), [2, 3])
    assert align(batch[:, 1], [2, 3]) == alone
    assert align(batch[:, 1].double(), [2, 3]) == alone
    assert math.isfinite(alone.score)


def test_too_short_an_utterance_is_told():
    with pytest.raises(InputError, match="2 labels, which need 3"):
        align(torch.zeros(2, 4), [2, 2])
