"""Waveforms from one sample rate to another, with lengths that can be known beforehand."""

from functools import lru_cache
from math import gcd
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torchaudio.transforms import Resample

from asr.errors import InputError

# Numbers in a table of filters; 44,100 to 16,000 Hz needs 70,000, 15,999 Hz would need 256 million.
_LARGEST_KERNEL = 50_000_000

Count = TypeVar("Count", int, NDArray[np.int64])


def resampled_samples(samples: Count, original: int, target: int) -> Count:
    """Length after resampling: ceil(samples * target / original), in exact integers."""
    return -(-samples * target // original)


def resample(waveform: NDArray[np.float32], original: int, target: int) -> NDArray[np.float32]:
    """Resample `(N,)` from `original` to `target` Hz; the same array where they are equal."""
    if original == target:
        return waveform
    resampled: NDArray[np.float32] = resample_tensor(
        torch.as_tensor(np.ascontiguousarray(waveform)), original, target
    ).numpy()
    return resampled


def resample_tensor(waveform: Tensor, original: int, target: int) -> Tensor:
    """Resample `(N,)` to `(ceil(N * target / original),)` by torchaudio's windowed sinc."""
    if original == target:
        return waveform
    divisor = gcd(original, target)
    kernel, width, stride = _kernel(original // divisor, target // divisor)
    padded = functional.pad(waveform, (width, width + stride))
    phases = functional.conv1d(padded[None, None], kernel, stride=stride)[0]  # (target, N/stride)
    # torchaudio takes the ceiling in float32, which is off by one for recordings of minutes.
    return phases.T.reshape(-1)[: resampled_samples(len(waveform), original, target)]


@lru_cache(maxsize=64)
def _kernel(original: int, target: int) -> tuple[Tensor, int, int]:
    """Filters `(target, 1, taps)`, the padding on either side, and the stride."""
    if original * target > _LARGEST_KERNEL:
        raise InputError(
            "resampling",
            expected="sample rates with a large common divisor",
            got=f"{original} to {target} in lowest terms, which needs gigabytes of filters",
            remedy="Convert the audio to the features' sample rate beforehand.",
        )
    transform: Any = Resample(original, target)
    return transform.kernel, transform.width, original
