"""Curves, masks and alignments of the runs that a reader asked for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.errors import InputError
from asr.evaluation.error_rate import word_counts
from asr.evaluation.result import HYPOTHESES, Hypothesis, read_hypotheses
from asr.leaderboard.reading import Located
from asr.leaderboard.rows import Board
from asr.leaderboard.run_folder import Curve, mask_pictures, run_folder, training_curves
from asr.statistics.alignment import Column, align

LIMIT = 50  # runs of one page
_WORST = 10  # utterances of a test set
_METRICS = ("train_loss", "validation_loss", "wer", "cer", "sparsity", "lr")


@dataclass(frozen=True, slots=True)
class Utterance:
    """A badly understood one, its words aligned."""

    id: str
    speaker: str
    errors: int
    words: int
    columns: list[Column]


@dataclass(frozen=True, slots=True)
class ShownRun:
    """What the page holds of one run."""

    run_key: str
    folder: Path
    seed: int
    title: str
    curves: dict[str, Curve]
    masks: list[tuple[str, str]]  # name, data URI
    worst: list[tuple[str, list[Utterance]]]  # by "test set, decoder"


def chosen_runs(board: Board, keys: Sequence[str], best: int) -> list[str]:
    """Run keys to show: those named, then the first run of each of the `best` first rows.

    Raises:
        InputError: a key that no row has, or more than 50 runs.
    """
    known = {key for row in board.rows for key in row.runs}
    if unknown := [key for key in keys if key not in known]:
        raise InputError(
            "--show",
            expected="run keys of the table",
            got=", ".join(unknown),
            remedy="A run's key is its folder's name; --json lists them as runs.",
        )
    chosen = list(dict.fromkeys([*keys, *(row.runs[0] for row in board.rows[:best])]))
    if len(chosen) > LIMIT:
        raise InputError(
            "--show and --show-best",
            expected=f"at most {LIMIT} runs, since a page holds their pictures",
            got=f"{len(chosen)}",
            remedy="Show fewer here, and the others on another page.",
        )
    return chosen


def shown_run(located: Sequence[Located], notes: list[str]) -> ShownRun:
    """Everything that the page shows of a run, from all its results."""
    first = located[0]
    folder = run_folder(first.path)
    r = first.result
    worst = []
    for one in located:
        if utterances := _worst(one, notes):
            decoder = " with ".join(filter(None, (one.result.decoder, one.result.language_model)))
            worst.append((f"{one.result.corpus}-{one.result.split}, {decoder}", utterances))
    return ShownRun(
        run_key=r.run_key,
        folder=folder,
        seed=r.seed,
        title=" ".join(filter(None, (r.experiment, r.method, r.block))),
        curves=training_curves(folder, _METRICS, notes),
        masks=mask_pictures(folder, notes),
        worst=worst,
    )


def _worst(one: Located, notes: list[str]) -> list[Utterance]:
    path = one.path.parent / HYPOTHESES
    if not path.is_file():
        return []
    try:
        hypotheses = read_hypotheses(path)
    except InputError as error:
        notes.append(f"no alignments: {error}")
        return []
    return worst_utterances(hypotheses)


def worst_utterances(hypotheses: Iterable[Hypothesis]) -> list[Utterance]:
    """Those with the most word errors, by count: it is counts that make a corpus' rate."""
    heard = list(hypotheses)
    counts = word_counts([one.reference for one in heard], [one.text for one in heard])
    pairs = sorted(zip(counts, heard, strict=True), key=lambda pair: -pair[0].errors)
    worst = [(count, one) for count, one in pairs[:_WORST] if count.errors]
    columns = align([one.reference for _, one in worst], [one.text for _, one in worst])
    return [
        Utterance(one.id, one.speaker, count.errors, count.reference_length, column)
        for (count, one), column in zip(worst, columns, strict=True)
    ]
