"""An Optuna study of an experiment: what to try next, and what became of what was tried.

A trial that an interrupted sweep left is gone on with; one whose run was trained before has the
answer already.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from asr.errors import InputError
from asr.training.run_folder import read_status
from asr.training.study_journal import (
    NAME,
    OBJECTIVES,
    PRUNER,
    STUDY,
    open_journal,
    pruner_from,
    trial_of,
)

Setting = str | int | float
_RUN, _REASON, _RETRIES = "run", "reason", "retries"  # user attributes of a trial


@dataclass(frozen=True)
class Draw:
    """A trial that has begun: settings to train."""

    number: int
    settings: Mapping[str, Setting]


def run_of(trial: FrozenTrial) -> str:
    """Key of the run that a trial is."""
    return str(trial.user_attrs.get(_RUN, ""))


def reason_of(trial: FrozenTrial) -> str:
    """Why a trial failed."""
    return str(trial.user_attrs.get(_REASON, ""))


class Study:
    """The study in an experiment's folder, begun or gone on with.

    Args:
        home: the experiment's folder.
        objectives: names of what is minimised.
        space: the swept settings.
        sampler: proposes settings.
        pruner: class and arguments of what ends hopeless runs (`pruner_from`), or None.

    Raises:
        InputError: the folder holds a study of other objectives or settings.
    """

    def __init__(
        self,
        home: Path,
        *,
        objectives: Sequence[str],
        space: Mapping[str, BaseDistribution],
        sampler: BaseSampler,
        pruner: dict[str, Any] | None,
    ) -> None:
        self.path, self.space = home / NAME, dict(space)
        self.storage = open_journal(self.path)
        self.study = optuna.create_study(
            study_name=STUDY,
            storage=self.storage,
            sampler=sampler,
            pruner=pruner_from(pruner) if pruner else None,
            directions=["minimize"] * len(objectives),
            load_if_exists=True,
        )
        begun_with = self.study.user_attrs.get(OBJECTIVES, list(objectives))
        if begun_with != list(objectives):
            raise self._another(f"the objectives {begun_with}", str(list(objectives)))
        for trial in self.study.trials:
            self._check_space(trial)
        self.study.set_user_attr(OBJECTIVES, list(objectives))
        self.study.set_user_attr(PRUNER, pruner)
        if self.study.trials:
            sampler.reseed_rng()  # its seed would propose the first settings once more
        for trial in self._in(TrialState.RUNNING):
            if not self._is_whole(trial):  # cut off while it was drawn: there is nothing to train
                self.study.tell(trial.number, state=TrialState.FAIL)

    # ---- asking ------------------------------------------------------------------------------

    def unfinished(self) -> list[Draw]:
        """Trials that have begun and not ended, the oldest first."""
        return [Draw(trial.number, trial.params) for trial in self._in(TrialState.RUNNING)]

    def draw(self) -> Draw:
        """Begin a trial."""
        trial = self.study.ask(self.space)
        return Draw(trial.number, trial.params)

    def begin(self, number: int, run: Path) -> None:
        """Note which run a trial is."""
        trial_of(self.study, self.storage, number).set_user_attr(_RUN, run.name)

    def try_again(self, home: Path, *, all_failed: bool) -> None:
        """Put failed trials' settings first among those to come: all, or whose run is done now."""
        for trial in self.failed():
            run = trial.user_attrs.get(_RUN)
            done = run is not None and read_status(home / run).get("state") == "done"
            if done or all_failed:
                self.study.enqueue_trial(trial.params, user_attrs={_RETRIES: trial.number})

    # ---- telling -----------------------------------------------------------------------------

    def succeed(self, number: int, values: Sequence[float]) -> None:
        """End a trial with the values of its run."""
        self.study.tell(number, list(values))

    def fail(self, number: int, reason: str) -> None:
        """End a trial without values."""
        trial_of(self.study, self.storage, number).set_user_attr(_REASON, reason)
        self.study.tell(number, state=TrialState.FAIL)

    def answer(self, number: int, run: Path) -> FrozenTrial | None:
        """End a trial as an earlier one of the same run did, and return that; None without one."""
        for earlier in self._in(TrialState.COMPLETE, TrialState.PRUNED):
            if earlier.user_attrs.get(_RUN) != run.name:
                continue
            self.begin(number, run)
            if earlier.state == TrialState.COMPLETE:
                self.succeed(number, earlier.values)
                return earlier
            trial = trial_of(self.study, self.storage, number)
            for epoch, rate in earlier.intermediate_values.items():
                trial.report(rate, epoch)
            self.study.tell(number, state=TrialState.PRUNED)
            return earlier
        return None

    # ---- looking -----------------------------------------------------------------------------

    def is_over(self, number: int) -> bool:
        """Whether a trial has ended; a run that was pruned says so itself."""
        return self.study.trials[number].state.is_finished()

    def finished(self) -> list[FrozenTrial]:
        """All that count: with values, pruned, or failed and not tried again."""
        return [*self._in(TrialState.COMPLETE, TrialState.PRUNED), *self.failed()]

    def failed(self) -> list[FrozenTrial]:
        """Failed trials that were not tried again."""
        again = {trial.user_attrs.get(_RETRIES) for trial in self.study.trials}
        failed = self._in(TrialState.FAIL)
        return [t for t in failed if self._is_whole(t) and t.number not in again]

    def pruned(self) -> list[FrozenTrial]:
        """Trials whose run was stopped as hopeless."""
        return self._in(TrialState.PRUNED)

    def best(self) -> list[FrozenTrial]:
        """Trials that no other beats in every objective, each run once, by the first objective."""
        if not self._in(TrialState.COMPLETE):
            return []
        by_run = {run_of(trial): trial for trial in reversed(self.study.best_trials)}
        return sorted(by_run.values(), key=lambda trial: (trial.values, trial.number))

    def example(self) -> Draw | None:
        """A trial with values, if there is one."""
        complete = self._in(TrialState.COMPLETE)
        return Draw(complete[-1].number, complete[-1].params) if complete else None

    def check_run(self, number: int, run: Path) -> None:
        """Raise InputError unless a trial's settings are the run that they were."""
        trial = self.study.trials[number]
        if run_of(trial) != run.name:
            raise self._another(
                f"the data, and the settings beside the swept ones, that made {run_of(trial)} "
                f"of {trial.params}",
                f"others, that make it {run.name}",
            )

    # ---- inside ------------------------------------------------------------------------------

    def _in(self, *states: TrialState) -> list[FrozenTrial]:
        return self.study.get_trials(deepcopy=False, states=states)

    def _is_whole(self, trial: FrozenTrial) -> bool:
        return trial.params.keys() == self.space.keys()

    def _check_space(self, trial: FrozenTrial) -> None:
        known, answered = set(trial.distributions), (TrialState.COMPLETE, TrialState.PRUNED)
        if known - set(self.space) or (trial.state in answered and known != set(self.space)):
            raise self._another(f"the swept settings {sorted(known)}", str(sorted(self.space)))
        for name, distribution in trial.distributions.items():
            try:
                check_distribution_compatibility(distribution, self.space[name])
            except ValueError as error:
                raise self._another(f"{name} from {distribution}", str(self.space[name])) from error

    def _another(self, expected: str, got: str) -> InputError:
        return InputError(
            str(self.path),
            expected=expected,
            got=got,
            remedy="That is another study: set experiment_name=NAME to begin it, or remove the "
            "journal (finished runs stay, and are not trained again).",
        )
