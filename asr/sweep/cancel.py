"""Stop a sweep: what waits never starts, what runs saves and ends as preempted."""

import os
import signal
import socket
from contextlib import suppress
from pathlib import Path

from asr.sweep.launch import build_launcher, living_jobs, queues
from asr.sweep.overview import views_of
from asr.sweep.process import ask_to_end, living_pid
from asr.sweep.record import is_alive, read_record
from asr.training.run_folder import last_owner, owner_of, restate


def cancel(home: Path) -> int:
    """Cancel every run that waits or runs; returns an exit code, 1 if some are out of reach."""
    record = read_record(home)
    living = living_jobs(record)
    views = [v for v in views_of(home, record, living) if v.state in ("queued", "running")]
    controllers = {c for e in record.runs.values() if (c := e.controller) and is_alive(c)}
    for name, recipe in record.launchers.items():
        jobs = [
            entry.job
            for entry in record.runs.values()
            if entry.launcher == name
            and entry.job in living
            # A process that is there ends its own runs; a second signal would not let them save.
            and (queues(recipe) or entry.controller not in controllers)
        ]
        if jobs:
            build_launcher(recipe).engine.cancel([job for job in jobs if job is not None])
    reached = {controller for controller in controllers if living_pid(controller) is not None}
    beyond = [f"the sweep of {controller}" for controller in sorted(controllers - reached)]
    ask_to_end(reached)
    for view in views:
        folder = Path(view.folder)
        entry = record.entry(folder)
        if entry is not None and entry.job in living:
            if view.state == "queued" and entry.controller not in controllers:
                restate(folder, "preempted", "cancelled before it started")
        elif entry is not None and entry.controller in controllers:
            if entry.controller not in reached:
                continue
        # Started by hand, or left by a sweep that was killed: its lock tells whose it is.
        elif (pid := owner_of(folder)) and last_owner(folder) == (socket.gethostname(), pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
        else:
            beyond.append(f"{folder} {view.where}".rstrip())
            continue
        print(f"cancelled {folder.name}: it was {view.state} {view.where}".rstrip())
    if not views:
        print(f"nothing waits or runs in {home}")
    for one in beyond:
        print(f"out of reach from {socket.gethostname()}: {one}; end it there")
    return 1 if beyond else 0
