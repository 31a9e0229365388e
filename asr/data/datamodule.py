"""Manifests to loaders: reads, normalises, selects, and shards for every process."""

from collections.abc import Iterator, Sequence
from functools import partial

import lightning
import numpy as np

from asr.checkpoint import TrainedModel
from asr.data.dataset import SpeechDataset, load_waveform
from asr.data.lengths import epoch_lengths
from asr.data.loader import ResumableLoader
from asr.data.manifest import Utterance, missing_audio, read_manifest
from asr.data.sampler import BucketSampler, EpochLengths, optimizer_steps
from asr.data.selection import Selection, normalised, output_frames, select
from asr.errors import InputError
from asr.features.augmentation import Augmentation
from asr.features.base import Features
from asr.features.statistics import FeatureStatistics, feature_statistics
from asr.text import Normaliser


class SpeechData(lightning.LightningDataModule):
    """The training and validation sets of a run.

    Args:
        train, validation, test: manifests, one or more each; `test` is for evaluate.py.
        min_seconds, max_seconds: of a training utterance; others are left out and named.
        batch_seconds: most seconds of a batch after padding.
        max_batch: most utterances of a batch.
        sorted_first_epoch: SortaGrad.
        statistics_utterances: training utterances, drawn by the seed, from which the global mean
            and deviation of each bin are computed.
        normaliser: of the texts.
        seed: of the run.
        workers: loader processes; 0 loads in the training process.
        keep_gigabytes: of the features of each set, kept in memory; see `Hardware`.
    """

    def __init__(
        self,
        train: Sequence[str],
        validation: Sequence[str],
        test: Sequence[str],
        min_seconds: float,
        max_seconds: float,
        batch_seconds: float,
        max_batch: int,
        sorted_first_epoch: bool,
        statistics_utterances: int,
        *,
        normaliser: Normaliser,
        seed: int,
        workers: int,
        keep_gigabytes: float = 0.0,
    ) -> None:
        super().__init__()
        _check_positive(
            max_seconds=max_seconds,
            batch_seconds=batch_seconds,
            max_batch=max_batch,
            statistics_utterances=statistics_utterances,
        )
        self.min_seconds, self.max_seconds = min_seconds, max_seconds
        self.batch_seconds, self.max_batch = batch_seconds, max_batch
        self.sorted_first_epoch = sorted_first_epoch
        self.statistics_utterances = statistics_utterances
        self.seed, self.workers = seed, workers
        self.keep_bytes = keep_gigabytes * 1e9
        self.all_train = read_utterances(train, normaliser)
        self.validation = read_utterances(validation, normaliser)
        if not any(utterance.text for utterance in self.validation):
            raise InputError(
                ", ".join(validation),
                expected="texts to compare with",
                got=f"{len(self.validation)} utterances, all with an empty text",
                remedy="An error rate needs references: name another data.validation.",
            )
        self.train: list[Utterance] = []

    def train_texts(self) -> Iterator[str]:
        """Normalised training texts, for a vocabulary that is built from them."""
        return (utterance.text for utterance in self.all_train)

    def feature_statistics(self, features: Features) -> FeatureStatistics:
        """Global statistics per bin, over a seeded sample of the lines of a legal length."""
        order = np.random.default_rng(self.seed).permutation(len(self.all_train)).tolist()
        legal = [
            index
            for index in order
            if self.min_seconds <= self.all_train[index].seconds <= self.max_seconds
        ]
        if not legal:
            raise InputError(
                "training set",
                expected=f"an utterance of {self.min_seconds:g} to {self.max_seconds:g} s",
                got=f"{len(order)} that are shorter or longer",
                remedy="Set data.min_seconds and data.max_seconds, or cut the recordings.",
            )
        return feature_statistics(
            features.unnormalised(
                load_waveform(self.all_train[index], features.sample_rate)
            ).numpy()
            for index in sorted(legal[: self.statistics_utterances])
        )

    def use(self, trained: TrainedModel, augmentation: Augmentation) -> Selection:
        """Select what `trained` can learn from, and build the datasets; returns the selection."""
        self.trained, self.augmentation = trained, augmentation
        selection = select(
            self.all_train,
            trained.vocabulary,
            lambda seconds: output_frames(trained, seconds),
            min_seconds=self.min_seconds,
            max_seconds=self.max_seconds,
        )
        if not selection.kept:
            raise InputError(
                "training set",
                expected="at least one utterance that can be trained on",
                got=selection.summary(),
                remedy="Run asr.data.check on the manifests.",
            )
        self.train = selection.kept
        dataset = partial(
            SpeechDataset,
            features=trained.features,
            vocabulary=trained.vocabulary,
            seed=self.seed,
            keep_bytes=self.keep_bytes,
        )
        self.train_set = dataset(self.train, augmentation=augmentation)
        self.validation_set = dataset(self.validation, augmentation=None)
        self._seconds = np.array([utterance.seconds for utterance in self.train])
        self._needed = selection.needed
        return selection

    def train_lengths(self, epoch: int) -> EpochLengths:
        """Frames and speeds of the training set in `epoch`: a pure function of the seed."""
        return epoch_lengths(
            self._seconds,
            self._needed,
            self.trained,
            self.augmentation.speed,
            seed=self.seed,
            epoch=epoch,
        )

    def train_sampler(self, rank: int = 0, world: int = 1) -> BucketSampler:
        return BucketSampler(
            self.train_lengths,
            frame_budget=int(self._frames(np.array([self.batch_seconds]))[0]),
            max_utterances=self.max_batch,
            seed=self.seed,
            sorted_first_epoch=self.sorted_first_epoch,
            shuffle=True,
            rank=rank,
            world=world,
        )

    def total_steps(self, epochs: int, accumulate: int, world: int) -> int:
        """Optimizer steps of `epochs` epochs on `world` processes."""
        return optimizer_steps(self.train_sampler(0, world), epochs, accumulate)

    def train_dataloader(self) -> ResumableLoader:
        """The loader of the current epoch: another epoch has another number of batches."""
        assert self.trainer is not None
        sampler = self.train_sampler(self.trainer.global_rank, self.trainer.world_size)
        sampler.set_epoch(self.trainer.current_epoch)
        return ResumableLoader(self.train_set, sampler, self.workers)

    def val_dataloader(self) -> ResumableLoader:
        """Every validation utterance once, over all processes, without augmentation."""
        assert self.trainer is not None
        frames = self._frames(np.array([utterance.seconds for utterance in self.validation]))
        lengths = EpochLengths(frames, np.ones(len(frames)))
        budget = int(self._frames(np.array([self.batch_seconds]))[0])
        sampler = BucketSampler(
            lambda _: lengths,
            frame_budget=max(budget, int(frames.max())),
            max_utterances=self.max_batch,
            seed=self.seed,
            sorted_first_epoch=False,
            shuffle=False,
            rank=self.trainer.global_rank,
            world=self.trainer.world_size,
        )
        return ResumableLoader(self.validation_set, sampler, self.workers)

    def _frames(self, seconds: np.ndarray) -> np.ndarray:
        features = self.trained.features
        return features.frames(np.round(seconds * features.sample_rate).astype(np.int64))


def read_utterances(manifests: Sequence[str], normaliser: Normaliser) -> list[Utterance]:
    """All lines of all manifests with normalised texts; every audio file must exist."""
    if not manifests:
        raise InputError(
            "data",
            expected="at least one manifest for training and for validation",
            got="none",
            remedy="Set data.train=[FILE,...] and data.validation=[FILE,...].",
        )
    utterances = [line for manifest in manifests for line in read_manifest(manifest)]
    if absent := missing_audio(utterances):
        names = "".join(f"\n  {utterance.audio}" for utterance in absent[:20])
        raise InputError(
            ", ".join(manifests),
            expected="audio files that exist",
            got=f"{len(absent)} that do not, or that are folders, devices or pipes",
            remedy=f"Prepare the corpus again, or mend the manifest:{names}",
        )
    return normalised(utterances, normaliser)


def _check_positive(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < float("inf"):  # NaN neither
            raise InputError(
                f"data.{name}",
                expected="a finite number above 0",
                got=str(value),
                remedy="The choices in conf/data are numbers to start from.",
            )
