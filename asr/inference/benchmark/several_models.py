"""Audio to text by the models of several runs in the runtime: which is worth its time.

    python -m asr.inference.benchmark.several_models RUN... --manifest FILE [--json FILE]
    python -m asr.inference.benchmark.several_models --untrained RUN... --manifest FILE

All models turn the same utterances into text, in turns, dense ones and sparse ones alike in this
runtime, so that nothing but the model differs. CPU time for one thread, the wall clock for more.
With `--json` every round's seconds are kept by run key. What a model takes hangs on its shape and
on how many blocks are left, not on what it learned: `--untrained` times fresh weights by the
configurations alone, such as those that a study kept.
"""

import json
import sys
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.table import Table

from asr.arguments import count
from asr.checkpoint import TrainedModel, load_trained
from asr.data.manifest import read_manifest
from asr.errors import InputError, report_input_errors
from asr.files import atomic_write, require_writable
from asr.inference.benchmark.__main__ import machine
from asr.inference.benchmark.audio_to_text import Transcribe, in_runtime, measure, speech_parser
from asr.inference.benchmark.timing import Rounds
from asr.inference.benchmark.untrained_run import untrained_run
from asr.inference.block_sparse_matrix import WEIGHTS
from asr.inference.folding import folded
from asr.inference.recogniser import Recogniser
from asr.inference.source_run import audio


def contestants(
    runs: Sequence[str], weights: str, threads: int, *, untrained_runs: Sequence[str] = ()
) -> dict[str, Transcribe]:
    """Pieces of audio to their texts, by the name of the run's folder.

    Args:
        runs: trained ones.
        weights: type of all models' weights.
        threads: of each.
        untrained_runs: of which the configurations count alone; they come last.

    Raises:
        InputError: no run at all, or two of one name.
    """
    read: list[tuple[Path, Callable[[Path], TrainedModel]]]
    read = [(Path(run), load_trained) for run in runs]
    read += [(Path(run), untrained_run) for run in untrained_runs]
    if not read:
        raise InputError(
            "the models to time",
            expected="at least one run folder",
            got="none",
            remedy="Name trained runs, or others behind --untrained.",
        )
    found: dict[str, Transcribe] = {}
    for run, model_of in read:
        if run.name in found:
            raise InputError(
                str(run),
                expected="runs of different names",
                got=f"a second {run.name}",
                remedy="Name each run once.",
            )
        model = folded(model_of(run), {}, weights)
        found[run.name] = in_runtime(Recogniser(model, threads=threads))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = speech_parser(
        "asr.inference.benchmark.several_models",
        "Real-time factors of several runs' models in the runtime.",
    )
    parser.add_argument("runs", metavar="RUN", nargs="*", help="the first is the reference")
    parser.add_argument(
        "--untrained",
        metavar="RUN",
        nargs="+",
        action="extend",
        default=[],
        help="of these the configuration alone: fresh weights, pruned at once; behind the others",
    )
    parser.add_argument("--weights", choices=WEIGHTS, default="fp16", help="of all models")
    parser.add_argument("--threads", type=count, default=1)
    parser.add_argument("--batch", type=count, default=1, help="utterances at a time")
    parser.add_argument("--rounds", type=count, default=9)
    given = parser.parse_args(arguments)
    here = machine()  # without a kernel there is nothing to measure
    if given.json:
        require_writable(given.json)
    pieces = [audio(one) for one in islice(read_manifest(given.manifest), given.utterances)]
    measured = measure(
        contestants(given.runs, given.weights, given.threads, untrained_runs=given.untrained),
        pieces,
        threads=given.threads,
        batch=given.batch,
        rounds=given.rounds,
    )
    fresh = [Path(run).name for run in given.untrained]
    if given.json:
        with atomic_write(given.json) as file:
            said = {"machine": here, "weights": given.weights, "untrained": fresh}
            json.dump({**said, **measured}, file, indent=1)
            file.write("\n")
    rounds = Rounds.of(measured["seconds"])
    reference = next(iter(rounds.seconds))
    table = Table("run", "real-time factor", f"x {reference}")
    for run in rounds.seconds:
        factor = rounds.median(run) / measured["audio_seconds"]
        name = f"{run} (untrained)" if run in fresh else run
        table.add_row(name, f"{factor:.5f}", f"{rounds.ratio(reference, run):.1f}")
    # Into a file or a pipe there is no width to keep to.
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    report_input_errors(main)()
