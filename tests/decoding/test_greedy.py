import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torchaudio.functional import merge_tokens

from asr.decoding.decoder import Decoded, Decoder
from asr.decoding.greedy import GreedyDecoder

decoder: Decoder = GreedyDecoder()


def one_hot(path: list[int], labels: int = 4) -> torch.Tensor:
    """Log-probabilities (S, V) of which `path` is the likeliest, each step with 0.7."""
    probabilities = torch.full((len(path), labels), 0.3 / (labels - 1))
    probabilities[range(len(path)), path] = 0.7
    return probabilities.log()


@pytest.mark.parametrize(
    ("path", "labels", "starts"),
    [
        ([0, 0, 0], (), ()),
        ([1], (1,), (0,)),
        ([1, 1, 1], (1,), (0,)),
        ([1, 0, 1], (1, 1), (0, 2)),
        ([0, 1, 1, 2, 0, 0, 2, 3, 3], (1, 2, 2, 3), (1, 3, 6, 7)),
    ],
)
def test_hand_worked_paths(path: list[int], labels: tuple[int, ...], starts: tuple[int, ...]):
    decoded = decoder.decode(one_hot(path))
    assert (decoded.labels, decoded.starts) == (labels, starts)
    assert decoded.score == pytest.approx(len(path) * torch.tensor(0.7).log().item(), rel=1e-6)


def test_no_frames_give_no_labels():
    assert decoder.decode(torch.zeros(0, 4)) == Decoded((), (), 0.0)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=12), min_size=1, max_size=5),
    st.integers(0, 3),
)
def test_batch_agrees_with_itertools_and_torchaudio(paths: list[list[int]], junk: int):
    longest = max(map(len, paths))
    # What lies beyond an utterance's length must not be read, not even NaN.
    batch = torch.full((longest, len(paths), 4), float("nan"))
    batch[:, :, junk] = 0.0
    for index, path in enumerate(paths):
        batch[: len(path), index] = one_hot(path)
    decoded = decoder.decode_batch(batch, torch.tensor([len(path) for path in paths]))
    for path, reading in zip(paths, decoded, strict=True):
        joined = [label for label, _ in itertools.groupby(path)]
        assert list(reading.labels) == [label for label in joined if label != 0]
        spans = merge_tokens(torch.tensor(path), torch.zeros(len(path)), blank=0)
        assert list(reading.starts) == [span.start for span in spans]
        assert reading == decoder.decode(one_hot(path))


def test_greedy_text_is_a_lower_bound_of_the_texts_probability():
    torch.manual_seed(0)
    log_probs = torch.randn(6, 3).log_softmax(-1)
    decoded = decoder.decode(log_probs)
    loss = torch.nn.functional.ctc_loss(
        log_probs.unsqueeze(1),
        torch.tensor([decoded.labels]),
        torch.tensor([6]),
        torch.tensor([len(decoded.labels)]),
    )
    assert decoded.score <= -loss.item() * len(decoded.labels)


def test_nan_shows_in_the_score():
    assert math.isnan(decoder.decode(torch.full((3, 4), float("nan"))).score)
