"""Stop a run that its study gives up: no better than others were after as many epochs."""

from pathlib import Path
from typing import Any

import lightning
import optuna
from lightning.pytorch.callbacks import Callback
from optuna.trial import TrialState

from asr.errors import InputError
from asr.training.module import SpeechModule
from asr.training.run_folder import PRUNED, TrainingInterruptedError
from asr.training.study_journal import (
    NAME,
    OBJECTIVES,
    PRUNER,
    STUDY,
    open_journal,
    pruner_from,
    trial_of,
)
from asr.training.telling import say

RATES = ("wer", "cer")  # of which the study judges by one


class HopelessTrialError(TrainingInterruptedError):
    """Training has saved and stopped since its study expects nothing of it."""

    farewell = "saved and stopped; without trial=NUMBER the same settings continue"

    def __init__(self, reason: str) -> None:
        Exception.__init__(self, reason)
        self.exit_code = 0  # it did what was asked


class StopHopeless(Callback):
    """Reports each epoch's error rate to the study, and stops the run when that says so.

    Epochs before the masks are final report nothing: theirs is the rate of another model. The next
    ones recover from the masks: the pruner's `n_warmup_steps` has to last beyond them.

    Args:
        home: the experiment's folder, with the study's journal.
        number: of the trial that this run is.
    """

    def __init__(self, home: Path, number: int) -> None:
        self.path, self.number = home / NAME, number
        self._trial: optuna.Trial | None = None  # of the first process; the others only follow
        self._study: optuna.Study | None = None
        self._objective = self._verdict = ""

    def setup(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, stage: str
    ) -> None:
        state = TrialState.RUNNING
        if trainer.is_global_zero:
            if not self.path.is_file():
                raise InputError(
                    f"trial={self.number}",
                    expected=f"a study in {self.path}",
                    got="no such file",
                    remedy="Leave `trial` to hydra/sweeper=optuna_pruned.",
                )
            storage = open_journal(self.path)
            study = optuna.load_study(study_name=STUDY, storage=storage)
            study.pruner = pruner_from(study.user_attrs[PRUNER])
            self._study, self._trial = study, trial_of(study, storage, self.number)
            (self._objective,) = study.user_attrs[OBJECTIVES]
            state = study.trials[self.number].state
        # Sent again by hand, say; the study would not hear what it reports.
        if not self._agreed(trainer, state == TrialState.RUNNING):
            raise HopelessTrialError(f"trial {self.number} of the study is over: {state.name}")

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule
    ) -> None:
        assert isinstance(module, SpeechModule)
        epoch, last = trainer.current_epoch + 1, trainer.max_epochs
        hopeless = module.pruner.ended and self._reported(trainer, epoch)
        if epoch == last:  # the result is there
            return
        if not self._agreed(trainer, not hopeless):
            rates = trainer.callback_metrics
            said = ", ".join(f"{name.upper()} {100 * float(rates[name]):.1f} %" for name in RATES)
            self._verdict = f"{PRUNED}: {said} in epoch {epoch} of {last}"
            trainer.should_stop = True  # once the other callbacks have saved

    def on_train_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        if self._verdict:
            if self._study is not None:
                self._study.tell(self.number, state=TrialState.PRUNED)
            raise HopelessTrialError(self._verdict)

    def _reported(self, trainer: lightning.Trainer, epoch: int) -> bool:
        """Report an epoch; whether the run is then hopeless."""
        if self._trial is None or self._study is None:
            return False
        try:
            # After a resume the same epoch may come by twice, with the same rate.
            if epoch not in self._study.trials[self.number].intermediate_values:
                self._trial.report(float(trainer.callback_metrics[self._objective]), epoch)
            return self._trial.should_prune()
        except OSError as error:
            say(f"warning: epoch {epoch} is not reported to {self.path}: {error}")
            return False

    @staticmethod
    def _agreed(trainer: lightning.Trainer, flag: bool) -> Any:
        """Whether all processes say so; those that do not know say yes."""
        return trainer.strategy.reduce_boolean_decision(flag, all=True)
