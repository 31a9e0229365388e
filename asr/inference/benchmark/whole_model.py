"""Audio to text by a whole model, pruned, exported and in the runtime, beside torch.

    python -m asr.inference.benchmark.whole_model [--model small deepspeech2] [--seconds 10]

Presets of conf/model with fresh weights, of whose recurrent layers random blocks are zeroed; the
audio is noise, since what is computed does not depend on what is said. Both run on one thread, in
turns, batch 1; CPU time. The dense model in torch is the same one by torch's own recurrent layers,
its zeros multiplied like any other weight. Real-time factor: processing seconds of a second of
audio.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from asr.arguments import count, positive_seconds, sparsity
from asr.data.presets import untrained
from asr.decoding.greedy import GreedyDecoder
from asr.errors import report_input_errors
from asr.evaluation.forward import log_probabilities, text_of, waveform_features
from asr.inference.benchmark.masks import prune_at_random
from asr.inference.benchmark.timing import interleaved
from asr.inference.benchmark.trained_model import as_torch_runs_it
from asr.inference.folding import folded
from asr.inference.network import Network
from asr.inference.recogniser import Recogniser
from asr.text import BasicNormaliser

RATE = 16000


@dataclass(frozen=True)
class Row:
    """Real-time factors of one model; stages are the runtime's, as shares of its time."""

    model: str
    parameters: int
    sparsity: float  # of the pruned matrices
    block: tuple[int, int]
    weights: str
    seconds: float  # of audio
    rtf_torch: float
    rtf: float
    speedup: float  # median of the rounds' ratios
    stages: dict[str, float]


def measure(
    name: str,
    *,
    block: tuple[int, int],
    sparsity: float,
    weights: str,
    seconds: float,
    rounds: int,
) -> Row:
    """Time a preset of conf/model."""
    torch.manual_seed(0)
    trained = untrained(name, "log_mel", "english", BasicNormaliser("en"), [])
    trained.model.eval()
    trained = prune_at_random(trained, block, sparsity)
    samples = np.random.default_rng(0).normal(0, 0.1, round(seconds * RATE)).astype(np.float32)
    decoder = GreedyDecoder()
    in_library = as_torch_runs_it(trained)

    def in_torch() -> str:
        features = waveform_features(trained, samples, RATE)
        log_probs, frames = log_probabilities(in_library, [features])
        return text_of(trained, decoder.decode_batch(log_probs, frames)[0])

    model = folded(trained, {}, weights)
    recogniser = Recogniser(model)
    features = recogniser.features(samples, RATE)
    network = Network(model, recogniser.engine, 1)
    rows = network.front_end(features)
    batch, lengths = rows[:, None], np.array([len(rows)])
    states = network.recurrent(batch, lengths)[:, 0]
    timed = interleaved(
        {
            "torch": in_torch,
            "ours": lambda: recogniser.transcribe(samples, RATE),
            "features": lambda: recogniser.features(samples, RATE),
            "front end": lambda: network.front_end(features),
            "recurrent layers": lambda: network.recurrent(batch, lengths),
            "output": lambda: network.head(states),
        },
        rounds=rounds,
        processor_time=True,
    )
    ours = timed.median("ours")
    return Row(
        model=name,
        parameters=sum(weight.numel() for weight in trained.model.parameters()),
        sparsity=sparsity,
        block=block,
        weights=weights,
        seconds=seconds,
        rtf_torch=timed.median("torch") / seconds,
        rtf=ours / seconds,
        speedup=timed.ratio("torch", "ours"),
        stages={
            stage: timed.median(stage) / ours
            for stage in ("features", "front end", "recurrent layers", "output")
        },
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m asr.inference.benchmark.whole_model",
        description="Real-time factor of whole models, audio to text, beside dense torch.",
    )
    parser.add_argument(
        "--model", nargs="+", default=["small", "deepspeech2"], help="of conf/model"
    )
    parser.add_argument("--block", type=count, nargs=2, default=[16, 16])
    parser.add_argument("--sparsity", type=sparsity, default=0.9)
    parser.add_argument("--weights", nargs="+", default=["fp32", "fp16"])
    parser.add_argument("--seconds", type=positive_seconds, default=10.0, help="of audio")
    parser.add_argument("--rounds", type=count, default=5)
    parser.add_argument("--json", action="store_true", help="print the rows as JSON")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = [
        measure(
            name,
            block=(given.block[0], given.block[1]),
            sparsity=given.sparsity,
            weights=weights,
            seconds=given.seconds,
            rounds=given.rounds,
        )
        for name in given.model
        for weights in given.weights
    ]
    print(json.dumps([asdict(row) for row in rows])) if given.json else _show(rows)


def _show(rows: Sequence[Row]) -> None:
    table = Table("model", "weights", "rtf torch", "rtf", "x torch", "where the time goes")
    for row in rows:
        stages = ", ".join(f"{name} {100 * share:.0f} %" for name, share in row.stages.items())
        speeds: list[Any] = [f"{row.rtf_torch:.4f}", f"{row.rtf:.4f}", f"{row.speedup:.1f}"]
        table.add_row(row.model, row.weights, *speeds, stages)
    Console(width=None if sys.stdout.isatty() else 160).print(table)


if __name__ == "__main__":
    report_input_errors(main)()
