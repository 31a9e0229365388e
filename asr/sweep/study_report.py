"""What a study found, and what went wrong in it."""

import sys
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from asr.errors import InputError
from asr.sweep.objectives import shown
from asr.sweep.study import Study, reason_of, run_of


def report(study: Study, objectives: Sequence[str], n_trials: int, left: Mapping[int, str]) -> None:
    """Print the best trials.

    Args:
        study: whose trials they are.
        objectives: names of what it minimises.
        n_trials: that it is to have.
        left: trials that have not ended, and why.

    Raises:
        InputError: some trials failed or have not ended; lists them.
    """
    # Into a file or a pipe there is no width to keep to.
    console = Console(width=None if sys.stdout.isatty() else 160)
    finished, pruned, failed = len(study.finished()), len(study.pruned()), study.failed()
    counts = f"{finished} of {n_trials} trials: {finished - pruned - len(failed)} trained"
    counts += f", {pruned} pruned" * bool(pruned) + f", {len(failed)} failed" * bool(failed)
    console.print(f"study {study.path}: {counts}", markup=False, highlight=False, soft_wrap=True)
    if study.best():
        console.print(best_table(study, objectives))
    if not failed and not left:
        return
    lines = [f"trial {trial.number}, {run_of(trial)}: {reason_of(trial)}" for trial in failed]
    lines += [f"trial {number}, {why}" for number, why in left.items()]
    listed = "".join(f"\n  {line}" for line in lines)
    raise InputError(
        f"study {study.path}",
        expected="all trials to have ended with a trained model, or pruned",
        got=f"{len(failed)} failed, {len(left)} not ended:{listed}\n",
        remedy="The others count. The same command goes on with those that have not ended; with "
        "hydra.launcher.retry_failed=true it tries the failed ones again.",
    )


def best_table(study: Study, objectives: Sequence[str]) -> Table:
    """A row for each of the best trials; with several objectives they are the Pareto front."""
    title = "best" if len(objectives) == 1 else "no other trial is better in all of: "
    table = Table(title=title + ("" if len(objectives) == 1 else ", ".join(objectives)))
    for name in ("trial", "run", *objectives, *study.space):
        table.add_column(name, overflow="fold")
    for trial in study.best():
        settings = (trial.params[name] for name in study.space)
        table.add_row(
            str(trial.number),
            run_of(trial),
            *map(shown, objectives, trial.values),
            *(Text(f"{each:.6g}" if isinstance(each, float) else str(each)) for each in settings),
        )
    return table
