"""Optuna's sweeper under Hydra: the commands it gives, whole studies."""

import importlib.util
import json
import re
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobReturn, JobStatus
from hydra.types import HydraContext
from hydra.utils import instantiate

from asr.configuration import CONFIGURATION
from asr.errors import InputError
from asr.sweep.objectives import exported_bytes
from asr.training.study_journal import NAME, STUDY, open_journal
from hydra_plugins.asr_sweep.composed import identity_of
from tests.commands import run, start, tiny_run

optuna.logging.set_verbosity(optuna.logging.WARNING)


# ---- with a launcher that trains nothing -------------------------------------------------------


class Fake:
    """Hands in what a launcher would: a status in the run's folder."""

    def __init__(self, context: HydraContext, config: Any) -> None:
        self.context, self.config = context, config
        self.batches: list[list[list[str]]] = []

    def launch(self, commands: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        assert initial_job_idx == sum(map(len, self.batches))
        self.batches.append([list(command) for command in commands])
        return [self.ended(command) for command in commands]

    def ended(self, command: Sequence[str]) -> JobReturn:
        identity = identity_of(self.context, self.config, command)
        identity.folder.mkdir(parents=True, exist_ok=True)
        hidden = identity.settings["model"]["hidden"]
        status = {"state": "done", "validation": {"wer": hidden / 100, "cer": 0.1}}
        if hidden == 24:
            status = {"state": "failed", "reason": "it would not"}
        (identity.folder / "status.json").write_text(json.dumps(status))
        return JobReturn(status=JobStatus.COMPLETED)


def sweep(tones: Path, runs: Path, *overrides: str) -> Fake:
    """Run the sweeper that the overrides choose, on a `Fake`."""
    words = [word for word in tiny_run(tones, runs)[2:] if not word.startswith("model.drop")]
    hydra = [o for o in overrides if o.startswith("hydra")]
    task = [*words, *(o for o in overrides if not o.startswith("hydra"))]
    with initialize_config_dir(str(CONFIGURATION), version_base="1.3"):
        first = [word for word in task if "(" not in word]
        config = compose("train", [*first, *hydra], return_hydra_config=True)
        context = HydraContext(GlobalHydra.instance().config_loader(), callbacks=None)  # type: ignore[arg-type]
        sweeper = instantiate(config.hydra.sweeper)
        sweeper.hydra_context, sweeper.config = context, config
        sweeper.launcher = Fake(context, config)
        sweeper.sweep(task)
    return sweeper.launcher  # type: ignore[no-any-return]


OPTUNA = ("hydra/sweeper=optuna", "hydra.sweeper.objectives=[wer]")


def journal(runs: Path, experiment: str = "default") -> list[Any]:
    storage = open_journal(runs / experiment / NAME)
    return optuna.load_study(study_name=STUDY, storage=storage).trials


def test_a_study_from_end_to_end(
    tones: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    space = "model.hidden=choice(8,16,32)"
    asked = (*OPTUNA, space, "hydra.sweeper.n_jobs=2", "hydra.sweeper.n_trials=6")
    fake = sweep(tones, tmp_path, *asked)
    commands = [command for batch in fake.batches for command in batch]
    assert len(commands) == len({command[-1] for command in commands}) == 3
    assert max(map(len, fake.batches)) == 2
    assert all("training.epochs=3" in command for command in commands)
    trials = journal(tmp_path)
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 6
    assert all(trial.value == int(trial.params["model.hidden"]) / 100 for trial in trials)
    said = capsys.readouterr().out
    assert "6 of 6 trials: 6 trained" in said
    assert "8.00 %" in said

    assert sweep(tones, tmp_path, *asked).batches == []
    with pytest.raises(InputError, match="another study"):
        sweep(tones, tmp_path, *asked, "seed=2")
    with pytest.raises(InputError, match="another study"):
        sweep(tones, tmp_path, *OPTUNA, space, "hydra.sweeper.objectives=[cer]")
    # Where and how a run runs is no other study.
    assert sweep(tones, tmp_path, *asked, "hardware.threads=2").batches == []


def test_a_failed_trial_ends_no_study_and_is_listed(tones: Path, tmp_path: Path) -> None:
    asked = (*OPTUNA, "model.hidden=choice(8,24)", "hydra.sweeper.n_trials=8")
    with pytest.raises(InputError, match=r"failed, 0 not ended:\n  trial \d, \w{12}: it would not"):
        sweep(tones, tmp_path, *asked)
    assert {trial.state.name for trial in journal(tmp_path)} == {"COMPLETE", "FAIL"}


def test_what_is_wrong_with_all_is_told_before_a_trial_begins(tones: Path, tmp_path: Path) -> None:
    for overrides, told in (
        (["model.hiden=choice(1,2)"], "model.hiden"),
        (["model.hidden=choice(a,b)"], "int"),
        (["model.hidden=8"], "settings to search"),
        (["model.hidden=choice(8,9)", "hydra.sweeper.n_trials=0"], "1 or more"),
        (["model.hidden=choice(8,9)", "hydra.sweeper.objectives=[wer,speed]"], "wer, cer, bytes"),
    ):
        with pytest.raises(InputError, match=told):
            sweep(tones, tmp_path, *OPTUNA, *overrides)
    with pytest.raises(InputError, match="which runs can be pruned by"):
        sweep(
            tones,
            tmp_path,
            "hydra/sweeper=optuna_pruned",
            "hydra.sweeper.objectives=[wer,bytes]",
            "model.hidden=choice(8,9)",
        )
    assert not (tmp_path / "default" / NAME).exists()


def test_trials_to_be_pruned_know_their_number(tones: Path, tmp_path: Path) -> None:
    fake = sweep(
        tones,
        tmp_path,
        "hydra/sweeper=optuna_pruned",
        "hydra/sweeper/pruner=successive_halving",
        "hydra.sweeper.n_trials=3",
        "hydra.sweeper.n_jobs=3",
        "model.hidden=int(interval(1,20))",
    )
    commands = fake.batches[0]
    assert [command[-1] for command in commands] == ["trial=0", "trial=1", "trial=2"]
    keys = {path.parent.name for path in tmp_path.glob("default/*/status.json")}
    assert keys == {trial.user_attrs["run"] for trial in journal(tmp_path)}


def test_optuna_is_asked_for_where_it_is_missing(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "optuna" else find(name, *rest),
    )
    with pytest.raises(InputError, match=r"pip install -e '\.\[sweep\]'"):
        sweep(tones, tmp_path, *OPTUNA, "model.hidden=choice(8,9)")


def test_nothing_imports_optuna_unasked() -> None:
    code = "import sys, train, hydra.core.plugins as p; p.Plugins.instance()"
    ended = run([sys.executable, "-c", f"{code}; sys.exit('optuna' in sys.modules)"])
    assert ended.returncode == 0, ended.stderr


# ---- with the real one -------------------------------------------------------------------------


def search(tones: Path, runs: Path, *overrides: str) -> list[str]:
    python, script, *words = tiny_run(
        tones,
        runs,
        "+experiment=block_shape_search",
        "hydra.sweeper.n_trials=4",
        "hydra.sweeper.n_jobs=2",
        "sparsity.block=choice([4,4],[8,8])",
        "sparsity.sparsity=interval(0.5,0.9)",
        "model.hidden=32",
        *overrides,
    )
    return [python, script, "-m", *words]


@pytest.mark.flow
def test_a_search_that_was_interrupted_goes_on(tones: Path, tmp_path: Path) -> None:
    command = search(tones, tmp_path / "runs", "training.epochs=8")
    home = tmp_path / "runs/block_shape_search"
    process = start(command, tmp_path / "log")
    deadline = time.monotonic() + 120
    while not list(home.glob("*/checkpoints/last.ckpt")):
        assert process.poll() is None, (tmp_path / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 128 + signal.SIGTERM, (tmp_path / "log").read_text()
    begun = [trial.user_attrs["run"] for trial in journal(tmp_path / "runs", home.name)]
    assert begun
    ended = run(command)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    trials = journal(tmp_path / "runs", home.name)
    assert [trial.state.name for trial in trials] == ["COMPLETE"] * 4
    runs = [trial.user_attrs["run"] for trial in trials]
    assert runs[: len(begun)] == begun
    folders = sorted(path.parent.name for path in home.glob("*/status.json"))
    assert folders == sorted(set(runs))
    for trial in trials:
        folder = home / trial.user_attrs["run"]
        status = json.loads((folder / "status.json").read_text())
        assert trial.values == [status["validation"]["wer"], exported_bytes(folder)]
        config = yaml.safe_load((folder / "config.yaml").read_text())
        assert config["sparsity"]["block"] == json.loads(trial.params["sparsity.block"])
        share = trial.params["sparsity.sparsity"]
        assert config["sparsity"]["sparsity"] == pytest.approx(share, rel=1e-11)
    assert "no other trial is better in all of: wer, bytes" in ended.stdout


@pytest.mark.flow
def test_a_hopeless_run_is_stopped_for_good(tones: Path, tmp_path: Path) -> None:
    python, script, *words = tiny_run(
        tones,
        tmp_path,
        "hydra/sweeper=optuna_pruned",
        "hydra.sweeper.n_trials=4",
        "hydra.sweeper.sampler.seed=6",  # 0.01, 2e-9, and both of them again
        "hydra.sweeper.pruner.n_startup_trials=1",
        "hydra.sweeper.pruner.n_warmup_steps=2",
        "optimizer.lr=choice(0.01,1e-9,2e-9)",
        "model.dropout=0.0",
        "training.epochs=16",
    )
    ended = run([python, script, "-m", *words])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "4 of 4 trials: 2 trained, 2 pruned" in ended.stdout
    trials = journal(tmp_path)
    assert [t.params["optimizer.lr"] for t in trials] == ["0.01", "2e-09", "0.01", "2e-09"]
    assert [t.state.name for t in trials] == ["COMPLETE", "PRUNED", "COMPLETE", "PRUNED"]
    assert trials[1].intermediate_values == trials[3].intermediate_values
    assert 2 < len(trials[1].intermediate_values) < 16
    done, stopped = (tmp_path / "default" / t.user_attrs["run"] for t in trials[:2])
    assert sorted((tmp_path / "default").glob("*/status.json")) == sorted(
        folder / "status.json" for folder in (done, stopped)
    )
    status = json.loads((stopped / "status.json").read_text())
    assert status["state"] == "preempted"
    said = r"pruned by the study: WER 100\.0 %, CER \d+\.\d % in epoch"
    assert re.search(said, status["reason"])
    assert trials[0].value == json.loads((done / "status.json").read_text())["validation"]["wer"]
    said = (stopped / "output.log").read_text()
    assert "saved and stopped; without trial=NUMBER the same settings continue" in said
    # Neither the same command nor a retry by hand makes more of it.
    before = (stopped / "checkpoints/last.ckpt").stat().st_mtime_ns
    again = run([python, script, "-m", *words])
    assert again.returncode == 0, again.stdout + again.stderr
    retried = run([python, "-m", "asr.sweep", "retry", "--wait", str(tmp_path / "default")])
    assert retried.returncode == 0, retried.stdout + retried.stderr
    assert "nothing to retry" in retried.stdout
    assert "pruned by the study" in json.loads((stopped / "status.json").read_text())["reason"]
    assert (stopped / "checkpoints/last.ckpt").stat().st_mtime_ns == before
