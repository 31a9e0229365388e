"""Runs as jobs of a SLURM cluster, through submitit: arrays, dependencies, and how they ended."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError

from asr.errors import InputError
from asr.files import parse_yaml
from asr.sweep.checks import check_number, check_switch, check_texts, check_time
from asr.sweep.interruption import SweepInterruptedError, stop_signals
from asr.sweep.job import Job
from asr.sweep.plan import STOPPED_BY
from asr.sweep.process import conclude, correct, say, status_of, tell
from asr.sweep.record import read_record
from asr.sweep.slurm_commands import JobState, cancel, states
from asr.sweep.submitted_run import SubmittedRun
from asr.training.run_folder import State, owned_elsewhere

_LARGEST_ARRAY = 1000  # SLURM's MaxArraySize is 1001 unless the site has set it
_SECONDS_BETWEEN_LOOKS = 30.0
_STOPPED = ("CANCELLED", "DEADLINE", "NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "TIMEOUT")  # no fault


class Submitit:
    """Hands runs to SLURM: one array, and one for all that wait for the same run.

    Names are submitit's and SLURM's. null leaves a choice to the site.

    Args:
        partition: to submit to.
        account: whose hours are used.
        qos: quality of service.
        timeout_min: minutes a job has before it saves and is requeued.
        nodes: machines of a run (hardware.nodes).
        tasks_per_node: processes of a run on each (hardware.devices).
        cpus_per_task: cores of each process: its threads and loader workers.
        gpus_per_node: GPUs on each machine.
        mem_gb: memory on each machine.
        array_parallelism: most runs of an array at once.
        signal_delay_s: how long before the end of its time a job is told to save.
        max_requeues: how often a job may start again, for whatever reason.
        wait: stay until all have ended; otherwise return once they are submitted.
        mail_type: when SLURM writes mail, as in "END,FAIL" (Hydra needs the quotes).
        mail_user: to whom.
        setup: shell lines before the run, such as module load.
        python: what starts Python, such as apptainer exec image.sif python; null: this one.
        srun_args: of srun, such as --container-image=... of pyxis.
        additional_parameters: any other option of sbatch, by its name.
    """

    def __init__(
        self,
        *,
        partition: str | None,
        account: str | None,
        qos: str | None,
        timeout_min: int,
        nodes: int,
        tasks_per_node: int,
        cpus_per_task: int,
        gpus_per_node: int | None,
        mem_gb: float | None,
        array_parallelism: int,
        signal_delay_s: int,
        max_requeues: int,
        wait: bool,
        mail_type: str | None,
        mail_user: str | None,
        setup: Sequence[str],
        python: str | None,
        srun_args: Sequence[str],
        additional_parameters: Mapping[str, Any],
    ) -> None:
        check_number("timeout_min", timeout_min, 1)
        check_time(timeout_min, signal_delay_s)
        check_number("nodes", nodes, 1)
        check_number("tasks_per_node", tasks_per_node, 1)
        check_number("cpus_per_task", cpus_per_task, 1)
        check_number("gpus_per_node", gpus_per_node, 0, optional=True)
        check_number("mem_gb", mem_gb, 0, whole=False, optional=True)
        check_number("array_parallelism", array_parallelism, 1)
        check_number("max_requeues", max_requeues, 0)
        check_switch("wait", wait)
        check_texts("setup", setup)
        check_texts("srun_args", srun_args)
        self.nodes, self.tasks_per_node = nodes, tasks_per_node
        self.max_requeues, self.wait, self.python = max_requeues, wait, python
        self.additional = dict(additional_parameters)
        self.parameters: dict[str, Any] = {
            "timeout_min": timeout_min,
            "nodes": nodes,
            "tasks_per_node": tasks_per_node,
            "cpus_per_task": cpus_per_task,
            "gpus_per_node": gpus_per_node,
            "mem_gb": mem_gb,
            "slurm_partition": partition,
            "slurm_account": account,
            "slurm_qos": qos,
            "slurm_array_parallelism": array_parallelism,
            "slurm_signal_delay_s": signal_delay_s,
            "slurm_mail_type": mail_type,
            "slurm_mail_user": mail_user,
            "slurm_setup": list(setup) or None,
            # Since its release 22.05 srun does not take over the cores of a task from sbatch.
            "slurm_srun_args": [f"--cpus-per-task={cpus_per_task}", *srun_args],
        }

    def run(self, jobs: Sequence[Job], submitted: Callable[[Path, str], None]) -> None:
        """Submit jobs, and stay until they have ended if `wait` says so.

        Args:
            jobs: what waits for another job of these comes after it.
            submitted: is told the folder and SLURM's id of every job.

        Raises:
            InputError: SLURM refuses a job, or it would start too few or too many processes.
            SweepInterruptedError: a signal ended the wait; the jobs go on.
        """
        self._check(jobs)
        ids: dict[Path, str] = {}
        handed: dict[Job, str] = {}
        for after, group in _by_dependency(jobs).items():
            dependency = None if after is None else ids.get(after) or _job_of(after)
            if after is not None and dependency is None:
                for job in group:
                    conclude(job.folder, *_without(after))
                continue
            for start in range(0, len(group), _LARGEST_ARRAY):
                part = group[start : start + _LARGEST_ARRAY]
                for job, job_id in zip(part, self._submit(part, dependency), strict=True):
                    ids[job.folder] = handed[job] = job_id
                    submitted(job.folder, job_id)
                    say("submitted", f"{job.folder.name} as job {job_id}")
        if self.wait:
            self._wait(handed)

    def cancel(self, ids: Sequence[str]) -> None:
        """End jobs for good; those that run save first, if they can within SLURM's KillWait."""
        cancel(ids)

    def settle(self, handed: Mapping[Job, str]) -> dict[Job, str]:
        """Say in status.json how jobs ended whose runs could not; returns those that have not.

        Where there is no SLURM to ask, nothing is said to have ended.
        """
        if shutil.which("squeue") is None:
            return dict(handed)
        now = states(list(handed.values()))
        living = {job: job_id for job, job_id in handed.items() if not now[job_id].ended}
        for job, job_id in handed.items():
            if job not in living:
                _settle(job, job_id, now[job_id])
        return living

    def _submit(self, jobs: Sequence[Job], dependency: str | None) -> list[str]:
        experiment = jobs[0].folder.parent
        # sbatch keeps what a site forbids by default: a job that saved must be able to come back.
        options: dict[str, Any] = {"requeue": True}
        if dependency is not None:
            options["kill-on-invalid-dep"] = "yes"  # else they wait for ever
        try:
            executor = submitit.AutoExecutor(
                experiment / "submitit",
                cluster="slurm",
                slurm_max_num_timeout=self.max_requeues,
                slurm_python=self.python,
            )
        except RuntimeError as error:
            raise InputError(
                "hydra/launcher=slurm",
                expected="a machine with sbatch and srun",
                got="none of these",
                remedy="Submit from a login node of the cluster, or use hydra/launcher=pool.",
            ) from error
        executor.update_parameters(
            name=f"asr-{experiment.name}",
            **{key: value for key, value in self.parameters.items() if value is not None},
            **({} if dependency is None else {"slurm_dependency": f"afterok:{dependency}"}),
            slurm_additional_parameters=options | self.additional,
        )
        directory = Path.cwd()
        runs = [SubmittedRun(job.folder.resolve(), directory, self.max_requeues) for job in jobs]
        try:
            return [job.job_id for job in executor.submit_array(runs)]
        except FailedJobError as error:  # sbatch's words, after a traceback
            raise InputError(
                "sbatch",
                expected="a job that this cluster accepts",
                got=" ".join(str(error).split()),
                remedy="Change hydra.launcher.partition and the like; sinfo lists what there is.",
            ) from error

    def _check(self, jobs: Sequence[Job]) -> None:
        """Whether the jobs have as many processes as the runs expect to be."""
        for job in jobs:
            text = (job.folder / "config.yaml").read_text(encoding="utf-8")
            hardware = parse_yaml(text)["hardware"]
            wanted = (hardware["nodes"], hardware["devices"])
            if wanted != (self.nodes, self.tasks_per_node):
                raise InputError(
                    f"hardware of {job.folder}",
                    expected=f"nodes={self.nodes} devices={self.tasks_per_node}, as "
                    "hydra.launcher.nodes and hydra.launcher.tasks_per_node are",
                    got=f"nodes={wanted[0]} devices={wanted[1]}",
                    remedy="SLURM starts one process a device: make them equal.",
                )

    def _wait(self, handed: dict[Job, str]) -> None:
        """Until all have ended, by SLURM's word: submitit's own wait hangs on a killed job."""
        began = looked = time.monotonic()
        with stop_signals() as received:
            while handed and not received:
                time.sleep(0.2)
                now = time.monotonic()
                # Often at first, every half minute in the long run.
                if now - looked < min(_SECONDS_BETWEEN_LOOKS, 1 + (now - began) / 30):
                    continue
                looked = now
                try:
                    left = self.settle(handed)
                except InputError as error:
                    say("warning", str(error))
                    continue
                for job in [job for job in handed if job not in left]:
                    tell(job.folder)
                handed = left
        if received:
            say("left", f"{len(handed)} jobs go on in SLURM")
            raise SweepInterruptedError(received[0])


def _by_dependency(jobs: Sequence[Job]) -> dict[Path | None, list[Job]]:
    """Jobs by the run that they have to wait for, those that need not wait first."""
    groups: dict[Path | None, list[Job]] = {None: []}
    for job in jobs:
        waits = job.after is not None and status_of(job.after).get("state") != "done"
        groups.setdefault(job.after if waits else None, []).append(job)
    return {after: group for after, group in groups.items() if group}


def _job_of(folder: Path) -> str | None:
    """The SLURM job that an earlier sweep has submitted for a run, if it has not ended."""
    record = read_record(folder.parent)
    entry = record.entry(folder)
    if entry is None or entry.job is None:
        return None
    engine = record.launchers.get(entry.launcher, {}).get("engine")
    if engine != f"{Submitit.__module__}.{Submitit.__qualname__}":
        return None
    return None if states([entry.job])[entry.job].ended else entry.job


def _without(after: Path) -> tuple[State, str]:
    """State and reason of a run whose dense run has no job that it could wait for."""
    if owned_elsewhere(after):
        return "preempted", f"{STOPPED_BY} {after.name} is trained outside SLURM; submit again"
    status = status_of(after)
    if status.get("state") == "failed":
        return "failed", f"{STOPPED_BY} {after.name} failed: {status.get('reason', '')}"
    why = status.get("reason") or status.get("state") or "never started"
    return "preempted", f"{STOPPED_BY} {after.name} is not done: {why}"


def _settle(job: Job, job_id: str, state: JobState) -> None:
    """Bring a run's status up to the end of its job."""
    said = status_of(job.folder).get("state")
    if said in ("done", "failed") or owned_elsewhere(job.folder):
        return
    if said == "queued" and job.after and status_of(job.after).get("state") != "done":
        ended, reason = _without(job.after)
    elif said == "preempted" and (not state.name or state.name in (*_STOPPED, "COMPLETED")):
        return  # it knew why: a signal, or a study that has pruned it
    elif state.name not in _STOPPED:
        ended, reason = "failed", f"SLURM job {job_id}: {state}"
    else:
        ended, reason = "preempted", f"SLURM job {job_id}: {state}; submit again to continue"
    correct(job.folder, ended, reason)
