"""From planned runs to finished ones: what is skipped, who starts the rest, how it ended."""

import hashlib
import importlib
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from asr.errors import InputError
from asr.files import atomic_write
from asr.sweep.job import Job
from asr.sweep.plan import Planned, as_yaml, describe, reason_to_skip, shared_words
from asr.sweep.record import NAME, Entry, Record, changing, read_record, this_process
from asr.sweep.state import RunView, view_run
from asr.training.run_folder import PRUNED, RunFolder


class Engine(Protocol):
    """Starts the processes of runs; its constructor arguments stand in conf/hydra/launcher."""

    def run(self, jobs: Sequence[Job], submitted: Callable[[Path, str], None]) -> None:
        """Start jobs, those that wait for another run after it; one that fails stops no other.

        Args:
            jobs: in the order to start them in.
            submitted: to be told a job's folder and id as soon as it is handed over.
        """
        ...

    def settle(self, handed: Mapping[Job, str]) -> dict[Job, str]:
        """Those of its jobs that still wait or run; of the others the runs' states are corrected.

        Args:
            handed: jobs and their ids.
        """
        ...

    def cancel(self, ids: Sequence[str]) -> None:
        """End jobs; a run saves before it does."""
        ...


def queues(recipe: Mapping[str, Any]) -> bool:
    """Whether its jobs are a cluster's, which lives without the process that submitted them."""
    return "wait" in recipe["arguments"]


@dataclass(frozen=True)
class Launcher:
    """An engine, and the name that it has in the record."""

    name: str
    engine: Engine
    recipe: Mapping[str, Any]  # what rebuilds the engine, for `asr.sweep retry`


def build_launcher(recipe: Mapping[str, Any]) -> Launcher:
    """The launcher of `{"engine": "package.module.Class", "arguments": {...}}`.

    Raises:
        InputError: an extra is missing, the engine or its arguments are another version's, or it
            cannot work with these arguments.
    """
    module, _, kind = recipe["engine"].rpartition(".")
    try:
        engine = getattr(importlib.import_module(module), kind)
        inspect.signature(engine).bind(**recipe["arguments"])
    except (ImportError, AttributeError, TypeError) as error:
        if isinstance(error, ImportError) and error.name == "submitit":
            raise InputError(
                "jobs of hydra/launcher=slurm or local",
                expected="submitit installed",
                got=str(error),
                remedy="Install the extra: pip install -e '.[cluster]'.",
            ) from error
        raise InputError(
            f"{recipe['engine']}, of hydra.launcher or of {NAME}",
            expected="a launcher of this version, and its arguments",
            got=str(error),
            remedy=f"See conf/hydra/launcher. If another version has written {NAME}, remove that "
            "file and submit the sweep again: runs that are done stay done.",
        ) from error
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()[:8]
    return Launcher(f"{kind}-{digest}", engine(**recipe["arguments"]), recipe)


def launch(
    home: Path,
    planned: Sequence[Planned],
    launcher: Launcher,
    *,
    retry_failed: bool,
    say: Callable[[str], None],
) -> dict[Path, RunView]:
    """Run what is left of a sweep; returns how every planned run stands afterwards.

    Args:
        home: the experiment's folder, which holds the record.
        planned: all runs of the sweep, in order.
        launcher: what starts them.
        retry_failed: start again what failed before.
        say: prints a line.
    """
    asked = read_record(home)
    living = living_jobs(asked)
    jobs = []
    shared = shared_words([plan.overrides for plan in planned])
    # Another sweep of this experiment sees all of these runs as ours, or none.
    with changing(home) as record:
        living |= handed_since(asked, record)
        for plan in planned:
            view = view_run(plan.folder, record.entry(plan.folder), living)
            why = reason_to_skip(view, retry_failed)
            title = f"{plan.folder.name}  {describe(plan.overrides, shared, plan.baseline)}"
            if why is not None:
                say(f"skipped {title.rstrip()}: {why}")
                continue
            say(f"to run  {title.rstrip()}" + (f" (from step {view.step})" if view.step else ""))
            RunFolder(plan.folder, dict(plan.identity)).queue()
            if plan.settings is not None:
                with atomic_write(plan.folder / "config.yaml") as file:
                    file.write(as_yaml(plan.settings))
            jobs.append(Job(plan.folder, plan.after))
            record.runs[record.name(plan.folder)] = Entry(
                overrides=list(plan.overrides),
                baseline=plan.baseline,
                after=record.name(plan.after) if plan.after else None,
            )
        record.directory = str(Path.cwd())
        take(record, jobs, launcher)
    say(f"{len(jobs)} to run, {len(planned) - len(jobs)} skipped")
    start(jobs, launcher.engine, home)
    record = read_record(home)
    living = living_jobs(record)
    return {
        plan.folder: view_run(plan.folder, record.entry(plan.folder), living) for plan in planned
    }


def take(record: Record, jobs: Sequence[Job], launcher: Launcher) -> None:
    """Note that this process has runs in its queue."""
    record.launchers[launcher.name] = dict(launcher.recipe)
    for job in jobs:
        entry = record.runs[record.name(job.folder)]
        entry.launcher, entry.job, entry.controller = launcher.name, None, this_process()


def start(jobs: Sequence[Job], engine: Engine, home: Path) -> None:
    """Hand jobs to an engine and note their ids; afterwards this process has them no more."""

    def submitted(folder: Path, job: str) -> None:
        with changing(home) as record:
            if entry := record.entry(folder):  # the record may have been removed
                entry.job = job

    try:
        if jobs:
            engine.run(jobs, submitted)
    finally:
        with changing(home) as record:
            for job in jobs:
                entry = record.entry(job.folder)
                if entry is not None and entry.controller == this_process():
                    entry.controller = None


def living_jobs(record: Record) -> set[str]:
    """Ids of the record's jobs that still wait or run."""
    living: set[str] = set()
    for name, recipe in record.launchers.items():
        handed = {
            Job(record.folder(run), record.folder(entry.after) if entry.after else None): entry.job
            for run, entry in record.runs.items()
            if entry.job is not None and entry.launcher == name
        }
        if handed:
            living |= set(build_launcher(recipe).engine.settle(handed).values())
    return living


def handed_since(asked: Record, record: Record) -> set[str]:
    """Ids of jobs that a record had not when it was asked which live: another sweep's, just begun.

    Asking a scheduler takes seconds, in which nobody may have to wait for the record.
    """
    before = {entry.job for entry in asked.runs.values()}
    return {one.job for one in record.runs.values() if one.job is not None} - before


def failures(views: Mapping[Path, RunView]) -> list[str]:
    """A line for each run that failed, or that ended before it was done."""
    return [
        f"{path}: {'' if view.state == 'failed' else 'preempted, '}{view.reason}"
        for path, view in views.items()
        if view.state in ("failed", "preempted") and PRUNED not in view.reason
    ]


def sweep_error(home: Path, failed: Sequence[str], runs: int) -> InputError:
    """What a sweep ends with when runs failed: the list of them."""
    listed = "".join(f"\n  {line}" for line in failed)
    return InputError(
        f"sweep of {runs} runs in {home}",
        expected="all to be done",
        got=f"{len(failed)} failed or unfinished:{listed}\n",
        remedy=f"The others went on. See python -m asr.sweep status {home}; "
        f"python -m asr.sweep retry {home} tries them again.",
    )
