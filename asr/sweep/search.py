"""The course of a study: draw trials, have their runs trained, tell what became of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from asr.errors import InputError
from asr.sweep.objectives import measured, shown
from asr.sweep.study import Draw, Study
from asr.training.run_folder import read_status
from asr.training.telling import say


class Training(Protocol):
    """How the settings of a trial become a run."""

    def folder(self, draw: Draw) -> Path:
        """The run that a trial is. Raises InputError where its settings are no configuration."""
        ...

    def train(self, draws: Sequence[Draw]) -> Sequence[str | None]:
        """Train, and return what went wrong with those that did not even get a status."""
        ...


def search(
    study: Study, training: Training, *, n_trials: int, n_jobs: int, objectives: Sequence[str]
) -> dict[int, str]:
    """Go on until `n_trials` have ended, or none of a batch with new ones has.

    Args:
        study: remembers, and proposes.
        training: trains.
        n_trials: of the whole study, earlier commands included.
        n_jobs: runs of a batch; all of them end before the next is drawn.
        objectives: names of what the study minimises.

    Returns:
        The trials that began and have not ended, and why.
    """
    left: dict[int, str] = {}
    old = {draw.number for draw in study.unfinished()}
    while batch := _batch(study, training, n_trials, n_jobs, left):
        # Several trials of a batch may be one run: the first of them has it trained.
        errors = training.train([draws[0] for draws in batch.values()])
        ended = new = False
        for (folder, draws), error in zip(batch.items(), errors, strict=True):
            for draw in draws:
                new |= draw.number not in old
                why = _settle(study, draw, folder, error, objectives)
                if why is None:
                    ended = True
                else:
                    left[draw.number] = why
        # Old ones may run on in processes that outlived their sweep; others need not wait for them.
        if new and not ended:
            break
    return left


def _batch(
    study: Study, training: Training, n_trials: int, n_jobs: int, left: dict[int, str]
) -> dict[Path, list[Draw]]:
    """Trials to train by their run folders: those that have begun, then new ones."""
    begun = [draw for draw in study.unfinished() if draw.number not in left]
    new = n_trials - len(study.finished()) - len(left) - len(begun)
    batch: dict[Path, list[Draw]] = {}
    while len(batch) < n_jobs and (begun or new > 0):
        if begun:
            draw = begun.pop(0)
        else:
            draw, new = study.draw(), new - 1
        try:
            folder = training.folder(draw)
        except InputError as error:
            study.fail(draw.number, str(error))
            _say(draw, f"refused: {error}")
            continue
        if (earlier := study.answer(draw.number, folder)) is not None:
            _say(draw, f"trial {earlier.number} again")
            continue
        study.begin(draw.number, folder)
        batch.setdefault(folder, []).append(draw)
    return batch


def _settle(
    study: Study, draw: Draw, folder: Path, error: str | None, objectives: Sequence[str]
) -> str | None:
    """Tell the study how a run ended; returns why it has not, where it has not."""
    if study.is_over(draw.number) or study.answer(draw.number, folder) is not None:
        return None
    status = read_status(folder)
    state, reason = status.get("state", ""), status.get("reason", "")
    if state == "done":
        try:
            values = measured(folder, objectives)
        except InputError as unusable:
            state, reason = "failed", str(unusable)
        else:
            study.succeed(draw.number, values)
            _say(draw, ", ".join(map(shown, objectives, values)))
            return None
    if state != "failed" and error is not None:
        state, reason = "failed", error
    if state == "failed":
        study.fail(draw.number, reason)
        _say(draw, f"failed: {reason}")
        return None
    return f"{folder}: {state} {reason}".rstrip()


def _say(draw: Draw, what: str) -> None:
    settings = " ".join(f"{name}={value}" for name, value in draw.settings.items())
    say(f"trial {draw.number}  {settings}: {what}")
