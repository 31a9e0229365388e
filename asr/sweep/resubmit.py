"""Start again the runs of a recorded sweep that failed, or that nobody has any more."""

from collections import defaultdict
from pathlib import Path

from asr.errors import InputError
from asr.sweep.detached import send_off
from asr.sweep.job import Job
from asr.sweep.launch import build_launcher, failures, queues, start, sweep_error
from asr.sweep.overview import look
from asr.sweep.record import changing, read_record, this_process
from asr.sweep.state import RunView
from asr.training.run_folder import PRUNED, restate


def retry(home: Path, *, wait: bool) -> int:
    """Hand the runs to the launcher that had them; returns an exit code.

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
    again = [
        view
        for view in look(home)
        if view.state in ("failed", "preempted")
        and view.folder in record.runs
        and PRUNED not in view.reason  # a study has ended it, although it is not done
    ]
    if not again:
        print(f"nothing to retry in {home}")
        return 0
    by_launcher: dict[str, list[RunView]] = defaultdict(list)
    for view in again:
        by_launcher[record.runs[view.folder].launcher].append(view)
    queueing = all(queues(record.launchers[name]) for name in by_launcher)
    if not wait and not queueing:
        process = send_off(["-m", "asr.sweep", "retry", "--wait", str(home)], home / "sweep.log")
        print(f"{len(again)} runs; sent off as process {process.pid}; see {home / 'sweep.log'}")
        return 0
    failed = []
    for name, views in by_launcher.items():
        failed += _hand_over(home, name, views, wait=wait)
    if failed:
        raise sweep_error(home, failed, len(again))
    return 0


def _hand_over(home: Path, name: str, views: list[RunView], *, wait: bool) -> list[str]:
    """Give runs to a launcher; returns a line for each that failed again."""
    with changing(home) as record:
        recipe = dict(record.launchers[name])
        if queues(recipe):
            recipe["arguments"] = {**recipe["arguments"], "wait": wait}
        launcher = build_launcher(recipe)
        record.launchers[launcher.name] = recipe
        jobs = []
        for view in views:
            entry = record.runs[view.folder]
            entry.launcher, entry.job, entry.controller = launcher.name, None, this_process()
            jobs.append(Job(Path(view.folder), Path(entry.after) if entry.after else None))
    for view in views:
        print(f"again {Path(view.folder).name}: {view.state}, {view.reason}", flush=True)
        restate(Path(view.folder), "queued", "")

    def submitted(folder: Path, job: str) -> None:
        with changing(home) as record:
            record.runs[str(folder)].job = job

    start(jobs, launcher.engine, submitted, home)
    folders = {job.folder for job in jobs}
    return failures({Path(v.folder): v for v in look(home) if Path(v.folder) in folders})
