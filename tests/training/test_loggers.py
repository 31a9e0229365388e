"""Metrics go where they were asked to go; wandb neither asks nor stops anything."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import wandb

from asr.errors import InputError
from asr.training.loggers import close, no_loggers, run_id, tensorboard_logger, wandb_logger
from asr.training.run_folder import RunFolder
from tests.commands import run, tiny_run
from tests.training.in_process import IDENTITY


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
    """A run folder, with neither key nor terminal nor settings of this machine."""
    for name in ("WANDB_API_KEY", "WANDB_MODE", "WANDB_BASE_URL", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return RunFolder(tmp_path / "run", IDENTITY)


class Fake:
    """Stands in for `wandb.init`; fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.calls: list[dict[str, Any]] = []
        self.failures = failures

    def __call__(self, **arguments: Any) -> Any:
        self.calls.append(arguments)
        if len(self.calls) <= self.failures:
            raise wandb.errors.CommError("Run initialization has timed out after 30.0 sec.")
        return SimpleNamespace(
            **arguments, define_metric=lambda *_, **__: None, _label=lambda **_: None
        )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    made = Fake()
    monkeypatch.setattr(wandb, "init", made)
    monkeypatch.setattr("asr.training.loggers.WandbLogger", lambda experiment: experiment)
    return made


@pytest.mark.parametrize("mode", [None, "online", "offline", "run", "shared", "bogus"])
def test_without_a_key_it_is_offline_from_the_start(
    folder: RunFolder, fake: Fake, monkeypatch: pytest.MonkeyPatch, mode: str | None
) -> None:
    if mode is not None:
        monkeypatch.setenv("WANDB_MODE", mode)
    wandb_logger(folder, {"seed": 1}, project="p")
    (call,) = fake.calls
    assert (call["mode"], call["id"], call["group"]) == ("offline", "e-k1", "g1")
    assert (call["resume"], call["config"], call["dir"]) == ("allow", {"seed": 1}, folder.path)


def test_experiments_that_train_one_run_key_are_two_runs_whatever_they_are_called() -> None:
    names = ["blocks", "sparsities", "50 %", "a:b", "a#b", "x" * 200, "x" * 199, "\u00fc"]
    ids = [run_id({"experiment": name, "run_key": "0123456789ab"}) for name in names]
    assert ids[0] == "blocks-0123456789ab"
    assert len(set(ids)) == len(names)
    for one in ids:
        assert len(one) <= 128
        assert not set(one) & set("/\\#?%:;,' "), one


@pytest.mark.parametrize("kept_in", ["environment", "netrc"])
def test_with_a_key_it_is_online_unless_told_otherwise(
    folder: RunFolder, fake: Fake, monkeypatch: pytest.MonkeyPatch, kept_in: str
) -> None:
    if kept_in == "environment":
        monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    else:
        (Path.home() / ".netrc").write_text("machine api.wandb.ai login user password 0\n")
    wandb_logger(folder, {}, project="p")
    monkeypatch.setenv("WANDB_MODE", "offline")
    wandb_logger(folder, {}, project="p")
    assert [call["mode"] for call in fake.calls] == ["online", "offline"]


def test_out_of_reach_is_offline_and_said(
    folder: RunFolder,
    fake: Fake,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    fake.failures = 1
    (run,) = wandb_logger(folder, {}, project="p")
    assert run.mode == "offline"  # type: ignore[attr-defined]
    assert [call["mode"] for call in fake.calls] == ["online", "offline"]
    assert "warning: wandb is out of reach" in capsys.readouterr().out


def test_without_even_an_offline_run_training_goes_on(
    folder: RunFolder,
    fake: Fake,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    fake.failures = 2
    assert wandb_logger(folder, {}, project="p") == []
    assert [call["mode"] for call in fake.calls] == ["online", "offline"]
    assert "warning: no wandb for this run (Run initialization has" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "base"),
    [
        ("machine example.org login api.wandb.ai password x\n", None),  # another host's
        ("machine api.wandb.ai login user password x\n", "https://wandb.example.org"),
        ("machine api.wandb.ai login\n", None),  # broken
        ("machine api.wandb.ai login \udcff password x\n", None),  # not UTF-8
    ],
)
def test_a_netrc_without_this_key_is_no_key(
    folder: RunFolder,
    fake: Fake,
    monkeypatch: pytest.MonkeyPatch,
    content: str,
    base: str | None,
) -> None:
    (Path.home() / ".netrc").write_bytes(content.encode("utf-8", "surrogateescape"))
    if base:
        monkeypatch.setenv("WANDB_BASE_URL", base)
    wandb_logger(folder, {}, project="p")
    assert [call["mode"] for call in fake.calls] == ["offline"]


REAL = """
import sys
from asr.training.loggers import close, wandb_logger
from asr.training.run_folder import RunFolder
identity = {"run_key": "k1", "group_key": "g1", "experiment": "e"}
loggers = wandb_logger(RunFolder(sys.argv[1], identity), {}, project="p")
for logger in loggers:
    logger.log_metrics({"loss": 1.0}, step=0)
close(exit_code=0)
print("loggers", len(loggers))
"""


@pytest.mark.parametrize(
    ("setting", "loggers", "told"),
    [
        ("WANDB_MODE=bogus", 0, "warning: no wandb for this run (1 validation error for Settings"),
        ("WANDB_DIR={file}/x", 1, ""),  # the run folder is given, and holds
    ],
)
def test_whatever_its_settings_the_real_wandb_neither_asks_nor_stops(
    tmp_path: Path, setting: str, loggers: int, told: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "home").mkdir()
    bare = ["env", "-u", "WANDB_MODE", "-u", "WANDB_API_KEY", f"HOME={tmp_path}/home"]
    command = [sys.executable, "-c", REAL, str(tmp_path / "run")]
    (tmp_path / "run").mkdir()
    setting = setting.format(file=tmp_path / "file")
    ended = run([*bare, setting, *command], stdin=subprocess.DEVNULL)
    assert ended.returncode == 0, ended.stderr
    assert f"loggers {loggers}" in ended.stdout
    assert told in ended.stdout
    assert bool(list((tmp_path / "run").glob("wandb/offline-run-*"))) is bool(loggers)


def test_closing_without_wandb_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "wandb")
    close(exit_code=0)


def test_the_csv_alone_is_no_further_logger(folder: RunFolder) -> None:
    assert no_loggers(folder, {}) == []


def test_tensorboard_writes_events_in_the_run_folder(folder: RunFolder) -> None:
    (logger,) = tensorboard_logger(folder, {})
    logger.log_metrics({"wer": 0.5}, step=3)
    logger.finalize("success")
    (events,) = (folder.path / "tensorboard").glob("events.out.tfevents.*")
    assert b"wer" in events.read_bytes()


def test_without_tensorboard_the_error_says_what_to_install(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_TENSORBOARD_AVAILABLE", "_TENSORBOARDX_AVAILABLE"):
        monkeypatch.setattr(f"lightning.fabric.loggers.tensorboard.{name}", False)
    with pytest.raises(InputError, match=r"pip install -e '\.\[tensorboard\]'"):
        tensorboard_logger(folder, {})


@pytest.mark.flow
def test_a_run_that_continues_is_one_run_of_wandb(tones: Path, tmp_path: Path) -> None:
    """No key, no terminal, no setting: offline, without a question, twice under one id."""
    (tmp_path / "home").mkdir()
    bare = ["env", "-u", "WANDB_MODE", "-u", "WANDB_API_KEY", f"HOME={tmp_path}/home"]
    pruned = ("sparsity=gradual_block", "sparsity.block=[4,4]", "sparsity.start=0")
    command = bare + tiny_run(
        tones, tmp_path / "runs", "training.epochs=1", "logger=wandb", *pruned
    )
    first = run(command, stdin=subprocess.DEVNULL)
    assert first.returncode == 0, first.stderr
    (folder,) = (tmp_path / "runs/default").iterdir()
    sent = folder.glob("wandb/offline-run-*/files/media/images/masks/*.png")
    drawn = folder.glob("masks/*.png")
    assert len(list(sent)) == len(list(drawn)) == 9  # eight matrices, and their history
    status = folder / "status.json"
    status.write_text(json.dumps(json.loads(status.read_text()) | {"state": "running"}))
    again = run(command, stdin=subprocess.DEVNULL)
    assert again.returncode == 0, again.stderr
    assert "done: " in again.stdout
    offline = [path.name for path in folder.glob("wandb/offline-run-*")]
    assert len(offline) == 2
    assert all(name.endswith(f"-default-{folder.name}") for name in offline)
    assert "Traceback" not in first.stderr + again.stderr
    # metrics.csv is there whatever else is.
    rows = list(csv.DictReader((folder / "metrics.csv").read_text().splitlines()))
    assert [row["step"] for row in rows if row["wer"]] == [
        str(json.loads(status.read_text())["step"] - 1)
    ]
