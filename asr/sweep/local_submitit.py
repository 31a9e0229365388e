"""submitit without a cluster: what SLURM would do with a sweep, tried on this machine."""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import submitit

from asr.sweep.checks import check_number, check_time
from asr.sweep.interruption import SweepInterruptedError, stop_signals
from asr.sweep.job import Job
from asr.sweep.order import ready
from asr.sweep.process import ask_to_end, conclude, name_of, status_of, still_running, tell
from asr.sweep.submitted_run import SubmittedRun


class LocalSubmitit:
    """Runs as submitit's local jobs: the same code as on a cluster, with time limits and requeues.

    Nothing is pinned or leased, nor is there a GPU: for work there is the pool.

    Args:
        parallelism: most runs at once.
        timeout_min: minutes a job has before it saves and starts again.
        signal_delay_s: how long before that it is told to save.
        max_requeues: how often a job may start again; submitit's own bound is 5.
    """

    def __init__(
        self, *, parallelism: int, timeout_min: float, signal_delay_s: int, max_requeues: int
    ) -> None:
        check_number("parallelism", parallelism, 1)
        check_number("timeout_min", timeout_min, 0, whole=False)
        check_time(timeout_min, signal_delay_s)
        check_number("max_requeues", max_requeues, 0)
        self.parallelism, self.max_requeues = parallelism, max_requeues
        self.parameters = {"timeout_min": timeout_min, "signal_delay_s": signal_delay_s}

    def settle(self, handed: Mapping[Job, str]) -> dict[Job, str]:
        """Those of its jobs that still run; who waited for the others has said how they ended."""
        return still_running(handed)

    def cancel(self, ids: Sequence[str]) -> None:
        """Ask jobs to save and end; submitit passes the signal on."""
        ask_to_end(ids)

    def run(self, jobs: Sequence[Job], submitted: Callable[[Path, str], None]) -> None:
        """Run all jobs, and return when each has ended.

        Raises:
            SweepInterruptedError: a signal came; the runs have saved and ended.
        """
        queue = list(jobs)
        running: dict[Job, tuple[str, Any]] = {}
        folders = [job.folder for job in jobs]
        told = False
        with stop_signals() as received:
            while running or (queue and not received):
                for job, (name, process) in list(running.items()):
                    if process.done():
                        del running[job]
                        _conclude(job.folder, name)
                if received and not told:  # once: a second time would be not to wait for them
                    told = True
                    self.cancel([name for name, _ in running.values()])
                    queue.clear()
                for job in ready(queue, [job.folder for job in running], folders):
                    if len(running) == self.parallelism:
                        break
                    queue.remove(job)
                    process = self._submit(job)
                    name = name_of(int(process.job_id))
                    running[job] = name, process
                    submitted(job.folder, name)
                time.sleep(0.5)
        if received:
            raise SweepInterruptedError(received[0])

    def _submit(self, job: Job) -> Any:
        executor = submitit.LocalExecutor(
            job.folder.parent / "submitit", max_num_timeout=self.max_requeues
        )
        executor.update_parameters(**self.parameters)
        return executor.submit(SubmittedRun(job.folder.resolve(), Path.cwd(), self.max_requeues))


def _conclude(folder: Path, name: str) -> None:
    if status_of(folder).get("state") in ("queued", "running"):
        conclude(folder, "failed", f"job {name} ended without a word")
    else:
        tell(folder)
