"""Seconds from audio to text, several contestants in turns."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

from asr.arguments import count
from asr.inference.benchmark.timing import interleaved
from asr.inference.recogniser import Recogniser
from asr.inference.source_run import Piece

Transcribe = Callable[[Sequence[Piece]], list[str]]


def measure(
    contestants: Mapping[str, Callable[[Sequence[Piece]], Any]],
    pieces: Sequence[Piece],
    *,
    threads: int,
    batch: int,
    rounds: int,
) -> dict[str, Any]:
    """Seconds of each round, by contestant.

    Args:
        contestants: what each does with some pieces, by name; their threads are their own.
        pieces: samples and rates; short ones come first, so that little padding is computed with.
        threads: torch's; CPU time is taken for one, the wall clock's for more.
        batch: pieces at a time.
        rounds: of all contestants in turn.
    """
    torch.set_num_threads(threads)
    pieces = sorted(pieces, key=_seconds)
    batches = [pieces[first : first + batch] for first in range(0, len(pieces), batch)]
    runs = {name: _over(run, batches) for name, run in contestants.items()}
    timed = interleaved(runs, rounds=rounds, processor_time=threads == 1)
    return {
        "threads": threads,
        "batch": batch,
        "utterances": len(pieces),
        "audio_seconds": sum(map(_seconds, pieces)),
        "seconds": {name: timed.seconds[name].tolist() for name in runs},
    }


def speech_parser(program: str, description: str) -> argparse.ArgumentParser:
    """Options of a benchmark on speech: which, and where its rounds are kept."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("--manifest", required=True, metavar="FILE", help="speech to transcribe")
    parser.add_argument("--utterances", type=count, default=64, help="the manifest's first ones")
    parser.add_argument("--json", metavar="FILE", help="write what was measured")
    return parser


def in_runtime(recogniser: Recogniser) -> Transcribe:
    """A model in the project's own runtime."""

    def transcribe(pieces: Sequence[Piece]) -> list[str]:
        return [recogniser.text(found) for found in recogniser.log_probabilities(pieces)]

    return transcribe


def _over(
    run: Callable[[Sequence[Piece]], Any], batches: Sequence[Sequence[Piece]]
) -> Callable[[], Any]:
    return lambda: [run(batch) for batch in batches]


def _seconds(piece: Piece) -> float:
    samples, rate = piece
    return len(samples) / rate
