"""An example is a function of (seed, epoch, index): whoever loads it, and beside whatever."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir

from asr.audio import read
from asr.configuration import CONFIGURATION, build
from asr.data.batch import Batch, Example, collate
from asr.data.dataset import SpeechDataset, load_waveform
from asr.data.loader import ResumableLoader
from asr.data.manifest import Utterance, read_manifest
from asr.data.sampler import BatchPlan, BucketSampler, EpochLengths
from asr.features.augmentation import Augmentation
from asr.features.base import Features
from asr.text import CharacterVocabulary
from tests.finished_run import write_audio

SPEEDS = (0.9, 1.0, 1.1)


@pytest.fixture(scope="module")
def presets() -> tuple[Features, Augmentation]:
    """The default features and conf/augmentation/all.yaml."""
    with initialize_config_dir(str(CONFIGURATION), version_base="1.3"):
        cfg = compose("train", ["augmentation=all"])
    return build(cfg.features), build(cfg.augmentation)


@pytest.fixture
def dataset(tones: Path, presets: tuple[Features, Augmentation]) -> SpeechDataset:
    features, augmentation = presets
    utterances = read_manifest(tones / "train.jsonl")
    return SpeechDataset(utterances, features, CharacterVocabulary("abcd "), augmentation, seed=3)


def loader(dataset: SpeechDataset, workers: int) -> ResumableLoader:
    """Batches of up to five utterances at drawn speeds, for any epoch."""

    def lengths(epoch: int) -> EpochLengths:
        speeds = np.random.default_rng(epoch).choice(SPEEDS, len(dataset))
        return EpochLengths(np.arange(1, len(dataset) + 1), speeds)

    sampler = BucketSampler(
        lengths,
        frame_budget=10_000,
        max_utterances=5,
        seed=3,
        sorted_first_epoch=True,
        shuffle=True,
    )
    return ResumableLoader(dataset, sampler, workers)


def delivered(loader: ResumableLoader, epoch: int) -> list[Batch]:
    loader.sampler.set_epoch(epoch)
    return list(loader)


def assert_equal(ours: Batch, theirs: Batch) -> None:
    for field in ("indices", "features", "frames", "labels", "label_counts"):
        assert torch.equal(getattr(ours, field), getattr(theirs, field)), field
    assert ours.seconds == theirs.seconds


def test_workers_change_no_bit_with_every_augmentation_on(dataset: SpeechDataset) -> None:
    alone, helped = loader(dataset, 0), loader(dataset, 2)
    for epoch in (0, 1):
        torch.manual_seed(epoch)  # the global generator is nobody's source
        ours, theirs = delivered(alone, epoch), delivered(helped, epoch)
        assert len(ours) == len(theirs) == 5
        for one, other in zip(ours, theirs, strict=True):
            assert_equal(one, other)


def test_a_batch_holds_each_example_as_it_is_alone(dataset: SpeechDataset) -> None:
    plan = BatchPlan(2, (7, 0, 11), SPEEDS)
    batch = dataset[plan]
    for row, (index, speed) in enumerate(zip(plan.utterances, plan.speeds, strict=True)):
        alone = dataset.example(2, index, speed)
        frames, count = alone.features.shape[1], len(alone.labels)
        assert torch.equal(batch.features[row, :, :frames], alone.features)
        assert batch.features[row, :, frames:].eq(0).all()
        assert torch.equal(batch.labels[row, :count], alone.labels)
        assert batch.labels[row, count:].eq(0).all()
        assert (batch.frames[row], batch.label_counts[row]) == (frames, count)
    assert batch.frames.dtype == batch.label_counts.dtype == batch.labels.dtype == torch.int64
    assert batch.seconds == pytest.approx(sum(dataset.utterances[i].seconds for i in (7, 0, 11)))


def test_kept_features_are_those_computed_anew(
    dataset: SpeechDataset, presets: tuple[Features, Augmentation], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as there is room for, and before they are masked."""
    features, everything = presets
    masks = Augmentation(None, (), everything.spectrum)
    size = sum(4 * dataset.example(0, index).features.numel() for index in (0, 1))
    computed: list[int] = []
    compute = features.forward
    monkeypatch.setattr(
        features, "forward", lambda waveform: computed.append(1) or compute(waveform)
    )

    def computations(augmentation: Augmentation | None, keep_bytes: float) -> int:
        """In the second of two epochs over utterances 0 and 1, each compared with fresh ones."""
        fresh, keeping = (
            SpeechDataset(dataset.utterances, features, dataset.vocabulary, augmentation, 3, room)
            for room in (0, keep_bytes)
        )
        for epoch in (0, 1):
            ours = [keeping.example(epoch, index).features for index in (0, 1)]
            count = len(computed)
            for index in (0, 1):
                assert torch.equal(ours[index], fresh.example(epoch, index).features)
            computed.clear()
        return count

    assert computations(masks, size) == 0
    assert computations(None, size) == 0
    assert computations(masks, size - 1) == 1
    assert computations(masks, 0) == 2


def test_epochs_seeds_and_indices_differ(
    dataset: SpeechDataset, presets: tuple[Features, Augmentation]
) -> None:
    ours = dataset.example(0, 4).features
    assert torch.equal(ours, dataset.example(0, 4).features)
    reseeded = SpeechDataset(
        dataset.utterances, presets[0], dataset.vocabulary, presets[1], seed=dataset.seed + 1
    )
    same_audio = SpeechDataset(
        [dataset.utterances[4]] * 6, presets[0], dataset.vocabulary, presets[1], dataset.seed
    )
    others = [dataset.example(1, 4), reseeded.example(0, 4), same_audio.example(0, 5)]
    for other in others:
        assert other.features.shape == ours.shape
        assert not torch.equal(other.features, ours)
    assert torch.equal(same_audio.example(0, 4).features, ours)


def test_validation_is_the_audio_itself_in_every_epoch(dataset: SpeechDataset) -> None:
    plain = SpeechDataset(dataset.utterances, dataset.features, dataset.vocabulary, None, seed=3)
    samples, _ = read(dataset.utterances[2].audio)
    for epoch in (0, 5):
        example = plain.example(epoch, 2, speed=1.1)  # a speed has no effect without augmentation
        assert torch.equal(example.features, dataset.features(torch.from_numpy(samples)))


def test_labels_spell_the_text_and_unknown_characters_leave_none(dataset: SpeechDataset) -> None:
    example = dataset.example(0, 0)
    assert dataset.vocabulary.decode(example.labels.tolist()) == dataset.utterances[0].text
    narrow = SpeechDataset(
        dataset.utterances, dataset.features, CharacterVocabulary("xyz"), None, seed=3
    )
    assert len(narrow.example(0, 0).labels) == 0
    assert narrow[BatchPlan(0, (0, 1), (1.0, 1.0))].label_counts.tolist() == [0, 0]


def test_collate_hand_worked() -> None:
    batch = collate(
        [
            Example(3, torch.ones(2, 1), torch.tensor([5, 6, 7]), 0.5),
            Example(1, torch.full((2, 3), 2.0), torch.tensor([8]), 1.5),
        ]
    )
    assert batch.features.tolist() == [[[1, 0, 0], [1, 0, 0]], [[2, 2, 2], [2, 2, 2]]]
    assert batch.labels.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert (batch.indices.tolist(), batch.frames.tolist()) == ([3, 1], [1, 3])
    assert (batch.label_counts.tolist(), batch.seconds) == ([3, 1], 2.0)
    moved = batch.to("meta")
    assert moved.features.device == moved.label_counts.device == torch.device("meta")
    assert moved.seconds == 2.0


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_any_sample_rate_and_any_part_of_a_file(tmp_path: Path, rate: int) -> None:
    write_audio(tmp_path / "a.wav", 2.0, rate=rate)
    whole = load_waveform(Utterance("a", str(tmp_path / "a.wav"), 2.0, ""), 16000)
    part = load_waveform(Utterance("a", str(tmp_path / "a.wav"), 0.5, "", offset=1.0), 16000)
    assert (len(whole), len(part)) == (32000, 8000)
    # The resampler's filter sees other neighbours at the edges of the part only.
    inside = slice(400, 7600)
    assert torch.allclose(part[inside], whole[16000:24000][inside], atol=1e-4)
