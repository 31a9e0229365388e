"""What a manifest of LibriSpeech's size costs before the first batch of an epoch is loaded."""

import random
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from asr.checkpoint import TrainedModel
from asr.data.lengths import epoch_lengths
from asr.data.manifest import Utterance, read_manifest, write_manifest
from asr.data.presets import build, preset, untrained
from asr.data.sampler import BucketSampler, optimizer_steps
from asr.data.selection import Selection, normalised, output_frames, select
from asr.features.augmentation import Augmentation
from asr.text import BasicNormaliser

SEED = 1
EPOCHS = 40  # of a long run
SETTINGS = preset("data", "synthetic")


def default_model() -> TrainedModel:
    """The default model, features and vocabulary."""
    return untrained("small", "log_mel", "english", BasicNormaliser("en"), ())


def selected(trained: TrainedModel, utterances: Sequence[Utterance]) -> Selection:
    """What training would keep of a manifest as read."""
    return select(
        normalised(utterances, trained.normaliser),
        trained.vocabulary,
        lambda seconds: output_frames(trained, seconds),
        min_seconds=SETTINGS["min_seconds"],
        max_seconds=SETTINGS["max_seconds"],
    )


def planner(trained: TrainedModel, chosen: Selection, augmentation: Augmentation) -> BucketSampler:
    """The batches that training would take."""
    seconds = np.array([utterance.seconds for utterance in chosen.kept])
    samples = round(SETTINGS["batch_seconds"] * trained.features.sample_rate)
    return BucketSampler(
        lambda epoch: epoch_lengths(
            seconds, chosen.needed, trained, augmentation.speed, seed=SEED, epoch=epoch
        ),
        frame_budget=trained.features.frames(samples),
        max_utterances=SETTINGS["max_batch"],
        seed=SEED,
        sorted_first_epoch=False,
        shuffle=True,
    )


def every_augmentation(trained: TrainedModel) -> Augmentation:
    """All of them, as conf/augmentation/all.yaml sets them."""
    rate = {"features.sample_rate": trained.features.sample_rate}
    augmentation: Augmentation = build(preset("augmentation", "all", rate))
    return augmentation


def write_large_manifest(path: Path, lines: int) -> None:
    """Lines of LibriSpeech's lengths: 12 s and 170 characters on average, in capitals."""
    draw = random.Random(SEED)
    words = ["".join(draw.choices("ETAOINSHRDLU", k=draw.randint(1, 8))) for _ in range(5000)]
    write_manifest(
        path,
        (
            Utterance("", str(path.parent / f"{index}.flac"), 0.4 * count, " ".join(text))
            for index in range(lines)
            for count in (draw.randint(5, 55),)
            for text in (draw.choices(words, k=count),)
        ),
    )


def plan_epoch(path: Path) -> dict[str, float]:
    """Seconds to read, normalise and select, and to plan an epoch, and all epochs of a long run.

    That one is planned whole before it starts, since its schedule needs the number of steps. With
    them goes the peak memory of this process.
    """
    trained = default_model()
    start = time.perf_counter()
    utterances = read_manifest(path)
    read = time.perf_counter()
    chosen = selected(trained, utterances)
    kept = time.perf_counter()
    sampler = planner(trained, chosen, every_augmentation(trained))
    sampler.plan(1)
    planned = time.perf_counter()
    optimizer_steps(sampler, EPOCHS, accumulate=1)
    counted = time.perf_counter()
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "lines": len(utterances),
        "read_seconds": read - start,
        "select_seconds": kept - read,
        "plan_seconds": planned - kept,
        "seconds": planned - start,
        "all_epochs_seconds": counted - planned,
        "peak_gigabytes": kilobytes * (1 if sys.platform == "darwin" else 1024) / 1e9,
    }
