"""What SLURM says of jobs, asked for all of them at once, with or without its accounting."""

import os
import shutil
import signal
import subprocess
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from asr.errors import InputError

# The base states of slurm.h that a job does not leave by itself; all others wait, run or return.
_ENDED = {
    *("BOOT_FAIL", "CANCELLED", "COMPLETED", "DEADLINE", "FAILED"),
    *("NODE_FAIL", "OUT_OF_MEMORY", "PREEMPTED", "TIMEOUT"),
}
_SECONDS = 60  # for an answer; a busy controller takes many


@dataclass(frozen=True)
class JobState:
    """How a job stands: SLURM's word for it (empty: forgotten), and what else it knows."""

    name: str
    detail: str = ""

    @property
    def ended(self) -> bool:
        return not self.name or self.name in _ENDED

    def __str__(self) -> str:
        name = self.name or "forgotten by SLURM, which keeps no accounting here"
        return f"{name} ({self.detail})" if self.detail else name


def states(ids: Collection[str]) -> dict[str, JobState]:
    """How each of the jobs stands, by one call of squeue and at most one of sacct.

    squeue knows a job for some minutes after its end (MinJobAge), sacct ever after, where there
    is accounting. A job that neither knows has ended.

    Raises:
        InputError: the controller does not answer, so that nothing is known.
    """
    if not ids:
        return {}
    known = _from_squeue(ids)
    forgotten = set(ids) - known.keys()
    if forgotten:
        known |= _from_sacct(forgotten)
    return {job: known.get(job, JobState("")) for job in ids}


def cancel(ids: Collection[str]) -> None:
    """End jobs for good: a run among them saves within KillWait if it can, and stays away."""
    if ids:
        ended = _ask("scancel", *ids)
        if ended.returncode != 0:
            raise _refused("scancel", ended.stderr)


def _from_squeue(ids: Iterable[str]) -> dict[str, JobState]:
    ended = _ask(
        "squeue", "--noheader", "--array", "--states=all", f"--jobs={_masters(ids)}",
        "--Format=JobArrayID:64,State:32,exit_code:16,Reason:64",
    )  # fmt: skip
    if ended.returncode != 0:
        if "Invalid job id" in ended.stderr:  # it knows none of them
            return {}
        raise _refused("squeue", ended.stderr)
    found = {}
    for line in ended.stdout.splitlines():
        job, name, status, *reason = line.split(maxsplit=3)
        because = reason[0].strip() if reason else ""
        detail = [_exit(int(status))] if int(status) else []
        detail += [because] if because not in ("", "None", "NonZeroExitCode") else []
        found[job] = JobState(name, ", ".join(detail))
    return found


def _from_sacct(ids: Iterable[str]) -> dict[str, JobState]:
    """What accounting remembers; nothing where there is none."""
    if shutil.which("sacct") is None:
        return {}
    ended = _ask(
        "sacct", "--allocations", "--noheader", "--parsable2", "--format=JobID,State,ExitCode",
        f"--jobs={_masters(ids)}",
    )  # fmt: skip
    found = {}
    for line in ended.stdout.splitlines() if ended.returncode == 0 else ():
        job, state, code = line.split("|")
        name = state.split()[0]  # "CANCELLED by 1000"
        found[job] = JobState(name, "" if code == "0:0" else f"ExitCode {code}")
    return found


def _masters(ids: Iterable[str]) -> str:
    """An array counts as one: thousands of ids do not fit a command line."""
    return ",".join(sorted({job.partition("_")[0] for job in ids}))


def _exit(status: int) -> str:
    """A wait status in words; a shell reports its command's signal as 128 and more."""
    code = os.waitstatus_to_exitcode(status)
    try:
        name = signal.Signals(-code if code < 0 else code - 128).name
    except ValueError:
        return f"exit code {code}"
    return name if code < 0 else f"exit code {code}, {name}"


def _ask(*words: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(words, text=True, capture_output=True, timeout=_SECONDS)
    except FileNotFoundError as error:
        raise InputError(
            words[0],
            expected="a command of SLURM",
            got="none of that name on this machine",
            remedy="Ask on a login node of the cluster.",
        ) from error
    except subprocess.TimeoutExpired as error:
        raise _refused(words[0], f"no answer in {_SECONDS} s") from error


def _refused(name: str, message: str) -> InputError:
    return InputError(
        name,
        expected="an answer of SLURM's controller",
        got=" ".join(message.split()) or "an error without a word",
        remedy="Jobs are not affected; ask again later.",
    )
