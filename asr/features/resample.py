"""Waveforms from one sample rate to another, with lengths that can be known beforehand."""

from functools import lru_cache
from math import gcd

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from asr.errors import InputError
from asr.features.sinc import resampled_samples, sinc_filters

# Numbers in a table of filters; 44,100 to 16,000 Hz needs 70,000, 15,999 Hz would need 256 million.
_LARGEST_KERNEL = 50_000_000

_GROUP = 32  # filters applied at once


def resample(waveform: NDArray[np.float32], original: int, target: int) -> NDArray[np.float32]:
    """Resample `(N,)` from `original` to `target` Hz; the same array where they are equal."""
    if original == target:
        return waveform
    resampled: NDArray[np.float32] = resample_tensor(
        torch.as_tensor(np.ascontiguousarray(waveform)), original, target
    ).numpy()
    return resampled


def resample_tensor(waveform: Tensor, original: int, target: int) -> Tensor:
    """Resample `(N,)` to `(ceil(N * target / original),)` by torchaudio's windowed sinc.

    In float64, rounded once to float32: whoever sums in another order gets the same samples.
    """
    if original == target:
        return waveform
    divisor = gcd(original, target)
    groups, width, stride = _filters(original // divisor, target // divisor)
    padded = functional.pad(waveform.double(), (width, width + stride))
    rows = len(waveform) // stride + 1
    # As products: a convolution is prepared anew for every length, at several times its cost.
    phases = [
        (padded[first:].unfold(0, len(taps), stride)[:rows] @ taps).float()
        for first, taps in groups
    ]
    # torchaudio takes the ceiling in float32, which is off by one for recordings of minutes.
    return torch.cat(phases, 1).reshape(-1)[: resampled_samples(len(waveform), original, target)]


@lru_cache(maxsize=64)
def _filters(original: int, target: int) -> tuple[list[tuple[int, Tensor]], int, int]:
    """Groups of filters `(taps, filters)` with their first tap, the padding, and the stride.

    A filter is short, but each of the `target` ones stands elsewhere in a row of `original` and
    more taps, mostly zeros. In groups of neighbours the zeros around them are left out: 4 times
    fewer products or better, from 11,025 and 44,100 Hz. In float64.
    """
    if original * target > _LARGEST_KERNEL:
        raise InputError(
            "resampling",
            expected="sample rates with a large common divisor",
            got=f"{original} to {target} in lowest terms, which needs gigabytes of filters",
            remedy="Convert the audio to the features' sample rate beforehand.",
        )
    lowest, width = sinc_filters(original, target)
    # Between simple rates, as 48,000 and 16,000 Hz, a row is as many of theirs as fill a group.
    times, taps = max(_GROUP // target, 1), lowest.shape[1]
    whole = torch.zeros(times, target, taps + (times - 1) * original, dtype=torch.float64)
    for place in range(times):
        whole[place, :, place * original :][:, :taps] = torch.from_numpy(lowest)
    groups = []
    for filters in torch.split(whole.flatten(0, 1), _GROUP):
        used = torch.nonzero(filters.abs().amax(0))[:, 0]
        first, last = int(used[0]), int(used[-1])
        groups.append((first, filters[:, first : last + 1].T.contiguous()))
    return groups, width, original * times
