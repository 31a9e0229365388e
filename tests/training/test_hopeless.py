"""Runs that a study gives up, in this process, on tones."""

import csv
import json
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from asr.checkpoint import read_checkpoint
from asr.errors import InputError
from asr.sweep.study import Study
from asr.training.hopeless import HopelessTrialError, StopHopeless
from asr.training.run_folder import RunFolder
from asr.training.study_journal import NAME
from tests.training.in_process import IDENTITY, speech_data, speech_module, trainer
from tests.training.test_pruning import pruned_module

MEDIAN = {"_target_": "optuna.pruners.MedianPruner", "n_startup_trials": 1, "n_warmup_steps": 0}


def study_of(home: Path, pruner: dict[str, Any] = MEDIAN) -> Study:
    return Study(
        home,
        objectives=["wer"],
        space={"optimizer.lr": optuna.distributions.FloatDistribution(0.0, 1.0)},
        sampler=RandomSampler(seed=1),
        pruner=pruner,
    )


def others(study: Study, rates: list[float]) -> None:
    """A finished trial with the WER of every epoch."""
    trial = study.study.ask(study.space)
    for epoch, rate in enumerate(rates, start=1):
        trial.report(rate, epoch)
    study.study.tell(trial, rates[-1])


def train(
    tones: Path, home: Path, number: int | None, epochs: int = 3, pruned: bool = False
) -> Path:
    """A run in `home`, or the rest of it; returns its folder."""
    folder = home / "run"
    reporting = [] if number is None else [StopHopeless(home, number)]
    made = trainer(folder, *reporting, epochs=epochs)
    if pruned:
        data, module = pruned_module(tones, epochs=epochs, end=0.6)
    else:
        data = speech_data(tones)
        module = speech_module(data, epochs=epochs)
    last = folder / "checkpoints/last.ckpt"
    with RunFolder(folder, IDENTITY).owned(lambda: (made.global_step, made.current_epoch)):
        made.fit(
            module,
            datamodule=data,
            ckpt_path=last if last.is_file() else None,
            weights_only=True,
        )
    return folder


def status(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "status.json").read_text())  # type: ignore[no-any-return]


def validation(folder: Path) -> dict[int, float]:
    rows = csv.DictReader((folder / "metrics.csv").read_text().splitlines())
    return dict(enumerate((float(row["wer"]) for row in rows if row["wer"]), start=1))


def test_a_hopeless_run_saves_and_stops_and_stays_stopped(tones: Path, tmp_path: Path) -> None:
    study = study_of(tmp_path)
    others(study, [5.0, -1.0, -1.0])  # beaten after one epoch, never after two
    draw = study.draw()
    with pytest.raises(HopelessTrialError) as stopped:
        train(tones, tmp_path, draw.number)
    assert stopped.value.exit_code == 0
    folder = tmp_path / "run"
    written = status(folder)
    assert written["state"] == "preempted"
    assert "pruned by the study: WER" in written["reason"]
    assert "in epoch 2 of 3" in written["reason"]
    # What it said is what it measured.
    trial = study.study.trials[draw.number]
    assert trial.state == TrialState.PRUNED
    assert trial.intermediate_values == pytest.approx(validation(folder))
    assert list(trial.intermediate_values) == [1, 2]
    assert trial.value == trial.intermediate_values[2]
    last = read_checkpoint(folder / "checkpoints/last.ckpt")
    assert last["global_step"] == written["step"]

    with pytest.raises(HopelessTrialError, match="is over: PRUNED"):
        train(tones, tmp_path, draw.number)
    assert status(folder)["state"] == "preempted"
    assert list(study.study.trials[draw.number].intermediate_values) == [1, 2]

    # Who wants it all the same goes on from there.
    train(tones, tmp_path, None)
    undisturbed = read_checkpoint(train(tones, tmp_path / "b", None) / "checkpoints/last.ckpt")
    resumed = read_checkpoint(folder / "checkpoints/last.ckpt")
    for name, tensor in undisturbed["state_dict"].items():
        assert torch.equal(tensor, resumed["state_dict"][name]), name


def test_a_run_goes_on_while_it_is_as_good_as_others(tones: Path, tmp_path: Path) -> None:
    study = study_of(tmp_path)
    others(study, [5.0, 5.0, -1.0])  # in its last epoch a run is not stopped
    draw = study.draw()
    folder = train(tones, tmp_path, draw.number)
    assert status(folder)["state"] == "done"
    trial = study.study.trials[draw.number]
    assert trial.state == TrialState.RUNNING  # its sweep says what it is worth
    assert trial.intermediate_values == pytest.approx(validation(folder))
    assert len(trial.intermediate_values) == 3


def test_nothing_is_said_of_epochs_before_the_masks_are_final(tones: Path, tmp_path: Path) -> None:
    study = study_of(tmp_path)
    others(study, [-1.0, -1.0, -1.0, -1.0])
    draw = study.draw()

    with pytest.raises(HopelessTrialError, match=r"in epoch 3 of 4"):
        train(tones, tmp_path, draw.number, epochs=4, pruned=True)
    assert list(study.study.trials[draw.number].intermediate_values) == [3]


def test_a_journal_out_of_reach_does_not_end_a_run(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = study_of(tmp_path)
    draw = study.draw()

    def away(*_: object) -> None:
        raise OSError(116, "Stale file handle")

    monkeypatch.setattr("optuna.Trial.report", away)
    folder = train(tones, tmp_path, draw.number, epochs=2)
    assert status(folder)["state"] == "done"
    assert "warning: epoch 1 is not reported" in capsys.readouterr().out


def test_a_number_without_a_trial_is_told(tones: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trial=0: expected a study in .*study\.journal"):
        train(tones, tmp_path, 0)
    study_of(tmp_path).draw()
    with pytest.raises(InputError, match=r"trial=7: .*not among its 1"):
        train(tones, tmp_path, 7)


def test_pruners_are_optunas(tmp_path: Path) -> None:
    for settings in (
        {"_target_": "os.system", "command": "true"},
        {"_target_": "optuna.pruners.os"},
        {**MEDIAN, "warmup": 3},
        {**MEDIAN, "n_warmup_steps": -1},
    ):
        with pytest.raises(InputError, match=r"hydra\.sweeper\.pruner"):
            study_of(tmp_path, settings)
    assert (tmp_path / NAME).is_file()
