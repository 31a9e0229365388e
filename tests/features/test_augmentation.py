"""What holds for every transform, and the composition of them in conf/augmentation."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch import Tensor

from asr.features.augmentation import Augmentation
from asr.features.draws import integer, uniform, utterance_generator
from asr.features.gain import Gain
from asr.features.log_mel import LogMel
from asr.features.noise import AddNoise
from asr.features.room import RoomImpulseResponse
from asr.features.spec_augment import SpecAugment

CONF = Path(__file__).resolve().parents[2] / "conf"
TRANSFORMS: list[Callable[[Tensor, torch.Generator], Tensor]] = [
    AddNoise(None, [5.0, 20.0], 1.0, 16000),
    RoomImpulseResponse(None, [0.1, 0.4], 1.0, 16000),
    Gain([-10.0, 6.0]),
    SpecAugment(2, 10, 2, 40, 0.2),
]


def load(choice: str) -> Augmentation:
    config = OmegaConf.create(
        {
            "features": OmegaConf.load(CONF / "features" / "log_mel.yaml"),
            "augmentation": OmegaConf.load(CONF / "augmentation" / f"{choice}.yaml"),
        }
    )
    augmentation: Augmentation = instantiate(config.augmentation, _convert_="all")
    return augmentation


@pytest.fixture(params=TRANSFORMS, ids=lambda transform: type(transform).__name__)
def transform(request: pytest.FixtureRequest) -> Callable[[Tensor, torch.Generator], Tensor]:
    return request.param  # type: ignore[no-any-return]


def test_the_same_generator_gives_the_same_bits_and_another_does_not(
    transform: Callable[[Tensor, torch.Generator], Tensor], speech: Tensor
) -> None:
    x = speech.reshape(80, 400) if isinstance(transform, SpecAugment) else speech
    before = x.clone()
    first, again = (transform(x, utterance_generator(1, 2, 3)) for _ in range(2))
    assert torch.equal(first, again)
    assert first.shape == x.shape
    assert first.dtype == x.dtype
    assert torch.equal(x, before), "the input was changed in place"
    for other in ((2, 2, 3), (1, 3, 3), (1, 2, 4)):
        assert not torch.equal(first, transform(x, utterance_generator(*other)))


def test_the_global_generator_is_left_alone(
    transform: Callable[[Tensor, torch.Generator], Tensor], speech: Tensor
) -> None:
    state = torch.get_rng_state()
    transform(speech.reshape(80, 400), utterance_generator(0, 0, 0)) if isinstance(
        transform, SpecAugment
    ) else transform(speech, utterance_generator(0, 0, 0))
    assert torch.equal(torch.get_rng_state(), state)


def test_gain_stays_in_its_range(speech: Tensor) -> None:
    gain = Gain([-10.0, 6.0])
    levels = [
        20 * math.log10((gain(speech, utterance_generator(0, 0, i)) / speech).nanmedian())
        for i in range(50)
    ]
    assert -10.001 < min(levels) < -8
    assert 4 < max(levels) < 6.001


def test_draws_are_uniform() -> None:
    generator = utterance_generator(0, 0, 0)
    numbers = [uniform(2, 4, generator) for _ in range(2000)]
    assert 2 <= min(numbers) < 2.01
    assert 3.99 < max(numbers) < 4
    assert {integer(3, generator) for _ in range(100)} == {0, 1, 2}


def test_generators_of_neighbours_differ() -> None:
    places = [(s, e, i) for s in range(4) for e in range(4) for i in range(50)]
    first = {uniform(0, 1, utterance_generator(*place)) for place in places}
    assert len(first) == len(places)


def test_no_augmentation_returns_what_came(speech: Tensor) -> None:
    none, generator = load("none"), utterance_generator(0, 0, 0)
    assert none.speed is None
    assert none.on_waveform(speech, generator) is speech
    assert none.on_features(speech, generator) is speech


def test_everything_together_is_reproducible_and_finite(speech: Tensor) -> None:
    augmentation, features = load("all"), LogMel(16000, 0.025, 0.01, 80, 20.0, 7600.0)
    assert augmentation.speed is not None

    def augmented(epoch: int, index: int) -> Tensor:
        assert augmentation.speed is not None
        generator = utterance_generator(0, epoch, index)
        faster = augmentation.speed.apply(speech, augmentation.speed.draw(0, epoch, 9)[index])
        return augmentation.on_features(
            features(augmentation.on_waveform(faster, generator)), generator
        )

    for index in range(9):
        assert torch.equal(augmented(1, index), augmented(1, index))
        assert augmented(1, index).isfinite().all()
        assert augmented(1, index).shape != augmented(2, index).shape or not torch.equal(
            augmented(1, index), augmented(2, index)
        )


@pytest.mark.parametrize("choice", ["spec_augment", "default"])
def test_the_other_choices_compose(choice: str, speech: Tensor) -> None:
    augmentation = load(choice)
    assert (augmentation.speed is not None) == (choice == "default")
    features = speech.reshape(80, 400) + 5
    assert (augmentation.on_features(features, utterance_generator(0, 0, 0)) == 0).any()
