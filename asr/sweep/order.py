"""Which jobs of a sweep may start: those whose dense run is done."""

from collections.abc import Collection
from pathlib import Path

from asr.sweep.job import Job
from asr.sweep.launch import living_jobs
from asr.sweep.plan import STOPPED_BY
from asr.sweep.process import conclude, status_of
from asr.sweep.record import read_record
from asr.sweep.state import view_run


def ready(queue: list[Job], running: Collection[Path], ours: Collection[Path]) -> list[Job]:
    """The jobs that may start, in order. Those that never will leave the queue and are told so.

    Args:
        queue: jobs that have not started.
        running: folders of those that have, and have not ended.
        ours: folders of all jobs of the sweep.
    """
    ahead = {job.folder for job in queue} | set(running)
    outcomes: dict[Path, tuple[str, str]] = {}
    startable = []
    for job in list(queue):
        if job.after is None:
            startable.append(job)
            continue
        if job.after in ahead:
            continue
        if job.after not in outcomes:
            outcomes[job.after] = _outcome(job.after, job.after in ours)
        state, reason = outcomes[job.after]
        if state == "done":
            startable.append(job)
        elif state == "failed":
            queue.remove(job)
            conclude(job.folder, "failed", f"{STOPPED_BY} {job.after.name} failed: {reason}")
        elif state == "preempted":  # continuing that one and this is one and the same command
            queue.remove(job)
            conclude(
                job.folder, "preempted", f"{STOPPED_BY} {job.after.name} is not done: {reason}"
            )
    return startable


def _outcome(folder: Path, ours: bool) -> tuple[str, str]:
    """State and reason of a run that others have, or that we had."""
    status = status_of(folder)
    if ours and status.get("state") in ("done", "failed", "preempted"):
        return status["state"], status.get("reason", "")
    record = read_record(folder.parent)
    view = view_run(folder, record.entry(folder), living_jobs(record))
    return view.state, view.reason
