from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from asr.errors import InputError
from asr.model.front_end import ConvolutionalFrontEnd
from tests.model.small_models import BINS, CONVOLUTIONS, collate, utterances

odd = st.integers(0, 5).map(lambda half: 2 * half + 1)
layers = st.lists(
    st.fixed_dictionaries(
        {
            "channels": st.just(1),
            "kernel": st.tuples(odd, odd).map(list),
            "stride": st.tuples(st.integers(1, 4), st.integers(1, 4)).map(list),
        }
    ),
    max_size=3,
)


@settings(max_examples=60, deadline=None)
@given(layers=layers, bins=st.integers(1, 40), frames=st.integers(1, 60))
def test_output_sizes_are_those_of_the_real_convolutions(
    layers: list, bins: int, frames: int
) -> None:
    front_end = ConvolutionalFrontEnd(bins, layers)
    x = torch.zeros(1, 1, bins, frames)
    for convolution in front_end.convolutions:
        x = convolution(x)
    assert x.shape[-1] == front_end.output_lengths(frames)
    assert x.shape[2] * x.shape[1] == front_end.features
    assert front_end(torch.zeros(1, bins, frames), torch.tensor([frames])).shape == (
        x.shape[-1],
        1,
        front_end.features,
    )


@given(layers=layers)
@settings(max_examples=20, deadline=None)
def test_output_lengths_is_the_ceiling_and_the_same_for_every_kind_of_integer(
    layers: list,
) -> None:
    front_end = ConvolutionalFrontEnd(8, layers)
    frames = list(range(1, 50))
    expected = frames
    for layer in layers:
        expected = [-(-n // layer["stride"][1]) for n in expected]
    assert [front_end.output_lengths(n) for n in frames] == expected
    array = front_end.output_lengths(np.array(frames))
    tensor = front_end.output_lengths(torch.tensor(frames))
    assert array.tolist() == tensor.tolist() == expected
    assert array.dtype == np.int64
    assert tensor.dtype == torch.int64


def test_evaluation_is_the_plain_convolutions_on_each_utterance_alone() -> None:
    front_end = ConvolutionalFrontEnd(BINS, CONVOLUTIONS).double().eval()
    parts = utterances(13, 1, 7)
    batched = front_end(*collate(parts, 20, seed=2))
    for index, part in enumerate(parts):
        x = part[None, None]
        for convolution, norm in zip(front_end.convolutions, front_end.norms, strict=True):
            x = F.conv2d(x, convolution.weight, None, convolution.stride, convolution.padding)
            x = F.batch_norm(x, norm.running_mean, norm.running_variance, norm.weight, norm.bias)
            x = x.clamp(0, 20)
        alone = x[0].permute(2, 1, 0).flatten(1)  # (S, rows * channels)
        torch.testing.assert_close(batched[: len(alone), index], alone)
        assert not batched[len(alone) :, index].any()


def test_not_a_number_in_the_padding_stays_there() -> None:
    front_end = ConvolutionalFrontEnd(BINS, CONVOLUTIONS).double()
    features, frames = collate(utterances(13, 7), 16, seed=2)
    features[1, :, 7:] = torch.nan
    assert front_end(features, frames).isfinite().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kernel": [3, 10]}, r"kernel: expected odd sizes .* got \[3, 10\]"),
        ({"kernel": [3]}, r"kernel: expected odd sizes .* got \[3\]"),
        ({"kernel": 3}, "kernel: expected odd sizes .* got 3"),
        ({"kernel": [3, -1]}, "kernel: expected odd"),
        ({"stride": [1, 0]}, r"stride: expected sizes .* each 1 or more, got \[1, 0\]"),
        ({"stride": [1]}, "stride: expected sizes"),
        ({"stride": [1, 1, 1]}, "stride: expected sizes"),
        ({"channels": 0}, "channels: expected a whole number from 1 on, got 0"),
        ({"channels": 1.5}, "channels: expected a whole number"),
    ],
)
def test_sizes_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    layer = {"channels": 1, "kernel": [3, 3], "stride": [1, 1], **changes}
    with pytest.raises(InputError, match=rf"convolutions\[0\]\.{message}"):
        ConvolutionalFrontEnd(8, [layer])


@pytest.mark.parametrize(
    "layer", [3, {"channels": 4}, {"channels": 4, "kernel": [3, 3], "stride": [1, 1], "padding": 1}]
)
def test_a_layer_of_other_keys_is_refused(layer: Any) -> None:
    with pytest.raises(InputError, match="channels, kernel, stride"):
        ConvolutionalFrontEnd(8, [layer])
