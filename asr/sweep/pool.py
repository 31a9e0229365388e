"""A process per run on this machine, each on cores and GPUs that no other run has."""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from asr.errors import InputError
from asr.files import parse_yaml
from asr.sweep.checks import check_number
from asr.sweep.gpus import usable
from asr.sweep.interruption import SweepInterruptedError, stop_signals
from asr.sweep.job import Job
from asr.sweep.lease import Lease, holders, lease
from asr.sweep.order import ready
from asr.sweep.process import RunProcess, ask_to_end, conclude, name_of, say, still_running

_POLL_SECONDS = 0.1  # between two looks at our own runs
_LOOK_SECONDS = 3.0  # between two looks at what others have
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Pool:
    """Starts runs as cores and GPUs become free, here and in every other sweep of this user.

    Args:
        cores: numbers of the cores to use, as the operating system counts them (with two hardware
            threads a core, name one of each); null for those that this process may use.
        gpus: numbers or UUIDs of the GPUs to use; null for those of `CUDA_VISIBLE_DEVICES`,
            without which all.
        cores_per_run: that a run is pinned to and that no other has; null pins and leases none,
            and runs go one after the other.
        gpus_per_run: that a run sees and that no other has; 0 hides all; null hides and leases
            none, and runs go one after the other.
    """

    def __init__(
        self,
        cores: Sequence[int] | None,
        gpus: Sequence[int | str] | None,
        cores_per_run: int | None,
        gpus_per_run: int | None,
    ) -> None:
        _check_list("cores", cores, int)
        _check_list("gpus", gpus, int | str)
        self.cores = None if cores is None else sorted(set(cores))
        self.gpus, self.cores_per_run, self.gpus_per_run = gpus, cores_per_run, gpus_per_run
        self._waiting_for = ""  # as last told
        for name, named, each, least in (
            ("cores", cores, cores_per_run, 1),
            ("gpus", gpus, gpus_per_run, 0),
        ):
            check_number(f"{name}_per_run", each, least, optional=True)
            if named is not None and not each:
                raise InputError(
                    f"hydra.launcher.{name}={list(named)}",
                    expected=f"hydra.launcher.{name}_per_run to say how many of them a run gets",
                    got="null" if each is None else "0",
                    remedy=f"Set hydra.launcher.{name}_per_run=1 or more.",
                )

    def settle(self, handed: Mapping[Job, str]) -> dict[Job, str]:
        """Those of its jobs that still run; who waited for the others has said how they ended."""
        return still_running(handed)

    def cancel(self, ids: Sequence[str]) -> None:
        """Ask processes to save and end."""
        ask_to_end(ids)

    def run(self, jobs: Sequence[Job], submitted: Callable[[Path, str], None]) -> None:
        """Run all jobs in their order, and return when each has ended.

        Raises:
            InputError: a run would use more than it gets, or there is less than one run gets;
                none was started.
            SweepInterruptedError: a signal came. The runs were asked to save and have ended; a
                second signal ended them at once.
        """
        cores, gpus = self._usable()
        for job in jobs:
            self._check(job.folder)
        queue, running = list(jobs), list[RunProcess]()
        with stop_signals() as received:
            try:
                look_at = 0.0
                while (queue or running) and not received:
                    ended = [run for run in running if run.ended()]
                    for run in ended:
                        running.remove(run)
                    if ended or time.monotonic() >= look_at:
                        at_work = [run.folder for run in running]
                        for job in ready(queue, at_work, [job.folder for job in jobs]):
                            if not self._start(job, running, submitted, cores, gpus):
                                break
                            queue.remove(job)
                        look_at = time.monotonic() + _LOOK_SECONDS
                    time.sleep(_POLL_SECONDS)
            finally:  # after a signal, or an error of our own: no run is left alone
                _wind_down(running, received)
            if received:
                for job in queue:
                    conclude(job.folder, "preempted", "the sweep was stopped before its turn")
                raise SweepInterruptedError(received[0])

    def _usable(self) -> tuple[list[int], list[str]]:
        """The cores and GPUs that there are for this sweep, whoever has them now."""
        mine = sorted(os.sched_getaffinity(0))
        cores = mine if self.cores is None else self.cores
        if not set(cores) <= set(mine):
            raise InputError(
                "hydra.launcher.cores",
                expected=f"some of the cores that this process may use, {mine}",
                got=str(cores),
                remedy="taskset, a container or a scheduler sets them.",
            )
        gpus = usable(self.gpus) if self.gpus_per_run else []
        for name, found, each in (
            ("cores", len(cores), self.cores_per_run or 0),
            ("gpus", len(gpus), self.gpus_per_run or 0),
        ):
            if each > found:
                raise InputError(
                    f"hydra.launcher.{name}_per_run",
                    expected=f"at most {found}, the {name} that there are for this sweep",
                    got=str(each),
                    remedy="Ask for fewer, or name more in "
                    f"hydra.launcher.{name} (null: all that this process may use).",
                )
        return cores, gpus

    def _check(self, folder: Path) -> None:
        """Raise InputError if a run would use more than it gets."""
        text = (folder / "config.yaml").read_text(encoding="utf-8")
        hardware = parse_yaml(text)["hardware"]
        processes = hardware["devices"]
        threads = hardware["threads"] * processes
        gpus = processes if hardware["accelerator"] == "gpu" else 0
        if hardware["nodes"] > 1:
            raise InputError(
                f"{folder}: hardware.nodes",
                expected="1 for processes of this machine",
                got=str(hardware["nodes"]),
                remedy="Set hardware.nodes=1, or hydra/launcher=slurm.",
            )
        for what, used, name, each in (
            ("threads of all its processes", threads, "cores_per_run", self.cores_per_run),
            ("GPUs of all its processes", gpus, "gpus_per_run", self.gpus_per_run),
        ):
            if each is not None and used > each:
                raise InputError(
                    f"{folder}: {what}",
                    expected=f"at most hydra.launcher.{name}={each}",
                    got=str(used),
                    remedy=f"Set hydra.launcher.{name}={used}, or fewer in hardware.",
                )

    def _start(
        self,
        job: Job,
        running: list[RunProcess],
        submitted: Callable[[Path, str], None],
        cores: Sequence[int],
        gpus: Sequence[str],
    ) -> bool:
        """Start a job if there is room; whether there was."""
        if running and None in (self.cores_per_run, self.gpus_per_run):
            return False
        share = lease(cores, self.cores_per_run or 0, gpus, self.gpus_per_run or 0)
        if share is None:
            if not running:
                self._tell_who_has_them(cores, gpus)
            return False
        try:
            run = RunProcess(job.folder, self._environment(share), share.cores, share.descriptors)
        except OSError as error:  # no memory, no log: the others go on
            conclude(job.folder, "failed", f"it could not be started: {error}")
            return True
        else:
            running.append(run)
            with suppress(OSError):  # only for others to read
                share.sign(f"{job.folder}, pid {run.pid}")
        finally:
            share.close()
        where = "".join(
            f", {name} {','.join(map(str, used))}"
            for name, used in (("cores", share.cores), ("GPUs", share.gpus))
            if used
        )
        say("started", f"{job.folder.name}: pid {run.pid}{where}")
        submitted(job.folder, name_of(run.pid))
        return True

    def _tell_who_has_them(self, cores: Sequence[int], gpus: Sequence[str]) -> None:
        others = "; ".join(holders(cores, gpus))
        if others != self._waiting_for:
            say("waiting", f"for cores or GPUs that others have: {others}")
            self._waiting_for = others

    def _environment(self, share: Lease) -> dict[str, str]:
        environment = dict(os.environ)
        if self.cores_per_run is not None:
            environment |= dict.fromkeys(_THREADS, str(self.cores_per_run))
        if self.gpus_per_run is not None:
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(share.gpus)
        return environment


def _check_list(name: str, named: Any, kind: Any) -> None:
    """Raise InputError unless these are null or a list: one number is often meant as how many."""
    if named is None or (isinstance(named, list) and all(isinstance(one, kind) for one in named)):
        return
    raise InputError(
        f"hydra.launcher.{name}",
        expected=f"numbers of the {name}, as [0,1], or null",
        got=repr(named),
        remedy=f"How many of them a run gets is hydra.launcher.{name}_per_run.",
    )


def _wind_down(running: list[RunProcess], received: Sequence[int]) -> None:
    """Ask runs to save and end, and wait for them; one more signal, and they are killed."""
    heard = len(received)
    for run in running:
        run.stop()
    if running and received:
        name = signal.Signals(received[0]).name
        say(name, f"{len(running)} runs save and end; once more to kill them")
    while running:
        if len(received) > heard:
            for run in running:
                run.kill()
        running[:] = [run for run in running if not run.ended()]
        time.sleep(_POLL_SECONDS)
