"""A run as a job of submitit: told to stop it saves, comes back, and says so in its folder.

Imports nothing slow: until this file is loaded a signal ends the job.
"""

import importlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from submitit import JobEnvironment
from submitit.core.utils import DelayedSubmission

from asr.errors import InputError
from asr.sweep.slurm_commands import JobState, states
from asr.training.run_folder import (
    OUTPUT,
    STOPPING,
    TRAIN,
    owned_elsewhere,
    read_status,
    restate,
)


@dataclass(frozen=True)
class SubmittedRun:
    """What submitit pickles, and calls in every process of the job.

    Args:
        folder: of the run.
        directory: that the sweep was submitted from; paths in the configuration are relative to it.
        max_requeues: how often the job may start again, whatever ended it before.
        requeues: so far, where SLURM does not count them.
    """

    folder: Path
    directory: Path
    max_requeues: int
    requeues: int = 0

    def checkpoint(self) -> DelayedSubmission:
        """What to call when the job has been requeued; the run's folder holds all the rest."""
        return DelayedSubmission(replace(self, requeues=self.requeues + 1))

    def __call__(self) -> None:
        environment = JobEnvironment()
        # It writes the next submission and requeues the job; during training its place is ours.
        submitit_requeues: Any = signal.getsignal(_usual_signal(environment))
        os.chdir(self.directory)
        if environment.global_rank != 0:
            code, _ = self._train()
            # After a signal too the first process decides, and must not be ended by this one.
            if code and code - 128 not in STOPPING:
                sys.exit(code)
            return
        print(f"output of the run: {self.folder / OUTPUT}", flush=True)
        with _output_to(self.folder / OUTPUT):
            starts = int(os.environ.get("SLURM_RESTART_COUNT", self.requeues))
            if starts > self.max_requeues:
                self._fail(f"requeued {starts} times, more often than max_requeues allows")
            code, message = self._train()
            state = read_status(self.folder).get("state")
            if state == "done" or (code == 0 and state == "preempted"):  # pruned by its study
                return
            if code - 128 in STOPPING:
                signum = signal.Signals(code - 128)
                self._stay_if_unwanted(environment, signum, starts)
                where = f"{signum.name}; requeued, {starts + 1} of at most {self.max_requeues}"
                restate(self.folder, "preempted", where)
                try:
                    submitit_requeues(signum, None)
                except Exception as error:  # of submitit, or of the scheduler's command
                    self._fail(f"{signum.name}, and it could not be requeued: {error}")
            self._end(code, message)

    def _train(self) -> tuple[int, str]:
        """Train until done or stopped; returns exit code and message of `python train.py`."""
        with _exit_on_signals():
            try:
                from asr.sweep.job import PLANNED, arguments  # with Hydra

                os.environ[PLANNED] = str(self.folder)
                sys.argv = arguments(self.folder)
                sys.path.insert(0, str(TRAIN.parent))
                importlib.import_module(TRAIN.stem).main()
            except SystemExit as end:
                if isinstance(end.code, int | None):
                    return end.code or 0, f"exit code {end.code}"
                print(end.code, file=sys.stderr, flush=True)
                return 1, str(end.code)
            except BaseException as error:
                traceback.print_exc()
                return 1, f"{type(error).__name__}: {error}"
        return 0, "it ended without being done"

    def _stay_if_unwanted(
        self, environment: JobEnvironment, signum: signal.Signals, starts: int
    ) -> None:
        """Exit if nobody wants the job back, or it has been back too often."""
        if environment.cluster == "slurm":
            try:
                job = states([environment.job_id])[environment.job_id]
            except InputError as error:  # the requeue will tell
                print(f"warning: {error}", flush=True)
                job = JobState("RUNNING")
            # SLURM preempts and ends at a time limit what it calls running until it is gone. What
            # it has cancelled, requeued itself or given up is COMPLETING.
            unwanted = "" if job.name == "RUNNING" else f"job {environment.job_id} is {job}"
        else:
            usual = signum == _usual_signal(environment)
            unwanted = "" if usual else f"job {environment.job_id} was cancelled"
        if unwanted:
            restate(self.folder, "preempted", f"{signum.name}, {unwanted}")
            sys.exit(128 + signum)
        if starts >= self.max_requeues:
            self._fail(
                f"{signum.name}, after {starts} requeues, which is all that max_requeues allows; "
                "hydra.launcher.retry_failed=true goes on from here"
            )

    def _end(self, code: int, message: str) -> NoReturn:
        """Exit as `train.py` did, with the reason in status.json if that was too early for it."""
        elsewhere = owned_elsewhere(self.folder)  # refused, and the other one is well
        if not elsewhere and read_status(self.folder).get("state") != "failed":
            restate(self.folder, "failed", message)
        sys.exit(code or 1)

    def _fail(self, reason: str) -> NoReturn:
        restate(self.folder, "failed", reason)
        print(f"error: {reason}", file=sys.stderr, flush=True)
        sys.exit(1)


def _usual_signal(environment: JobEnvironment) -> signal.Signals:
    """That which submitit asks SLURM for ahead of a time limit."""
    return signal.Signals[f"SIG{environment.USR_SIG}"]


@contextmanager
def _exit_on_signals() -> Iterator[None]:
    """Turn the first signal into SystemExit where training does not handle it itself.

    No `except Exception` of a library catches that. Afterwards all are ignored: what is left to do
    is short, and being killed in it is worse than finishing it.
    """
    ending = False

    def stop(signum: int, _: FrameType | None) -> None:
        if not ending:
            raise SystemExit(128 + signum)

    for signum in STOPPING:
        signal.signal(signum, stop)
    try:
        yield
    finally:
        ending = True
        for signum in STOPPING:
            signal.signal(signum, signal.SIG_IGN)


@contextmanager
def _output_to(path: Path) -> Iterator[None]:
    """Append what this process and its libraries print to a file instead."""
    streams = (sys.stdout, sys.stderr)
    kept = [os.dup(number) for number in (1, 2)]
    with open(path, "ab") as file:
        for number in (1, 2):
            os.dup2(file.fileno(), number)
    try:
        yield
    finally:
        for stream in streams:
            stream.flush()
        for number, original in zip((1, 2), kept, strict=True):
            os.dup2(original, number)
            os.close(original)
