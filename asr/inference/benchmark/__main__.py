"""`python -m asr.inference.benchmark`: a GRU layer by the kernel and by other libraries."""

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from asr.arguments import count, sparsity
from asr.errors import InputError, report_input_errors
from asr.files import atomic_write, require_writable
from asr.inference.benchmark.contestants import Contest, best_kernel, states
from asr.inference.benchmark.masks import at_random, random_gru, trained_grus
from asr.inference.benchmark.pictures import draw_heat_map
from asr.inference.benchmark.timing import interleaved
from asr.inference.layers import Direction
from asr.inference.model_file import read_model

_SEED = 0  # of the input
_OUTPUTS = (".json", ".md", ".png")  # numbers, table, picture


@dataclass(frozen=True)
class Case:
    """One row of the benchmark."""

    direction: Direction
    masks: str  # random, a trained layer's, or its blocks at random
    batch: int
    frames: int
    threads: int
    bidirectional: bool


def measure(case: Case, rounds: int) -> dict[str, Any]:
    """A row: seconds of each contestant, ratios to ours, the largest error against float64."""
    torch.set_num_threads(case.threads)
    direction = case.direction
    hidden, inputs = direction.hidden, direction.inputs.shape[1]
    rng = np.random.default_rng(_SEED)
    x = rng.normal(size=(case.frames, case.batch, inputs)).astype(np.float32)
    backwards = (replace(direction, reverse=True),) if case.bidirectional else ()
    contest = Contest((direction, *backwards), x, case.threads)
    runs = contest.runs()
    timed = interleaved(runs, rounds=rounds, processor_time=case.threads == 1)
    expected = contest.float64_states()
    errors = {name: float(np.abs(states(run()) - expected).max()) for name, run in runs.items()}
    others = [name for name in runs if not name.startswith("ours")]
    return {
        "masks": case.masks,
        "hidden": hidden,
        "block": list(direction.recurrent.block),
        "sparsity": 1 - direction.recurrent.nonzero / (3 * hidden * hidden),
        "batch": case.batch,
        "frames": case.frames,
        "threads": case.threads,
        "directions": len(contest.ways),
        "seconds": {name: timed.median(name) for name in runs},
        "speedup_vs_dense": timed.ratio("torch", "ours"),
        "speedup_vs_int8": timed.ratio("torch_int8", "ours"),
        "speedup_vs_best": timed.ratio(timed.closest(others, "ours"), "ours"),
        "speedup_vs_dense_fp16": timed.ratio("torch", "ours_fp16"),
        "max_error": errors["ours"],
        "max_error_fp16": errors["ours_fp16"],
        "max_error_int8": errors["torch_int8"],
    }


def machine() -> dict[str, Any]:
    """Processor, its caches, the kernel and the libraries."""
    try:
        described = subprocess.run(["lscpu", "-J"], capture_output=True, text=True, check=True)
        fields = {
            entry["field"].rstrip(":"): entry["data"]
            for entry in json.loads(described.stdout)["lscpu"]
        }
    except (OSError, subprocess.CalledProcessError, ValueError):
        fields = {}
    names = ("L1d cache", "L2 cache", "L3 cache")
    return {
        "cpu": fields.get("Model name", platform.processor()),
        "cpus": os.cpu_count(),
        "caches": {name: fields[name] for name in names if name in fields},
        "kernel": best_kernel().name,
        "torch": torch.__version__,
    }


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """The rows as a Markdown table: milliseconds, and how many times faster ours is."""
    others = ["torch", "torch_int8", "onnxruntime", "ours", "ours_fp16"]
    head = ["masks", "hidden", "block", "zeros", "batch", "threads", "directions"]
    head += [f"{name} ms" for name in others]
    head += ["x torch", "x int8", "x best", "fp16 x torch", "error", "fp16 error", "int8 error"]
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    for row in rows:
        seconds = row["seconds"]
        cells = [row["masks"], str(row["hidden"]), "{}x{}".format(*row["block"])]
        cells += [f"{100 * row['sparsity']:.0f} %", str(row["batch"]), str(row["threads"])]
        cells += [str(row["directions"])]
        cells += [f"{1e3 * seconds[name]:.2f}" if name in seconds else "" for name in others]
        cells += [f"{row[key]:.1f}" for key in _RATIOS]
        cells += [f"{row[key]:.0e}" for key in ("max_error", "max_error_fp16", "max_error_int8")]
        lines.append(" | ".join(cells))
    return "".join(f"| {line} |\n" for line in lines)


_RATIOS = ("speedup_vs_dense", "speedup_vs_int8", "speedup_vs_best", "speedup_vs_dense_fp16")


def show(rows: Sequence[dict[str, Any]]) -> None:
    """A short table; ratios below 1 are losses, and red."""
    table = Table(
        *("masks", "hidden", "block", "zeros", "batch", "thr.", "dir."),
        *("torch ms", "ours ms", "x torch", "x int8", "x best", "fp16", "error"),
    )
    for row in rows:
        ratios = [row[key] for key in _RATIOS]
        colours = [f"[red]{ratio:.1f}[/]" if ratio < 1 else f"{ratio:.1f}" for ratio in ratios]
        table.add_row(
            *(row["masks"], str(row["hidden"]), "{}x{}".format(*row["block"])),
            *(f"{100 * row['sparsity']:.0f} %", str(row["batch"]), str(row["threads"])),
            *(str(row["directions"]), f"{1e3 * row['seconds']['torch']:.1f}"),
            *(f"{1e3 * row['seconds']['ours']:.2f}", *colours, f"{row['max_error']:.0e}"),
        )
    # Into a file or a pipe there is no width to keep to.
    Console(width=None if sys.stdout.isatty() else 160).print(table)


def cases(given: argparse.Namespace) -> list[Case]:
    """All combinations; where a model is named its layers, each beside one of random masks."""
    if given.model:
        layers = []
        for seed, (name, direction) in enumerate(trained_grus(read_model(given.model))):
            layers += [(name, direction), (f"{name}, at random", at_random(direction, seed))]
    else:
        blocks = list(zip(given.block[::2], given.block[1::2], strict=True))
        layers = [
            ("random", random_gru(hidden, block, sparsity))
            for hidden in given.hidden
            for block in blocks
            for sparsity in given.sparsity
        ]
    return [
        Case(direction, name, batch, given.frames, threads, given.bidirectional)
        for name, direction in layers
        for batch in given.batch
        for threads in given.threads
    ]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    given = _parser().parse_args(arguments)
    if len(given.block) % 2:
        raise InputError(
            "--block",
            expected="pairs: rows and columns of each block",
            got=" ".join(map(str, given.block)),
            remedy="Write 4 4 16 16 for two shapes.",
        )
    if given.json and Path(given.json).suffix != ".json":
        raise InputError(
            "--json",
            expected="a file that ends in .json",
            got=given.json,
            remedy="Its table and picture stand beside it, ending in .md and .png.",
        )
    outputs = [Path(given.json).with_suffix(suffix) for suffix in _OUTPUTS] if given.json else []
    for path in outputs:
        require_writable(path)
    rows = []
    for case in cases(given):
        rows.append(measure(case, given.rounds))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    if outputs:
        numbers, table, picture = outputs
        with atomic_write(numbers) as file:
            json.dump({"machine": machine(), "rounds": given.rounds, "rows": rows}, file, indent=1)
        with atomic_write(table) as file:
            file.write(markdown(rows))
        draw_heat_map(rows, picture)
    show(rows)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asr.inference.benchmark",
        description="Time one GRU layer, input and recurrent matrix pruned alike, by the kernel "
        "and by torch, torch's dynamic int8 and (where installed) onnxruntime: interleaved, warm, "
        "medians; CPU time for one thread.",
    )
    parser.add_argument("--hidden", type=count, nargs="+", default=[512, 1024])
    parser.add_argument("--block", type=count, nargs="+", default=[8, 8, 16, 16])
    parser.add_argument("--sparsity", type=sparsity, nargs="+", default=[0.8, 0.9, 0.95])
    parser.add_argument("--batch", type=count, nargs="+", default=[1, 8, 32])
    parser.add_argument("--frames", type=count, default=200)
    parser.add_argument("--threads", type=count, nargs="+", default=[1])
    parser.add_argument("--rounds", type=count, default=5)
    parser.add_argument("--bidirectional", action="store_true", help="both directions of a layer")
    parser.add_argument(
        "--model",
        help="a file exported in fp32: its layers instead, each also with its blocks at random",
    )
    parser.add_argument("--json", metavar="FILE", help="FILE.json; also FILE.md and FILE.png")
    return parser


if __name__ == "__main__":
    report_input_errors(main)()
