"""`python -m asr.data.benchmark MANIFEST...`: can the loader feed training, on one core each?

Side by side: the loader with one worker and every augmentation, and training steps of the default
model on the batches it delivers; then how a manifest of LibriSpeech's size is read and planned.
"""

import argparse
import gc
import json
import multiprocessing
import random
import resource
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table
from torch.nn.functional import ctc_loss

from asr.checkpoint import TrainedModel
from asr.data.batch import Batch
from asr.data.dataset import SpeechDataset
from asr.data.lengths import epoch_lengths
from asr.data.loader import ResumableLoader
from asr.data.manifest import Utterance, read_manifest, write_manifest
from asr.data.presets import build, preset, untrained
from asr.data.sampler import BucketSampler
from asr.data.selection import Selection, normalised, output_frames, select
from asr.errors import report_input_errors
from asr.features.augmentation import Augmentation
from asr.text import BasicNormaliser

SEED = 1
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


def delivery(dataset: SpeechDataset, sampler: BucketSampler, count: int) -> tuple[Any, float]:
    """The last batches of an epoch, and the worker's CPU seconds for them, its start included."""
    sampler.start = max(len(sampler) - count, 0)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    batches = list(ResumableLoader(dataset, sampler, workers=1))
    gc.collect()  # ends the worker, which is counted only then
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return batches, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def consumption(trained: TrainedModel, batches: Sequence[Batch]) -> float:
    """Audio-seconds a CPU second that training steps take; the first batch only warms up."""
    model = trained.model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for index, batch in enumerate(batches):
        if index == 1:
            start = time.process_time()
        log_probs, frames = model(batch.features, batch.frames)
        loss = ctc_loss(log_probs, batch.labels, frames, batch.label_counts, zero_infinity=True)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return sum(batch.seconds for batch in batches[1:]) / (time.process_time() - start)


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
    """Seconds to read, normalise and select, and to plan an epoch; peak memory of this process."""
    trained = default_model()
    start = time.perf_counter()
    utterances = read_manifest(path)
    read = time.perf_counter()
    chosen = selected(trained, utterances)
    kept = time.perf_counter()
    planner(trained, chosen, every_augmentation(trained)).plan(1)
    planned = time.perf_counter()
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "lines": len(utterances),
        "read_seconds": read - start,
        "select_seconds": kept - read,
        "plan_seconds": planned - kept,
        "seconds": planned - start,
        "peak_gigabytes": kilobytes * (1 if sys.platform == "darwin" else 1024) / 1e9,
    }


def measure(manifests: Sequence[str], batches: int, lines: int) -> dict[str, Any]:
    """All figures; everything written is temporary."""
    # First, and spawned: a process inherits the peak memory of the one that starts it.
    with tempfile.TemporaryDirectory() as folder:
        write_large_manifest(path := Path(folder) / "large.jsonl", lines)
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            large = pool.submit(plan_epoch, path).result()
    torch.set_num_threads(1)
    trained = default_model()
    chosen = selected(trained, [line for manifest in manifests for line in read_manifest(manifest)])
    augmentation = every_augmentation(trained)
    dataset = SpeechDataset(chosen.kept, trained.features, trained.vocabulary, augmentation, SEED)
    loader = ResumableLoader(dataset, planner(trained, chosen, augmentation), workers=1)
    delivered, loaded = delivery(loader, batches)
    trained_on = consumption(trained, delivered)
    return {
        "batches": len(delivered) - 1,
        "audio_seconds": sum(batch.seconds for batch in delivered[1:]),
        "loader_speed": loaded,
        "training_speed": trained_on,
        "ratio": loaded / trained_on,
        "large_manifest": large,
    }


def show(figures: dict[str, Any]) -> None:
    """Print the figures beside what they should be."""
    table = Table("", "measured", "goal")
    large = figures["large_manifest"]
    heard = f"{figures['audio_seconds']:,.0f} s of audio in {figures['batches']} batches"
    table.add_row("loader, 1 worker, every augmentation", f"{figures['loader_speed']:,.0f} x")
    table.add_row("training, default model, 1 thread", f"{figures['training_speed']:,.0f} x")
    table.add_row("loader over training", f"{figures['ratio']:.1f}", "5 or more")
    for key in ("read", "select", "plan"):
        table.add_row(f"{large['lines']:,} lines: {key}", f"{large[f'{key}_seconds']:.1f} s")
    table.add_row("  all of it", f"{large['seconds']:.1f} s", "under 10 s")
    table.add_row("  peak memory", f"{large['peak_gigabytes']:.2f} GB", "under 1 GB")
    Console().print(table, f"x: audio-seconds a second; {heard}")


@report_input_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m asr.data.benchmark", description=(__doc__ or "").split(": ", 1)[1]
    )
    parser.add_argument("manifests", metavar="MANIFEST", nargs="+", help="of speech to load")
    parser.add_argument("--batches", type=int, default=20, help="default: %(default)s")
    parser.add_argument("--lines", type=int, default=300_000, help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    given = parser.parse_args(arguments)
    figures = measure(given.manifests, given.batches, given.lines)
    print(json.dumps(figures)) if given.json else show(figures)


if __name__ == "__main__":
    main()
