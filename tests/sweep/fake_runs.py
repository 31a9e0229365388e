"""Runs that are small scripts: they own their folder and write their status as training does."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from asr.sweep.job import Job
from asr.sweep.pool import Pool

HARDWARE = {"accelerator": "cpu", "devices": 1, "nodes": 1, "threads": 1}
# What a script may use. Without the project's imports it starts in 20 ms.
_PRELUDE = """
import fcntl, json, os, signal, sys, time
from pathlib import Path
folder = Path(__file__).parent
lock = open(folder / "lock", "a")
fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
def status(state, **more):
    (folder / "new").write_text(json.dumps({"state": state, "pid": os.getpid(), **more}))
    os.replace(folder / "new", folder / "status.json")
def note(event):
    place = [sorted(os.sched_getaffinity(0)), os.environ.get("CUDA_VISIBLE_DEVICES")]
    line = json.dumps([time.monotonic_ns(), event, folder.name, place]) + "\\n"
    descriptor = os.open(folder.parent / "events", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, line.encode())
def save_and_end(signum, _):
    note("told")
    time.sleep(0.3)  # time for a second signal to do harm
    status("preempted", reason="saved")
    sys.exit(128 + signum)
note("enter")
"""
DONE = 'note("leave"); status("done", validation={"wer": 0.5})'
SHORT = f"time.sleep(0.15); {DONE}"
# Not before another run has entered: that there are two at once is then no matter of luck.
PAIRED = f"""
while (folder.parent / "events").read_text().count("enter") < 2: time.sleep(0.01)
{DONE}
"""
# Until it is told to save, or a file `go` appears.
LONG = f"""
signal.signal(signal.SIGTERM, save_and_end)
status("running")
note("ready")
while not (folder.parent / "go").exists(): time.sleep(0.01)
{DONE}
"""
STUBBORN = LONG.replace("save_and_end", "lambda *_: note('told')")

# A sweep in a process of its own. Arguments: keyword arguments of Pool, and folders.
_SWEEP = """
import json, sys
from pathlib import Path
from asr.sweep import pool, process
from asr.sweep.interruption import SweepInterruptedError
from asr.sweep.job import Job
process.arguments = lambda folder: ["-S", str(folder / "run.py")]
pool._LOOK_SECONDS = pool._POLL_SECONDS = 0.02
jobs = [Job(Path(folder)) for folder in sys.argv[2:]]
try:
    pool.Pool(**json.loads(sys.argv[1])).run(jobs, lambda folder, job: print("id", job, flush=True))
except SweepInterruptedError as interruption:
    sys.exit(interruption.exit_code)
"""


@dataclass(frozen=True)
class Event:
    """What a run noted."""

    time: int  # ns, of a clock that all processes share
    event: str
    run: str
    cores: tuple[int, ...]
    gpus: str | None


def make_run(folder: Path, script: str, state: str = "queued", **hardware: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "run.py").write_text(_PRELUDE + script)
    (folder / "config.yaml").write_text(yaml.safe_dump({"hardware": {**HARDWARE, **hardware}}))
    status = {"state": state, "step": 0, "epoch": 0, "reason": "", "host": socket.gethostname()}
    (folder / "status.json").write_text(json.dumps(status))
    return folder


def make_runs(experiment: Path, script: str, count: int) -> list[Path]:
    return [make_run(experiment / f"run{index}", script) for index in range(count)]


def run_pool(jobs: Sequence[Job | Path], **options: Any) -> dict[Path, str]:
    """Run jobs in this process; returns the ids that were given."""
    settings = {"cores": None, "gpus": None, "cores_per_run": 1, "gpus_per_run": 0, **options}
    ids: dict[Path, str] = {}
    made = [job if isinstance(job, Job) else Job(job) for job in jobs]
    Pool(**settings).run(made, ids.__setitem__)
    return ids


def state_of(folder: Path) -> tuple[str, str]:
    status = json.loads((folder / "status.json").read_text())
    return status["state"], status.get("reason", "")


def events(experiment: Path) -> list[Event]:
    path = experiment / "events"
    lines = path.read_text().splitlines() if path.exists() else []
    noted = [json.loads(line) for line in lines]
    return [Event(when, event, run, tuple(at[0]), at[1]) for when, event, run, at in noted]


def most_at_once(noted: Sequence[Event], of: Callable[[Event], Any] = lambda _: None) -> int:
    """The largest number of runs between `enter` and `leave` at one time, of one kind."""
    most = 0
    now: dict[Any, int] = {}
    for event in sorted(noted, key=lambda event: event.time):
        step = {"enter": 1, "leave": -1}.get(event.event, 0)
        now[of(event)] = now.get(of(event), 0) + step
        most = max(most, now[of(event)])
    return most


def sweep(folders: Sequence[Path], **options: Any) -> subprocess.Popen[str]:
    """Start a sweep in a process and a process group of its own."""
    settings = {"cores": None, "gpus": None, "cores_per_run": 1, "gpus_per_run": 0, **options}
    return subprocess.Popen(
        [sys.executable, "-c", _SWEEP, json.dumps(settings), *map(str, folders)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": ""},
    )


def wait_until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)
