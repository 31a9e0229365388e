"""Stop a sweep: what waits never starts, what runs saves and ends as preempted."""

import os
import signal
import socket
from pathlib import Path

from asr.sweep.launch import build_launcher, living_jobs, queues
from asr.sweep.overview import look
from asr.sweep.record import is_alive, read_record
from asr.training.run_folder import read_status, restate


def cancel(home: Path) -> int:
    """Cancel every run that waits or runs; returns an exit code, 1 if some are out of reach."""
    record = read_record(home)
    views = [view for view in look(home) if view.state in ("queued", "running")]
    living = living_jobs(record)
    controllers = {e.controller for e in record.runs.values() if is_alive(e.controller)}
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
    beyond = []
    for controller in filter(None, controllers):
        host, _, pid = controller.rpartition(":")
        if host == socket.gethostname():
            os.kill(int(pid), signal.SIGTERM)
        else:
            beyond.append(f"the sweep of {controller}")
    for view in views:
        folder = Path(view.folder)
        entry = record.runs.get(view.folder)
        status = read_status(folder)
        handled = entry is not None and (entry.job in living or entry.controller in controllers)
        if view.state == "running" and not handled:
            if status.get("host") == socket.gethostname():
                os.kill(int(status["pid"]), signal.SIGTERM)
            else:
                beyond.append(f"{folder} {view.where}")
        if view.state == "queued":
            restate(folder, "preempted", "cancelled before it started")
        print(f"cancelled {folder.name}: it was {view.state} {view.where}".rstrip())
    if not views:
        print(f"nothing waits or runs in {home}")
    for one in beyond:
        print(f"out of reach from {socket.gethostname()}: {one}; end it there")
    return 1 if beyond else 0
