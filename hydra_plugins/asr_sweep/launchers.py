"""The launchers of conf/hydra/launcher: a process per run, and only for what is left to do.

Hydra imports this file for every command, so that what is slow to import waits in the functions.
"""

import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, ClassVar

from hydra._internal.core_plugins.basic_launcher import BasicLauncher
from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.asr_sweep.composed import identity_of

if "asr.configuration" in sys.modules:  # leave other applications of this environment alone
    # Hydra would check conf/hydra/launcher/basic.yaml against the arguments of its own `basic`.
    ConfigStore.instance().repo["hydra"]["launcher"].pop("basic.yaml", None)


class SweepLauncher(Launcher):
    """Plans a batch of runs, skips what is done, has an engine start the rest.

    Args:
        retry_failed: start again what failed in an earlier submission.
        baselines: `compared` also trains the dense run of every sparse one's settings and seed,
            `needed` only of those that start from its weights.
        arguments: of the engine.
    """

    engine: ClassVar[str]  # module and class

    def __init__(self, retry_failed: bool, baselines: str, **arguments: Any) -> None:
        self.retry_failed, self.baselines, self.arguments = retry_failed, baselines, arguments

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        from asr.sweep.checks import check_switch

        # Not in the constructor: what that raises, Hydra wraps in an error of its own.
        check_switch("retry_failed", self.retry_failed)
        self.context, self.config = hydra_context, config

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run a batch; a run that failed is returned as such, with the list of all failures."""
        from asr.configuration import explained, is_misconfigured
        from asr.errors import InputError
        from asr.sweep.interruption import SweepInterruptedError
        from asr.sweep.launch import build_launcher, failures, launch, sweep_error
        from asr.sweep.memory import Memory, stamp
        from asr.sweep.plan import Planned, in_order, plans_of
        from asr.sweep.record import changing, read_record
        from asr.training.telling import say

        home = Path(self.config.hydra.sweep.dir)
        launcher = build_launcher({"engine": self.engine, "arguments": _plain(self.arguments)})
        # Not the loader's search path, which lacks hydra.searchpath.
        folders = _folders(self.config.hydra.runtime.config_sources)
        mark = stamp(folders, self.config.hydra.job.config_name, self.baselines)
        memory = Memory(read_record(home), mark, str(Path.cwd()))
        asked: list[list[Planned]] = []  # of each job: its run last, what belongs to it before
        refused = []
        for overrides in job_overrides:
            plans = memory.recall(overrides)
            if plans is None:
                try:
                    plans = plans_of(
                        overrides, identity_of(self.context, self.config, overrides), self.baselines
                    )
                    memory.note(overrides, plans)
                except Exception as error:
                    if not is_misconfigured(error):
                        raise
                    why = str(error) if isinstance(error, InputError) else explained(error)
                    refused.append(f"{' '.join(overrides)}: {why}")
                    say(f"refused {refused[-1]}")
                    plans = []
            asked.append(plans)
        planned = in_order(plan for plans in asked for plan in plans)
        for plan in planned:
            if not plan.baseline and plan.folder.parent.resolve() != home.resolve():
                raise InputError(
                    "experiment_name, runs or hydra.sweep.dir of a sweep",
                    expected=f"one folder for all of its runs, {home}",
                    got=str(plan.folder.parent),
                    remedy="Submit one sweep for each experiment.",
                )
        with changing(home) as record:
            record.plans = {"stamp": memory.stamp, "runs": memory.runs}
            record.directory = str(Path.cwd())
        try:
            views = launch(
                home,
                planned,
                launcher,
                retry_failed=self.retry_failed,
                say=say,
            )
        except SweepInterruptedError as interruption:
            say(f"{interruption}: stopped; the same command continues")
            sys.exit(interruption.exit_code)
        failed = refused + failures(views)
        error = sweep_error(home, failed, len(planned) + len(refused))
        returns = []
        for overrides, plans in zip(job_overrides, asked, strict=True):
            folder = plans[-1].folder if plans else None
            state = views[folder].state if folder else "failed"
            returns.append(_job_return(overrides, folder, state, error))
        if failed and not any(r.status == JobStatus.FAILED for r in returns):
            raise error  # only a baseline failed; the sweep did not do what was asked either
        return returns


class InProcessLauncher(BasicLauncher):  # type: ignore[misc]  # Hydra's classes are not typed
    """Hydra's own: one task after the other in this process; one that fails stops no other."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        def task(cfg: DictConfig) -> Any:
            from asr.errors import InputError

            try:
                return task_function(cfg)
            except SystemExit as end:  # which Hydra would let through
                if end.code != 1 and not isinstance(end.code, str):  # well, or by a signal
                    raise
                if isinstance(end.code, str):
                    print(end.code, file=sys.stderr, flush=True)
                raise InputError(
                    "a task of the sweep",
                    expected="all to end well",
                    got="an error, told above, in one or more",
                    remedy="Mend what it says, and give the command again.",
                ) from None

        super().setup(hydra_context=hydra_context, task_function=task, config=config)


class PoolLauncher(SweepLauncher):
    """Processes of this machine."""

    engine = "asr.sweep.pool.Pool"


class SubmititLauncher(SweepLauncher):
    """Jobs of a SLURM cluster."""

    engine = "asr.sweep.slurm.Submitit"


class LocalSubmititLauncher(SweepLauncher):
    """Submitit's jobs without a cluster."""

    engine = "asr.sweep.local_submitit.LocalSubmitit"


def _job_return(
    overrides: Sequence[str], folder: Path | None, state: str, error: Exception
) -> JobReturn:
    from asr.training.run_folder import read_status

    returned = JobReturn(overrides=list(overrides), working_dir=str(folder) if folder else None)
    if state == "failed":
        returned.status, returned.return_value = JobStatus.FAILED, error
        return returned
    returned.status = JobStatus.COMPLETED
    if state == "done" and folder is not None:
        # Runs of before it was noted have none.
        returned.return_value = read_status(folder).get("validation", {}).get("wer")
    return returned


def _folders(sources: Iterable[Any]) -> Iterator[Path]:
    """Where Hydra's sources have their files, in the order that it searches them."""
    for source in sources:
        if source.schema == "file":
            yield Path(source.path)
        elif source.schema == "pkg" and (package := find_spec(source.path)):
            yield from map(Path, package.submodule_search_locations or ())


def _plain(arguments: dict[str, Any]) -> dict[str, Any]:
    from omegaconf import OmegaConf

    container = OmegaConf.to_container(OmegaConf.create(arguments), resolve=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}
