"""A planned batch of utterances to a padded batch of features and labels."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.data import Dataset

from asr.audio import read
from asr.data.batch import Batch, Example, collate
from asr.data.manifest import Utterance
from asr.data.sampler import BatchPlan
from asr.errors import InputError
from asr.features.augmentation import Augmentation
from asr.features.base import Features
from asr.features.draws import utterance_generator
from asr.features.resample import resample
from asr.text import Vocabulary


class SpeechDataset(Dataset[Batch]):
    """Reads, augments and pads; one item is a whole batch, planned by the sampler.

    Args:
        utterances: with normalised texts.
        features: waveform to normalised frames.
        vocabulary: text to labels; a text that it cannot write gets no labels (validation keeps
            such lines, training left them out before).
        augmentation: None for validation and test.
        seed: of the run: an example depends on (seed, epoch, index) alone, not on the worker.
        keep_bytes: of features that stay in this process.

    Raises:
        InputError: features are to be kept, but every epoch changes the waveforms.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        features: Features,
        vocabulary: Vocabulary,
        augmentation: Augmentation | None,
        seed: int,
        keep_bytes: float = 0.0,
    ) -> None:
        self.utterances, self.features, self.vocabulary = utterances, features, vocabulary
        self.augmentation, self.seed = augmentation, seed
        if keep_bytes and augmentation is not None and augmentation.changes_waveforms:
            raise InputError(
                "hardware.keep_gigabytes",
                expected="an augmentation that changes features only: none, light or spec_augment",
                got="one that changes waveforms, so that every epoch needs new features",
                remedy="Set augmentation=light, augmentation.speed=null or "
                "hardware.keep_gigabytes=0.",
            )
        self._kept: dict[int, Tensor] = {}
        self._room = keep_bytes

    def __len__(self) -> int:
        return len(self.utterances)

    def __getitem__(self, plan: BatchPlan) -> Batch:
        speeds = zip(plan.utterances, plan.speeds, strict=True)
        return collate([self.example(plan.epoch, index, speed) for index, speed in speeds])

    @torch.no_grad()
    def example(self, epoch: int, index: int, speed: float = 1.0) -> Example:
        """One utterance as `epoch` sees it."""
        utterance = self.utterances[index]
        generator = utterance_generator(self.seed, epoch, index)
        features = self._kept.get(index)
        if features is None:
            features = self.features(self._waveform(utterance, speed, generator))
            size = features.numel() * features.element_size()
            if size <= self._room:
                self._kept[index] = features
                self._room -= size
        if self.augmentation is not None:
            features = self.augmentation.on_features(features, generator)
        text = utterance.text
        labels = [] if self.vocabulary.unknown(text) else self.vocabulary.encode(text)
        return Example(index, features, torch.tensor(labels).long(), utterance.seconds)

    def _waveform(self, utterance: Utterance, speed: float, generator: torch.Generator) -> Tensor:
        waveform = load_waveform(utterance, self.features.sample_rate)
        if self.augmentation is None:
            return waveform
        planned = round(utterance.seconds * self.features.sample_rate)
        if speed != 1.0 and self.augmentation.speed is not None:
            waveform = self.augmentation.speed.apply(waveform, speed)
            planned = self.augmentation.speed.samples(planned, speed)
        waveform = self._with_frames_of(planned, waveform)
        return self.augmentation.on_waveform(waveform, generator)

    def _with_frames_of(self, planned: int, waveform: Tensor) -> Tensor:
        """The waveform `(N,)`, padded with zeros if it has fewer frames than `planned` samples.

        Durations in manifests are rounded, and MP3 decodes to a little less: a frame that is not
        there could be the one that CTC needs for the last label.
        """
        if self.features.frames(len(waveform)) >= self.features.frames(planned):
            return waveform
        return functional.pad(waveform, (0, planned - len(waveform)))


def load_waveform(utterance: Utterance, sample_rate: int) -> Tensor:
    """The utterance's samples `(N,)` at `sample_rate` Hz; an InputError names its file."""
    samples, rate = read(utterance.audio, utterance.offset, utterance.seconds)
    try:
        return torch.from_numpy(resample(samples, rate, sample_rate))
    except InputError as error:
        raise error.about(utterance.audio) from error
