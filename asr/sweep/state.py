"""How far a run is: its own word, checked against the processes and jobs that should be there."""

import csv
import socket
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.errors import InputError
from asr.sweep.record import Entry, is_alive
from asr.training.run_folder import OUTPUT, last_owner, owned_elsewhere, read_status

_LINES = 8  # of a failed run's output


@dataclass(frozen=True)
class RunView:
    """A run as `asr.sweep status` shows it; rates are fractions, times seconds."""

    folder: str
    state: str  # queued, running, done, failed or preempted
    reason: str
    where: str  # process or job that has it
    step: int
    total_steps: int | None
    cer: float | None  # of the last validation
    wer: float | None
    seconds: float | None  # of training so far
    seconds_left: float | None
    overrides: list[str]
    baseline: bool  # asked for by what is compared with it
    last_lines: list[str]  # of a failed run's output


def view_run(folder: Path, entry: Entry | None, living: Collection[str]) -> RunView:
    """Look at a run.

    Args:
        folder: of the run.
        entry: what its sweep recorded; None for a run that was started by hand.
        living: ids of the launcher's jobs that still wait or run.
    """
    try:
        status = read_status(folder)
    except InputError as error:
        status = {"state": "failed", "reason": str(error)}
    state, reason, where = _state(folder, status, entry or Entry([]), living)
    step, total = int(status.get("step", 0)), status.get("total_steps")
    seconds = status.get("seconds")
    left = None
    if state in ("running", "queued", "preempted") and seconds and total and step:
        left = seconds * (total - step) / step
    cer, wer = _last_validation(folder / "metrics.csv")
    return RunView(
        folder=str(folder),
        state=state,
        reason=reason,
        where=where,
        step=step,
        total_steps=total,
        cer=cer,
        wer=wer,
        seconds=seconds,
        seconds_left=left,
        overrides=list(entry.overrides) if entry else [],
        baseline=bool(entry and entry.baseline),
        last_lines=_last_lines(folder, entry) if state == "failed" else [],
    )


def _state(
    folder: Path, status: dict[str, Any], entry: Entry, living: Collection[str]
) -> tuple[str, str, str]:
    """State, reason, and who has the run."""
    said, reason = status.get("state", ""), str(status.get("reason", ""))
    if said in ("done", "failed"):
        return said, reason, ""
    host, pid = last_owner(folder) or (status.get("host"), status.get("pid"))
    process = f"on {host}, pid {pid}" if host else ""
    if owned_elsewhere(folder):
        return "running", "", process
    handed_over = entry.job is not None and entry.job in living
    if said == "running":
        # Locks of another host may not be seen here.
        if handed_over or host != socket.gethostname():
            return "running", "", process
        return "preempted", "its process ended without a word; submit again to continue", ""
    if handed_over:
        return "queued", reason, f"as job {entry.job}"
    if entry.job is None and is_alive(entry.controller):
        return "queued", reason, f"by the sweep of {entry.controller}"
    if said == "preempted":
        return said, reason, ""
    return "preempted", "nobody is left to run it; submit again", ""


def _last_validation(path: Path) -> tuple[float | None, float | None]:
    rates: tuple[float | None, float | None] = (None, None)
    if path.is_file():
        with open(path, encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row.get("cer") and row.get("wer"):
                    rates = float(row["cer"]), float(row["wer"])
    return rates


def _last_lines(folder: Path, entry: Entry | None) -> list[str]:
    """Of the run's output, or of SLURM's where the job ended before there was any."""
    lines = _tail(folder / OUTPUT)
    if not lines and entry is not None and entry.job is not None:
        lines = _tail(folder.parent / "submitit" / f"{entry.job}_0_log.err")
    return lines


def _tail(path: Path) -> list[str]:
    if not path.is_file():
        return []
    with open(path, "rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 8192))
        text = file.read().decode("utf-8", errors="replace")
    lines = [line.rstrip() for line in text.replace("\r", "\n").splitlines()]
    return [line for line in lines if line][-_LINES:]
