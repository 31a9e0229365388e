"""The sweepers of conf/hydra/sweeper/optuna*.yaml: Optuna proposes, our launchers train.

hydra-optuna-sweeper 1.3 holds Optuna below 3, ends a study at the first failed run, draws anew what
an interrupted sweep had begun, and has no pruning.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobStatus
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from asr.errors import InputError
from asr.training.telling import say
from hydra_plugins.asr_sweep.composed import identity_of
from hydra_plugins.asr_sweep.space import as_overrides, first_of, split

if TYPE_CHECKING:
    from asr.sweep.study import Draw, Study


class OptunaSweeper(Sweeper):
    """Trains what a study proposes until it has `n_trials`; the same command goes on with it.

    Args:
        n_trials: trials that end with values, pruned or failed.
        n_jobs: of them handed to the launcher at once; such a batch ends before the next begins.
        objectives: names of what is minimised: wer and cer of the validation set, bytes exported.
        sampler: an Optuna sampler.
        pruner: an Optuna pruner, for one objective, or null.
        params: settings to search, besides those on the command line.
    """

    def __init__(
        self,
        n_trials: int,
        n_jobs: int,
        objectives: Sequence[str],
        sampler: DictConfig,
        pruner: DictConfig | None,
        params: DictConfig | None,
    ) -> None:
        self.n_trials, self.n_jobs, self.objectives = n_trials, n_jobs, list(objectives)
        self.sampler, self.pruner, self.params = sampler, pruner, params or {}

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        from hydra.core.plugins import Plugins

        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> None:
        """Run the study to its end.

        Raises:
            InputError: it cannot begin, or some of its trials failed or have not ended.
        """
        if importlib.util.find_spec("optuna") is None:
            raise InputError(
                "hydra/sweeper",
                expected="Optuna installed",
                got="no such package",
                remedy="Install it: pip install -e '.[sweep]'.",
            )
        from asr.sweep.search import search
        from asr.sweep.study_report import report
        from asr.training.run_folder import RunFolder

        # One sweep at a time draws and tells; the lock of a killed one goes with its process.
        owner = RunFolder(self.config.hydra.sweep.dir, identity={})
        owner.acquire()
        try:
            study, trials = self._begin(owner.path, arguments)
            left = search(
                study,
                trials,
                n_trials=self.n_trials,
                n_jobs=self.n_jobs,
                objectives=self.objectives,
            )
            report(study, self.objectives, self.n_trials, left)
        finally:
            owner.release()

    def _begin(self, home: Path, arguments: Sequence[str]) -> "tuple[Study, Trials]":
        from asr.sweep.study import Draw, Study

        self._check()
        parser = OverridesParser.create(config_loader=self.hydra_context.config_loader)
        params = [f"{key}={value}" for key, value in self.params.items()]
        fixed, space = split(parser.parse_overrides([*params, *arguments]))
        numbered = self.pruner is not None
        trials = Trials(self.launcher, self.hydra_context, self.config, fixed, numbered)
        # What is wrong with every trial is told before there is one.
        trials.folder(Draw(0, first_of(space)))
        study = Study(
            home,
            objectives=self.objectives,
            space=space,
            sampler=instantiate(self.sampler),
            pruner=None if self.pruner is None else _plain(self.pruner),
        )
        if (example := study.example()) is not None:
            study.check_run(example.number, trials.folder(example))
        again = bool(self.config.hydra.launcher.get("retry_failed"))
        study.try_again(home, all_failed=again)
        return study, trials

    def _check(self) -> None:
        from asr.sweep.objectives import check_objectives

        for name, value in (("n_trials", self.n_trials), ("n_jobs", self.n_jobs)):
            if not isinstance(value, int) or value < 1:
                raise InputError(
                    f"hydra.sweeper.{name}",
                    expected="a whole number of 1 or more",
                    got=str(value),
                    remedy="conf/hydra/sweeper has numbers to start from.",
                )
        check_objectives(self.objectives)
        if self.pruner is not None and self.objectives not in (["wer"], ["cer"]):
            raise InputError(
                "hydra.sweeper.objectives",
                expected="[wer] or [cer], which runs can be pruned by",
                got=str(self.objectives),
                remedy="Take hydra/sweeper=optuna for several, and for bytes.",
            )


class Trials:
    """The runs of a study's trials, by a Hydra launcher.

    Args:
        launcher: trains.
        context: of Hydra.
        config: of the sweep.
        fixed: overrides that all trials share.
        numbered: a run is told its trial's number, to report to it.
    """

    def __init__(
        self,
        launcher: Launcher,
        context: HydraContext,
        config: DictConfig,
        fixed: Sequence[str],
        numbered: bool,
    ) -> None:
        self.launcher, self.context, self.config = launcher, context, config
        self.fixed, self.numbered = list(fixed), numbered
        self._launched = 0

    def folder(self, draw: "Draw") -> Path:
        """The run that a trial is. Raises InputError where its settings are no configuration."""
        from asr.configuration import explained, is_misconfigured

        try:
            return identity_of(self.context, self.config, self._overrides(draw)).folder
        except Exception as error:
            if isinstance(error, InputError) or not is_misconfigured(error):
                raise
            raise InputError(
                " ".join(as_overrides(draw.settings)),
                expected="settings of train.py",
                got=explained(error),
                remedy="See conf/ for what can be chosen.",
            ) from error

    def train(self, draws: "Sequence[Draw]") -> list[str | None]:
        """Train, and return what went wrong with each, which its folder may say better."""
        commands = [self._overrides(draw) for draw in draws]
        try:
            returns = self.launcher.launch(commands, initial_job_idx=self._launched)
        except InputError as error:  # a dense baseline failed, which is no trial
            say(f"warning: {error}")
            return [None] * len(commands)
        finally:
            self._launched += len(commands)
        return [
            str(returned._return_value) if returned.status == JobStatus.FAILED else None
            for returned in returns
        ]

    def _overrides(self, draw: "Draw") -> list[str]:
        number = [f"trial={draw.number}"] if self.numbered else []
        return [*self.fixed, *as_overrides(draw.settings), *number]


def _plain(node: DictConfig) -> dict[str, Any]:
    container = OmegaConf.to_container(node, resolve=True)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}
