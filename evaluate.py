"""Score trained runs on test sets: python evaluate.py runs=[RUN,...] manifests=[MANIFEST,...].

Writes RUN/eval/<corpus>-<split>-<decoder>/{result.json,hypotheses.jsonl} for each pair and prints
one table. Exit code 1 if any pair failed; the others are scored all the same.
"""

import math
import sys
from glob import glob
from pathlib import Path

import torch
from omegaconf import DictConfig, ListConfig
from rich.console import Console

from asr.configuration import build, entry_point
from asr.decoding.decoder import Decoder
from asr.errors import InputError
from asr.evaluation.pairs import Failure, score_pairs
from asr.evaluation.result import Result
from asr.evaluation.table import table

_MOST_THREADS = 1024  # millions would be started, and none of them would work


@entry_point("evaluate")
def main(cfg: DictConfig) -> None:
    """Score every pair, then print the table."""
    _check_numbers(cfg)
    torch.set_num_threads(cfg.threads)
    decoder: Decoder = build(cfg.decoding)
    results: list[Result] = []
    failed = 0
    for pair, outcome in score_pairs(
        _matching(_listed(cfg.runs)),
        _listed(cfg.manifests),
        decoder,
        batch=cfg.batch,
        batch_seconds=cfg.batch_seconds,
        device=cfg.device,
    ):
        if isinstance(outcome, Failure):
            failed += 1
            print(f"error: {pair}: {outcome.error}", file=sys.stderr)
            continue
        results.append(outcome.result)
        for notice in outcome.notices:
            print(f"note: {pair}: {notice}", file=sys.stderr)
    if results:
        # Into a file or a pipe there is no width to keep to.
        Console(width=None if sys.stdout.isatty() else 160).print(table(results))
    if failed:
        sys.exit(1)


def _check_numbers(cfg: DictConfig) -> None:
    """What torch and the batches would trip over; `score_pairs` checks the rest."""
    if not 1 <= cfg.threads <= _MOST_THREADS:
        raise InputError(
            "threads",
            expected=f"1 or more, and at most {_MOST_THREADS}",
            got=str(cfg.threads),
            remedy="Usual are 1 and the number of cores.",
        )
    if not math.isfinite(cfg.batch_seconds):
        raise InputError(
            "batch_seconds",
            expected="a finite number of seconds",
            got=str(cfg.batch_seconds),
            remedy="Usual is 320.",
        )


def _listed(paths: str | ListConfig) -> list[str]:
    """One path needs no brackets on the command line."""
    return [paths] if isinstance(paths, str) else [str(path) for path in paths]


def _matching(patterns: list[str]) -> list[str]:
    """Run folders by shell pattern, as in `runs=[runs/demo/*]`, beside which a sweep keeps files.

    A pattern that matches none stays, to fail.
    """
    return [path for pattern in patterns for path in _runs_of(pattern) or [pattern]]


def _runs_of(pattern: str) -> list[str]:
    return [path for path in sorted(glob(pattern)) if (Path(path) / "status.json").is_file()]


if __name__ == "__main__":
    main()
