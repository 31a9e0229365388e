"""The journal of a study under writers that are killed, out of disk, or many."""

import subprocess
import sys
from pathlib import Path

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.samplers import RandomSampler
from optuna.trial import TrialState

from asr.sweep.study import Study
from asr.training.study_journal import NAME, STUDY, open_journal
from tests.finished_run import REPOSITORY


def begun(home: Path) -> Study:
    return Study(
        home,
        objectives=["wer"],
        space={"optimizer.lr": FloatDistribution(0.0, 1.0)},
        sampler=RandomSampler(seed=1),
        pruner=None,
    )


def test_half_a_line_is_cut_off(tmp_path: Path) -> None:
    study = begun(tmp_path)
    study.draw()
    journal = tmp_path / NAME
    whole = journal.read_bytes()
    for half in (b'{"op_code":6,"tri', b"\0\0"):
        with open(journal, "ab") as file:
            file.write(half)
        assert len(begun(tmp_path).unfinished()) == 1
        assert journal.read_bytes().startswith(whole)
        begun(tmp_path).draw()
        study = begun(tmp_path)
        study.fail(study.unfinished()[-1].number, "x")


def test_a_full_disk_leaves_the_journal_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = begun(tmp_path)
    study.draw()

    def full(self: object, logs: object) -> None:
        with open(tmp_path / NAME, "ab") as file:
            file.write(b'{"op_code"')
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("optuna.storages.journal.JournalFileBackend.append_logs", full)
        with pytest.raises(OSError, match="No space"):
            study.fail(0, "x")
    study.fail(0, "x")
    assert [trial.state for trial in begun(tmp_path).study.trials] == [TrialState.FAIL]


WRITER = """
import sys
from pathlib import Path
import optuna
from asr.training.study_journal import STUDY, open_journal, trial_of
storage = open_journal(Path(sys.argv[1]))
study = optuna.load_study(study_name=STUDY, storage=storage)
for step in range(40):
    trial_of(study, storage, int(sys.argv[2])).report(step / 10, step)
"""


def test_processes_write_one_journal(tmp_path: Path) -> None:
    study = begun(tmp_path)
    for _ in range(3):
        study.draw()
    command = [sys.executable, "-c", WRITER, str(tmp_path / NAME)]
    writers = [subprocess.Popen([*command, str(n)], cwd=REPOSITORY) for n in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    trials = optuna.load_study(study_name=STUDY, storage=open_journal(tmp_path / NAME)).trials
    for trial in trials:
        assert trial.state == TrialState.RUNNING
        assert trial.intermediate_values == {step: step / 10 for step in range(40)}
