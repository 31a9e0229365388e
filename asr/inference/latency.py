"""Time that a chunk of sound takes in streaming: python -m asr.inference.latency (--help)."""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from rich.console import Console
from rich.table import Column, Table

from asr.arguments import count, positive_seconds, sparsity
from asr.errors import report_input_errors
from asr.inference.model import Model
from asr.inference.model_file import read_model
from asr.inference.random_model import random_model
from asr.inference.recogniser import Recogniser

CHUNK_SECONDS = 0.02
_WARM_UP_SECONDS = 1.0


@dataclass(frozen=True)
class Latency:
    """What the chunks of one stream took, each by the wall clock."""

    model: str
    engine: str
    chunks: int
    median_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    rtf: float  # seconds of the processor in a second of sound
    rtf_wall: float
    algorithmic_ms: float  # of sound to come that a label waits for


def measure(recogniser: Recogniser, name: str, seconds: float, seed: int = 0) -> Latency:
    """Feed a stream noise whose loudness wanders, in chunks of 20 ms, as fast as it takes them."""
    rate = recogniser.model.features.sample_rate
    size = round(CHUNK_SECONDS * rate)
    rng = np.random.default_rng(seed)
    stream = recogniser.stream(rate)

    def chunk() -> np.ndarray:
        return (rng.normal(size=size) * rng.uniform(0, 0.3)).astype(np.float32)

    for _ in range(round(_WARM_UP_SECONDS / CHUNK_SECONDS)):
        stream.accept(chunk())
    chunks = [chunk() for _ in range(max(round(seconds / CHUNK_SECONDS), 1))]
    taken = np.empty(len(chunks))
    processor = time.process_time()
    for index, samples in enumerate(chunks):
        started = time.perf_counter()
        stream.accept(samples)
        taken[index] = time.perf_counter() - started
    processor = time.process_time() - processor
    sound = len(chunks) * size / rate
    p50, p95, p99 = np.percentile(1e3 * taken, [50, 95, 99]).tolist()
    return Latency(
        model=name,
        engine=recogniser.engine.name,
        chunks=len(chunks),
        median_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        max_ms=1e3 * float(taken.max()),
        rtf=processor / sound,
        rtf_wall=float(taken.sum()) / sound,
        algorithmic_ms=1e3 * stream.latency_seconds,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    given = _parser().parse_args(arguments)
    found = [
        measure(Recogniser(model, engine=given.engine), name, given.seconds)
        for name, model in _models(given)
    ]
    if given.json:
        print(json.dumps([asdict(each) for each in found]))
    else:
        _show(found)


def _models(given: argparse.Namespace) -> Iterator[tuple[str, Model]]:
    if given.model:
        yield given.model, read_model(given.model)
        return
    rows, columns = given.block
    for hidden in given.hidden:
        for layers in given.layers:
            name = f"random, {layers} x {hidden}, {rows}x{columns}, {100 * given.sparsity:g} %"
            yield name, random_model(hidden, layers, (rows, columns), given.sparsity)


def _show(found: Sequence[Latency]) -> None:
    table = Table(
        Column("model", overflow="fold"),
        *("median", "95 %", "99 %", "longest", "RTF", "RTF, wall", "waits"),
        title=f"Milliseconds that a chunk of {1e3 * CHUNK_SECONDS:g} ms takes; {found[0].engine}",
        caption="RTF: seconds of the processor in a second of sound. "
        "Waits: milliseconds of later sound that a label needs.",
    )
    for each in found:
        times = (each.median_ms, each.p95_ms, each.p99_ms, each.max_ms)
        factors = (each.rtf, each.rtf_wall)
        cells = [f"{time:.3f}" for time in times] + [f"{factor:.4f}" for factor in factors]
        table.add_row(each.model, *cells, f"{each.algorithmic_ms:.0f}")
    Console().print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asr.inference.latency",
        description="Time a stream's chunks of 20 ms, one after the other on one thread: of an "
        "exported model, or of random block-sparse GRUs (log-mel features, two convolutions, an "
        "output every 20 ms).",
    )
    parser.add_argument("model", metavar="MODEL", nargs="?", help="an exported file")
    parser.add_argument("--seconds", type=positive_seconds, default=30.0, help="of sound")
    parser.add_argument("--hidden", type=count, nargs="+", default=[512, 1024])
    parser.add_argument("--layers", type=count, nargs="+", default=[1, 3])
    parser.add_argument("--block", type=count, nargs=2, default=[16, 16])
    parser.add_argument("--sparsity", type=sparsity, default=0.9)
    parser.add_argument("--engine", help="otherwise the fastest")
    parser.add_argument("--json", action="store_true", help="a list of objects on stdout")
    return parser


if __name__ == "__main__":
    sys.exit(report_input_errors(main)())
