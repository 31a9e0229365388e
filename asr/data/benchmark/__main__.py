"""`python -m asr.data.benchmark MANIFEST...`: can the loader feed training, on one core each?

Side by side: the loader with one worker and every augmentation, and training steps of the default
model on the batches it delivers; then how a manifest of LibriSpeech's size is read and planned.
"""

import argparse
import gc
import json
import multiprocessing
import resource
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch.nn.functional import ctc_loss

from asr.arguments import count
from asr.checkpoint import TrainedModel
from asr.data.batch import Batch
from asr.data.benchmark.large_manifest import (
    EPOCHS,
    SEED,
    default_model,
    every_augmentation,
    plan_epoch,
    planner,
    selected,
    write_large_manifest,
)
from asr.data.dataset import SpeechDataset
from asr.data.loader import ResumableLoader
from asr.data.manifest import read_manifest
from asr.data.sampler import BucketSampler
from asr.errors import InputError, report_input_errors
from asr.model.acoustic import AcousticModel


def delivery(dataset: SpeechDataset, sampler: BucketSampler) -> float:
    """Audio-seconds a second of one worker's processor time, its start and end included."""
    before = _ended_children()
    heard = sum(batch.seconds for batch in ResumableLoader(dataset, sampler, workers=1))
    gc.collect()  # ends the worker, whose time is known only then
    return heard / (_ended_children() - before)


def consumption(
    trained: TrainedModel, dataset: SpeechDataset, sampler: BucketSampler
) -> tuple[float, float]:
    """Training beside one worker, after a first step.

    Returns:
        Audio-seconds a second of the training process's time, and the share of its elapsed time
        in which it waited for the worker.
    """
    model, batches = trained.model.train(), iter(ResumableLoader(dataset, sampler, workers=1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    _step(model, optimizer, next(batches))
    processor, start, waited, heard = time.process_time(), time.perf_counter(), 0.0, 0.0
    while True:
        asked = time.perf_counter()
        batch = next(batches, None)
        waited += time.perf_counter() - asked
        if batch is None:
            break
        _step(model, optimizer, batch)
        heard += batch.seconds
    return heard / (time.process_time() - processor), waited / (time.perf_counter() - start)


def _step(model: AcousticModel, optimizer: torch.optim.Optimizer, batch: Batch) -> None:
    log_probs, frames = model(batch.features, batch.frames)
    loss = ctc_loss(log_probs, batch.labels, frames, batch.label_counts, zero_infinity=True)
    optimizer.zero_grad()
    torch.autograd.backward(loss)
    optimizer.step()


def _ended_children() -> float:
    """Processor time of the child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


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
    sampler = planner(trained, chosen, augmentation)
    if min(len(sampler), batches) < 2:
        raise InputError(
            "benchmark",
            expected="speech for at least 2 batches, the first to warm up",
            got=f"{len(chosen.kept)} utterances, or --batches {batches}",
            remedy="Name more manifests.",
        )
    last = max(len(sampler) - batches, 0)
    sampler.start = last
    loader_speed = delivery(dataset, sampler)
    sampler.start = last
    training_speed, waiting = consumption(trained, dataset, sampler)
    return {
        "batches": len(sampler) - last,
        "loader_speed": loader_speed,
        "training_speed": training_speed,
        "ratio": loader_speed / training_speed,
        "waiting_share": waiting,
        "large_manifest": large,
    }


def show(figures: dict[str, Any]) -> None:
    """Print the figures beside what they should be."""
    table = Table("", "measured", "goal")
    large = figures["large_manifest"]
    table.add_row("loader, 1 worker, every augmentation", f"{figures['loader_speed']:,.0f} x")
    table.add_row("training, default model, 1 thread", f"{figures['training_speed']:,.0f} x")
    table.add_row("loader over training", f"{figures['ratio']:.1f}", "5 or more")
    waiting = f"{100 * figures['waiting_share']:.1f} %"
    table.add_row("training waits for the loader", waiting, "under 2 %")
    for key in ("read", "select", "plan"):
        table.add_row(f"{large['lines']:,} lines: {key}", f"{large[f'{key}_seconds']:.1f} s")
    table.add_row("  all of it", f"{large['seconds']:.1f} s", "under 10 s")
    steps = f"  steps of {EPOCHS} epochs counted"
    table.add_row(steps, f"{large['all_epochs_seconds']:.1f} s", "under 20 s")
    table.add_row("  peak memory", f"{large['peak_gigabytes']:.2f} GB", "under 1 GB")
    Console().print(table, f"x: audio-seconds a CPU second, over {figures['batches']} batches")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m asr.data.benchmark", description=(__doc__ or "").split(": ", 1)[1]
    )
    parser.add_argument("manifests", metavar="MANIFEST", nargs="+", help="of speech to load")
    parser.add_argument("--batches", type=count, default=40, help="default: %(default)s")
    parser.add_argument("--lines", type=count, default=300_000, help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    given = parser.parse_args(arguments)
    figures = measure(given.manifests, given.batches, given.lines)
    print(json.dumps(figures)) if given.json else show(figures)


if __name__ == "__main__":
    report_input_errors(main)()
