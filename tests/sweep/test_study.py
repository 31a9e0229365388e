"""The study without Hydra: what it remembers, what it goes on with, what it says at the end."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
import torch
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import RandomSampler

from asr.errors import InputError
from asr.inference.export import export
from asr.sweep.objectives import exported_bytes, measured
from asr.sweep.search import search
from asr.sweep.study import Draw, Study
from asr.sweep.study_report import report
from tests.finished_run import write_run
from tests.statistics.systems import write_eval

SPACE = {
    "sparsity.block": CategoricalDistribution(["[4,4]", "[16,16]"]),
    "sparsity.sparsity": FloatDistribution(0.5, 0.9),
}
SMALL = {"model.hidden": IntDistribution(1, 4)}


def begun(
    home: Path,
    space: Mapping[str, BaseDistribution] = SPACE,
    objectives: Sequence[str] = ("wer",),
) -> Study:
    sampler = RandomSampler(seed=1)
    return Study(home, objectives=objectives, space=space, sampler=sampler, pruner=None)


def in_order(home: Path) -> Study:
    """A study that proposes 1, 2, 3, 4."""
    study = begun(home, SMALL)
    for hidden in range(1, 5):
        study.study.enqueue_trial({"model.hidden": hidden})
    return study


def wer(settings: dict[str, float]) -> float:
    return float(settings["model.hidden"]) / 10


class Fake:
    """Writes the status that a training would leave; `ends` says how, by the run's name."""

    def __init__(self, home: Path, **ends: str) -> None:
        self.home, self.ends, self.trained = home, ends, list[str]()

    def folder(self, draw: Draw) -> Path:
        if draw.settings["model.hidden"] == 4 and self.ends.get("h4") == "refused":
            raise InputError("model.hidden", expected="3", got="4", remedy="Take 3.")
        return self.home / f"h{draw.settings['model.hidden']}"

    def train(self, draws: Sequence[Draw]) -> list[str | None]:
        for draw in draws:
            folder = self.folder(draw)
            self.trained.append(folder.name)
            state = self.ends.get(folder.name, "done")
            if state == "killed":
                raise KeyboardInterrupt
            if state == "vanished":
                continue
            folder.mkdir(exist_ok=True)
            status = {"state": state, "reason": "", "validation": {"wer": wer(draw.settings)}}
            if state != "done":
                status = {"state": state, "reason": "because"}
            (folder / "status.json").write_text(json.dumps(status))
        vanished = [self.ends.get(self.folder(draw).name) == "vanished" for draw in draws]
        return ["no word" if gone else None for gone in vanished]


def go(study: Study, training: Fake, trials: int, jobs: int = 1) -> dict[int, str]:
    return search(study, training, n_trials=trials, n_jobs=jobs, objectives=["wer"])


def states(study: Study) -> list[str]:
    return [trial.state.name for trial in study.study.trials]


def test_a_study_ends_at_its_number_of_trials_whatever_the_commands(tmp_path: Path) -> None:
    first = begun(tmp_path)
    settings = [first.draw().settings for _ in range(2)]
    first.succeed(0, [0.2])
    again = begun(tmp_path)  # another process would see just this
    assert [draw.settings for draw in again.unfinished()] == [settings[1]]
    new = again.draw().settings
    assert new not in settings  # the sampler's seed would propose those once more
    with pytest.raises(InputError, match=r"another study: set experiment_name=NAME"):
        begun(tmp_path, objectives=["wer", "bytes"])
    for space in (
        SMALL,
        {**SPACE, **SMALL},
        {**SPACE, "sparsity.block": CategoricalDistribution(["[4,4]"])},
    ):
        with pytest.raises(InputError, match=r"another study"):
            begun(tmp_path, space)
    wider = begun(tmp_path, {**SPACE, "sparsity.sparsity": FloatDistribution(0.5, 0.95)})
    assert len(wider.unfinished()) == 2


def test_data_or_other_settings_that_changed_are_told(tmp_path: Path) -> None:
    study = begun(tmp_path, SMALL)
    go(study, Fake(tmp_path), 1)
    example = study.example()
    assert example is not None
    study.check_run(example.number, tmp_path / f"h{example.settings['model.hidden']}")
    with pytest.raises(InputError, match=r"that made h\d of .*others, that make it h9"):
        study.check_run(example.number, tmp_path / "h9")


def test_an_interrupted_trial_is_gone_on_with_and_none_is_lost(tmp_path: Path) -> None:
    training = Fake(tmp_path, h1="killed", h2="killed", h3="killed", h4="killed")
    with pytest.raises(KeyboardInterrupt):
        go(begun(tmp_path, SMALL), training, 4)
    study = begun(tmp_path, SMALL)
    assert states(study) == ["RUNNING"]
    resumed = Fake(tmp_path)
    assert go(study, resumed, 4) == {}
    assert resumed.trained[0] == training.trained[0]
    assert states(study) == ["COMPLETE"] * 4
    assert go(begun(tmp_path, SMALL), resumed, 4) == {}
    assert len(study.study.trials) == 4


def test_a_run_is_trained_once_however_often_it_is_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study, training = begun(tmp_path, SMALL), Fake(tmp_path)
    go(study, training, 30, jobs=3)
    assert sorted(training.trained) == ["h1", "h2", "h3", "h4"]
    assert states(study) == ["COMPLETE"] * 30
    assert all(trial.values == [wer(trial.params)] for trial in study.study.trials)
    assert "again" in capsys.readouterr().out
    (best,) = study.best()
    assert best.params == {"model.hidden": 1}


def test_failures_do_not_end_a_study_and_are_listed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = in_order(tmp_path)
    training = Fake(tmp_path, h2="failed", h3="vanished", h4="refused")
    assert go(study, training, 4, jobs=2) == {}
    assert sorted(states(study)) == ["COMPLETE", "FAIL", "FAIL", "FAIL"]
    with pytest.raises(InputError, match=r"3 failed, 0 not ended") as told:
        report(study, ["wer"], 4, {})
    for line in ("h2: because", "h3: no word", "expected 3, got 4. Take 3."):
        assert line in str(told.value)
    said = capsys.readouterr().out
    assert "4 of 4 trials: 1 trained, 3 failed" in said
    assert "10.00 %" in said

    # The same command does not try them again, unless it is told to or somebody else has.
    idle = Fake(tmp_path)
    go(study, idle, 4)
    assert not idle.trained
    (tmp_path / "h2" / "status.json").write_text('{"state": "done", "validation": {"wer": 0.2}}')
    study.try_again(tmp_path, all_failed=False)
    go(study, idle, 4)
    assert idle.trained == ["h2"]  # a launcher skips it, for it is done
    study.try_again(tmp_path, all_failed=True)
    go(study, idle, 4, jobs=2)
    assert sorted(idle.trained) == ["h2", "h3", "h4"]
    assert not study.failed()
    report(study, ["wer"], 4, {})


def test_what_has_not_ended_is_left_and_the_study_does_not_spin(tmp_path: Path) -> None:
    study = in_order(tmp_path)
    preempted = {f"h{hidden}": "preempted" for hidden in range(1, 5)}
    left = go(study, Fake(tmp_path, **preempted), 4, jobs=2)
    assert list(left) == [0, 1]
    with pytest.raises(InputError, match=r"0 failed, 2 not ended:\n  trial 0, .*: preempted bec"):
        report(study, ["wer"], 4, left)
    # One that ended lets the study go on, and the other one waits for the next command.
    resumed = Fake(tmp_path, h1="preempted")
    assert list(go(begun(tmp_path, SMALL), resumed, 4, jobs=2)) == [0]
    assert resumed.trained == ["h1", "h2", "h3", "h4"]


def test_a_run_that_outlived_its_sweep_holds_up_no_other(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(in_order(tmp_path), Fake(tmp_path, h1="killed"), 4)
    assert list(go(begun(tmp_path, SMALL), Fake(tmp_path, h1="running"), 4)) == [0]
    study = begun(tmp_path, SMALL)
    assert states(study) == ["RUNNING", "COMPLETE", "COMPLETE", "COMPLETE"]
    assert go(study, Fake(tmp_path), 4) == {}


def test_a_trial_that_was_cut_off_while_it_was_drawn_is_no_trial(tmp_path: Path) -> None:
    study = begun(tmp_path)
    study.study.ask({"sparsity.block": SPACE["sparsity.block"]})
    again = begun(tmp_path)
    assert (again.unfinished(), again.failed(), again.finished()) == ([], [], [])


def test_the_front_is_what_nothing_beats(tmp_path: Path) -> None:
    study = begun(tmp_path, SMALL, objectives=["wer", "bytes"])
    generator = torch.Generator().manual_seed(3)
    values = torch.randint(0, 6, (40, 2), generator=generator).tolist()
    for number, pair in enumerate(values):
        study.draw()
        study.begin(number, tmp_path / f"{pair}")
        study.succeed(number, pair)
    by_hand = {
        tuple(a)
        for a in values
        if not any(b[0] <= a[0] and b[1] <= a[1] and a != b for b in values)
    }
    assert [tuple(trial.values) for trial in study.best()] == sorted(by_hand)


def test_bytes_are_those_of_the_exported_file(tmp_path: Path) -> None:
    sizes = {}
    for name in ("dense", "sparse"):
        folder = tmp_path / name
        trained = write_run(folder, hidden=128)
        if name == "sparse":
            path = folder / "checkpoints/best.ckpt"
            checkpoint = torch.load(path)
            pruned = [n for n, _ in trained.model.named_parameters() if "weight_hh" in n]
            for weight in pruned:
                checkpoint["state_dict"][f"model.{weight}"][:, 16:] = 0
            state = {"method": "gradual_block", "block": [16, 16], "pruned": pruned}
            torch.save({**checkpoint, "sparsity": state}, path)
        sizes[name] = exported_bytes(folder)
        export(folder, tmp_path / "model.safetensors")
        assert (tmp_path / "model.safetensors").stat().st_size == sizes[name]
        # Results that come later are noted in the file too.
        write_eval(folder, ["the cat"], ["the hat"])
        export(folder, tmp_path / "model.safetensors")
        size = (tmp_path / "model.safetensors").stat().st_size
        assert size == pytest.approx(sizes[name], rel=0.01)
    assert sizes["sparse"] < 0.7 * sizes["dense"]


def test_a_run_without_final_masks_has_no_values(tmp_path: Path) -> None:
    write_run(tmp_path)
    with pytest.raises(InputError, match=r"validation WER .*got None.*end the pruning earlier"):
        measured(tmp_path, ["wer"])
    (tmp_path / "checkpoints/best.ckpt").unlink()
    with pytest.raises(InputError, match=r"best\.ckpt"):
        measured(tmp_path, ["bytes"])
