import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from asr.errors import InputError
from asr.features.draws import utterance_generator
from asr.features.spec_augment import SpecAugment


def longest_run(flags: Tensor) -> int:
    runs = "".join("x" if flag else " " for flag in flags.tolist()).split()
    return max(map(len, runs), default=0)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), st.integers(0, 1000))
def test_one_mask_each_is_a_bounded_band_of_zeros(frames: int, index: int) -> None:
    features = torch.ones(40, frames)
    masked = SpecAugment(1, 10, 1, 30, 0.2)(features, utterance_generator(0, 0, index))
    assert set(masked.unique().tolist()) <= {0.0, 1.0}
    bands, stretches = masked.amax(dim=1) == 0, masked.amax(dim=0) == 0
    assert bands.sum() == longest_run(bands) <= 10
    assert stretches.sum() == longest_run(stretches) <= min(30, 0.2 * frames)
    # Nothing is masked but whole bands and whole stretches.
    kept = (~bands).sum() * (~stretches).sum()
    assert masked.sum() == kept


def test_every_width_and_place_comes_up() -> None:
    augment = SpecAugment(1, 3, 0, 0, 0.0)
    masks = set()
    for index in range(400):
        masked = augment(torch.ones(6, 2), utterance_generator(0, 0, index))
        masks.add(tuple((masked[:, 0] == 0).nonzero()[:, 0].tolist()))
    expected = {()} | {
        tuple(range(start, start + width)) for width in (1, 2, 3) for start in range(7 - width)
    }
    assert masks == expected


def test_no_masks_change_nothing() -> None:
    features = torch.randn(8, 9)
    assert torch.equal(
        SpecAugment(0, 5, 0, 5, 1.0)(features, utterance_generator(0, 0, 0)), features
    )


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(InputError, match="between 0 and 1"):
        SpecAugment(1, 1, 1, 1, 2.0)
