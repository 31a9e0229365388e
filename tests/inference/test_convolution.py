"""The front end's convolutions on every dispatch path against torch in float64."""

import numpy as np
import pytest
import torch

from asr.errors import InputError
from asr.inference import fallback
from asr.inference.fallback import Numpy
from asr.inference.kernel import Kernel
from asr.inference.layers import CLIP, ConvolutionWeights
from asr.inference.library import available

ENGINES = [*map(Kernel, available()), Numpy()]
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
# kernel and stride in frequency and time, channels in and out, rows
SHAPES = [
    ((3, 3), (2, 2), 1, 32, 80),
    ((3, 3), (2, 2), 32, 32, 40),
    ((41, 11), (2, 2), 1, 4, 80),
    ((21, 11), (2, 1), 4, 5, 40),
    ((5, 7), (3, 1), 2, 3, 11),
    ((1, 9), (1, 3), 3, 7, 1),
    ((7, 1), (1, 1), 1, 2, 3),
    ((3, 3), (1, 4), 2, 8, 5),
]


def convolved(weights, x):
    """By torch in float64."""
    as_tensor = (torch.from_numpy(np.float64(each)) for each in (x, weights.weight, weights.bias))
    source, weight, bias = as_tensor
    padding = [size // 2 for size in weights.weight.shape[2:]]
    found = torch.nn.functional.conv2d(
        source[None], weight, bias, stride=weights.stride, padding=padding
    )
    return found[0].clip(0, CLIP).numpy()


def random_weights(rng, kernel, stride, channels, outputs):
    weight = rng.normal(size=(outputs, channels, *kernel)) / np.sqrt(channels * np.prod(kernel))
    return ConvolutionWeights(
        weight.astype(np.float32), rng.normal(size=outputs).astype(np.float32), stride
    )


@every_engine
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_kernel_stride_and_length(engine, shape):
    kernel, stride, channels, outputs, rows = shape
    rng = np.random.default_rng(0)
    weights = random_weights(rng, kernel, stride, channels, outputs)
    run = engine.convolution(weights)
    for frames in (1, 2, 5, 31, 64, 65, 130):  # under a kernel, and around whole panels
        x = 30 * rng.normal(size=(channels, rows, frames)).astype(np.float32)
        found, expected = run(x), convolved(weights, x)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)
        if frames > 5:
            assert (expected.min(), expected.max()) == (0, CLIP)


def test_numpy_makes_patches_of_some_frames_at_a_time(monkeypatch):
    weights = random_weights(np.random.default_rng(2), (5, 3), (2, 1), 3, 4)
    x = np.random.default_rng(3).normal(size=(3, 9, 40)).astype(np.float32)
    monkeypatch.setattr(fallback, "_PATCHES", 3 * 5 * 3 * 5 * 7)  # of 7 frames: the last has 5
    found = Numpy().convolution(weights)(x)
    np.testing.assert_allclose(found, convolved(weights, x), atol=1e-5, rtol=0)


@every_engine
def test_what_is_no_plain_array_is_read_as_it_is(engine):
    """The padded rows that a convolution leaves, a turned array, float64."""
    rng = np.random.default_rng(1)
    weights = random_weights(rng, (3, 3), (2, 2), 4, 6)
    run = engine.convolution(weights)
    whole = rng.normal(size=(4, 9, 64)).astype(np.float32)
    turned = np.ascontiguousarray(whole.transpose(2, 1, 0)).transpose(2, 1, 0)
    views = [whole[:, :, :50], whole[:, :, 3:40], whole[:, ::2], whole[:, :, ::-1]]
    raw = np.empty(whole.nbytes + 1, np.uint8)
    misaligned = raw[1:].view(np.float32).reshape(whole.shape)
    misaligned[:] = whole
    for x in (*views, misaligned, turned, whole.astype(np.float64), whole[:, :1]):
        np.testing.assert_allclose(run(x), convolved(weights, x), atol=2e-5, rtol=0)


@pytest.mark.skipif(not available(), reason="no compiled kernel here")
def test_other_channels_are_refused():
    weights = random_weights(np.random.default_rng(2), (3, 3), (2, 2), 4, 6)
    with pytest.raises(InputError, match="expected an array of shape"):
        Kernel(available()[0]).convolution(weights)(np.zeros((3, 9, 10), np.float32))
