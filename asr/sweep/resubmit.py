"""Start again the runs of a recorded sweep that failed, or that nobody has any more."""

from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from asr.errors import InputError
from asr.sweep.detached import send_off
from asr.sweep.job import Job
from asr.sweep.launch import (
    Launcher,
    build_launcher,
    failures,
    handed_since,
    living_jobs,
    queues,
    start,
    sweep_error,
    take,
)
from asr.sweep.overview import look
from asr.sweep.record import Entry, Record, changing, read_record
from asr.sweep.state import RunView, view_run
from asr.training.run_folder import PRUNED, restate
from asr.training.telling import say


def retry(home: Path, *, wait: bool) -> int:
    """Hand the runs to the launchers that had them; returns an exit code.

    Args:
        home: folder of the experiment.
        wait: stay until all have ended; else a process is sent off where one must stay.
    """
    record = read_record(home)
    if record.directory and Path.cwd() != Path(record.directory):
        raise InputError(
            str(home),
            expected=f"to be retried in {record.directory}, where it was submitted",
            got=str(Path.cwd()),
            remedy="Change into that directory: paths in configurations are relative to it.",
        )
    gone = _without_settings(record)
    for folder in map(record.folder, gone):
        print(f"left out {folder}: no config.yaml, submit the sweep again to make it anew")
    if not _to_start(record, living_jobs(record)):
        print(f"nothing to retry in {home}")
        return int(bool(gone))
    queueing = all(queues(recipe) for recipe in record.launchers.values())
    if not wait and not queueing:
        process = send_off(["-m", "asr.sweep", "retry", "--wait", str(home)], home / "sweep.log")
        print(f"sent off as process {process.pid}; see {home / 'sweep.log'}")
        return int(bool(gone))
    handed = _take_again(home, wait=wait)
    for launcher, jobs in handed:
        start(jobs, launcher.engine, home)
    folders = {job.folder for _, jobs in handed for job in jobs}
    ended = {Path(v.folder): v for v in look(home) if Path(v.folder) in folders}
    if failed := failures(ended):
        raise sweep_error(home, failed, len(folders))
    return int(bool(gone))


def _take_again(home: Path, *, wait: bool) -> list[tuple[Launcher, list[Job]]]:
    """Say of the runs that they are queued, and by this process; dense ones come first."""
    asked = read_record(home)
    living = living_jobs(asked)
    with changing(home) as record:
        living |= handed_since(asked, record)
        again: dict[str, list[Job]] = defaultdict(list)
        for view in _to_start(record, living):
            folder = Path(view.folder)
            entry = record.runs[record.name(folder)]
            job = Job(folder, record.folder(entry.after) if entry.after else None)
            again[entry.launcher].append(job)
            say(f"again {job.folder.name}: {view.state}, {view.reason}")
            with suppress(InputError):  # the run itself tells of a damaged status
                restate(job.folder, "queued", "")
        handed = []
        for name, jobs in again.items():
            recipe = dict(record.launchers[name])
            if queues(recipe):
                recipe["arguments"] = {**recipe["arguments"], "wait": wait}
            launcher = build_launcher(recipe)
            take(record, jobs, launcher)
            handed.append((launcher, jobs))
    first = {job.after for jobs in again.values() for job in jobs}
    return sorted(handed, key=lambda one: not any(job.folder in first for job in one[1]))


def _to_start(record: Record, living: set[str]) -> list[RunView]:
    """What failed or was left, and what such a run waits for; what a study has ended is not."""
    again: dict[str, RunView] = {}
    gone = _without_settings(record)
    for name, entry in list(record.runs.items()):
        if name in gone:
            continue
        view = view_run(record.folder(name), entry, living)
        if view.state not in ("failed", "preempted") or PRUNED in view.reason:
            continue
        if entry.after and entry.after not in record.runs:  # a dense run that was started by hand
            dense = view_run(record.folder(entry.after), None, living)
            if dense.state in ("failed", "preempted"):
                record.runs[entry.after] = Entry([], baseline=True, launcher=entry.launcher)
                again[entry.after] = dense
        again[name] = view
    return list(again.values())


def _without_settings(record: Record) -> list[str]:
    """Runs whose folder was removed: what they were to train is known to the sweep alone."""
    return [name for name in record.runs if not (record.folder(name) / "config.yaml").is_file()]
