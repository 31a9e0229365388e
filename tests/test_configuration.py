"""Every YAML composes, its keys are the constructor's arguments, and a slip is told at once."""

import importlib
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.plugins.sweeper import Sweeper
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from asr.configuration import (
    _MISCONFIGURED,
    CONFIGURATION,
    RUNTIME,
    _parameters,
    _told,
    build,
    check,
    explained,
)
from asr.data.datamodule import SpeechData
from asr.errors import InputError
from asr.features.log_mel import LogMel
from asr.features.spectrogram import Spectrogram
from asr.model.acoustic import AcousticModel
from asr.sparsity.penalty import Penalty
from asr.text import BasicNormaliser
from tests import commands
from tests.commands import tiny_run
from tests.warm import run

PRIMARIES = ("train", "evaluate")
GROUPS = {
    folder.name: sorted(path.stem for path in folder.glob("*.yaml"))
    for folder in sorted(CONFIGURATION.iterdir())
    if folder.is_dir() and folder.name != "hydra"
}
LAUNCHERS = sorted(path.stem for path in CONFIGURATION.glob("hydra/launcher/*.yaml"))
SWEEPERS = sorted(path.stem for path in CONFIGURATION.glob("hydra/sweeper/*.yaml"))
EXPERIMENTS = GROUPS.pop("experiment")
# What `???` asks of the user.
GIVEN = ["data.train=[a.jsonl]", "data.validation=[b.jsonl]"]


@pytest.fixture(autouse=True, scope="module")
def hydra_here() -> Iterator[None]:
    with initialize_config_dir(str(CONFIGURATION), version_base="1.3"):
        yield


def composed(*overrides: str, name: str = "train") -> DictConfig:
    cfg = compose(name, list(overrides))
    check(cfg, name)
    return cfg


def nodes(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping that names a target, however deep."""
    if isinstance(value, dict):
        if "_target_" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from nodes(item)


def written(group: str, name: str) -> dict[str, Any]:
    """What a choice's file says, on top of what the files say that its defaults name."""
    own = yaml.safe_load((CONFIGURATION / group / f"{name}.yaml").read_text())
    merged: dict[str, Any] = {}
    for default in own.pop("defaults", []):
        if isinstance(default, str):
            merged |= written(group, default)
        else:
            merged |= {key: written(f"{group}/{key}", choice) for key, choice in default.items()}
    return merged | own


def keys(node: dict[str, Any]) -> set[str]:
    return {key for key in node if not key.startswith("_")}


@pytest.mark.parametrize("turn", range(max(map(len, GROUPS.values()))))
def test_every_choice_of_every_group_composes(turn: int) -> None:
    chosen = {group: names[turn % len(names)] for group, names in GROUPS.items()}
    cfg = composed(*(f"{group}={name}" for group, name in chosen.items()), *GIVEN)
    assert set(GROUPS) <= set(cfg)
    for group, name in chosen.items():
        # The choice came through whole, and nothing else did.
        assert keys(OmegaConf.to_container(cfg[group])) == keys(written(group, name))  # type: ignore[arg-type]


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes(experiment: str) -> None:
    cfg = composed(f"+experiment={experiment}")
    assert cfg.experiment_name != "default"


@pytest.mark.parametrize(("group", "names"), GROUPS.items())
def test_keys_are_the_constructors_arguments(group: str, names: list[str]) -> None:
    for name in names:
        found = list(nodes(written(group, name)))
        assert found, f"{group}/{name} names no target"
        for node in found:
            parameters = _parameters(node["_target_"])
            legal = set(parameters) - RUNTIME.get(group, frozenset())
            if node["_target_"].startswith("asr."):
                assert keys(node) == legal, node["_target_"]
                # A value lives in YAML or in code, not in both.
                assert all(parameters[key].default is parameters[key].empty for key in legal)
            else:
                assert keys(node) <= legal, node["_target_"]


@pytest.mark.parametrize("choice", [f"launcher={name}" for name in LAUNCHERS])
def test_launchers_take_the_arguments_of_their_engines(choice: str) -> None:
    node = compose("train", [f"hydra/{choice}"], return_hydra_config=True).hydra.launcher
    launcher = instantiate(node)
    engine = getattr(type(launcher), "engine", None)
    if engine is None:  # Hydra's own
        return
    module, _, kind = engine.rpartition(".")
    legal = set(inspect.signature(getattr(importlib.import_module(module), kind)).parameters)
    assert {str(key) for key in node} - {"_target_", "retry_failed", "baselines"} == legal
    assert node.baselines == "compared"


@pytest.mark.parametrize("choice", [f"sweeper={name}" for name in SWEEPERS])
def test_sweepers_are_made_of_their_files(choice: str) -> None:
    node = compose("train", [f"hydra/{choice}"], return_hydra_config=True).hydra.sweeper
    assert isinstance(instantiate(node), Sweeper)


def test_what_only_a_run_knows_is_taken_by_some_constructor() -> None:
    for group, runtime in RUNTIME.items():
        targets = [written(group, name)["_target_"] for name in GROUPS[group]]
        taken = set().union(*(_parameters(target) for target in targets))
        assert runtime <= taken, group


def test_the_primary_file_holds_groups_and_five_scalars() -> None:
    primary = yaml.safe_load((CONFIGURATION / "train.yaml").read_text())
    scalars = {"experiment_name", "runs", "seed", "init_from", "trial"}
    assert set(primary) - {"defaults", "hydra"} == scalars
    named = {next(iter(entry)) for entry in primary["defaults"] if isinstance(entry, dict)}
    assert {name for name in named if not name.startswith("override ")} == set(GROUPS)
    for name in PRIMARIES:
        composed(name=name)


@pytest.mark.parametrize("name", GROUPS["model"])
@pytest.mark.parametrize("features", [LogMel, Spectrogram])
def test_models_and_features_need_no_hydra(
    name: str, features: type[LogMel] | type[Spectrogram]
) -> None:
    def arguments(path: str) -> dict[str, Any]:
        node = yaml.safe_load((CONFIGURATION / path).read_text())
        return {key: value for key, value in node.items() if key != "_target_"}

    file = "log_mel" if features is LogMel else "spectrogram"
    built = features(**arguments(f"features/{file}.yaml"))
    with torch.device("meta"):  # sizes without memory
        model = AcousticModel(
            **arguments(f"model/{name}.yaml"), bins=built.bins, vocabulary_size=29
        )
    assert model.bins == built.bins


SLIPS = {
    "model.hiden=3": ("model.hiden", "hidden, layers", "Did you mean 'hidden'"),
    "+model.hiden=3": ("model.hiden", "hidden, layers", "Did you mean 'hidden'"),
    "+model.bins=40": ("model.bins", "hidden, layers"),  # the features' own, not the user's
    "+data.seed=4": ("data.seed", "max_batch"),
    "+foo=1": ("foo: expected one of augmentation, data", "vocabulary, got 'foo'"),
    "modle=small": ("modle", "Did you mean 'model'"),
    "model=smal": ("model", "paper_gru", "got 'smal'", "Did you mean 'small'"),
    "model=grv": ("model", "paper_gru", "got 'grv'"),
    "+experiment=nope": ("experiment", "demo", "got 'nope'"),
    "training.epochs=abc": ("training.epochs", "int", "'abc'"),
    "training.epochs=1.5": ("training.epochs", "int", "1.5"),
    "model.cell=gruu": ("model.cell", "'lstm'", "'gruu'"),
    "model.hidden=null": ("model.hidden", "int", "null"),
    "model.convolutions=3": ("model.convolutions", "a list"),
    "data.train=x.jsonl": ("data.train", "a list of str", "'x.jsonl'"),
    "data=manifests": ("data.train", "got none", "data.train=VALUE"),
    "~model.hidden": ("model.hidden", "got none"),
    "~scheduler": ("scheduler", "got none"),
    "optimizer.lr=fast": ("optimizer.lr", "float", "'fast'"),
    "optimizer.betas=3": ("optimizer.betas", "a list of float"),
    "augmentation.speed.factors=[a]": ("augmentation.speed.factors", "a list of float"),
    "augmentation.spectrum.0.time_mask=3": ("time_mask", "time_masks"),
    "scheduler.warmup=true": ("scheduler.warmup", "float", "True"),
    "seed=abc": ("seed", "int", "'abc'"),
    "runs=[a]": ("runs", "str"),
    "init_from=[runs/x]": ("init_from", "str or null", "['runs/x']"),
    "trial=first": ("trial", "int or null", "'first'"),
    "model.hidden": ("model.hidden", "EQUAL"),
    "model.hidden=${foo}": ("model.hidden", "foo"),
}


# Of a pruned run: what its constructors could not have told.
SPARSE_SLIPS = {
    "sparsity.penalty={kind:group_lasso,strength:1e-3,step:gradient}": (
        "sparsity.penalty", "Penalty or null", "{'kind': 'group_lasso'", "_target_",
    ),
    "sparsity.dense_run=[runs/x]": ("sparsity.dense_run", "str or null", "['runs/x']"),
    "sparsity.q=0.05": ("sparsity.q", "{NAME: float} or null", "0.05"),
    "sparsity.q={input:much}": ("sparsity.q", "{NAME: float} or null", "much", "Give a value"),
    "sparsity.exceptions=[0.8]": ("sparsity.exceptions", "a list of {NAME: Any}", "[0.8]"),
    "sparsity.exceptions=[new]": ("sparsity.exceptions", "a list of {NAME: Any}", "['new']"),
}  # fmt: skip


@pytest.mark.parametrize(("override", "told"), SLIPS.items())
def test_a_slip_is_told_with_what_would_be_right(override: str, told: tuple[str, ...]) -> None:
    with pytest.raises((InputError, *_MISCONFIGURED)) as caught:
        composed(override)
    error = caught.value
    message = str(error) if isinstance(error, InputError) else explained(error)
    for part in told:
        assert part in message


@pytest.mark.parametrize(("override", "told"), SPARSE_SLIPS.items())
def test_a_slip_in_the_sparsity_is_told(override: str, told: tuple[str, ...]) -> None:
    with pytest.raises((InputError, *_MISCONFIGURED)) as caught:
        composed("sparsity=weight_pruning", override)
    assert all(part in str(caught.value) for part in told)


def test_what_is_built_of_a_mapping_is_named_in_it() -> None:
    named = "_target_:asr.sparsity.penalty.Penalty,kind:l1,strength:1e-3,step:gradient"
    cfg = composed(
        "sparsity=weight_pruning", f"sparsity.penalty={{{named}}}", "sparsity.q={input:1}"
    )
    built = build(cfg.sparsity)
    assert (built.penalty, built.q) == (Penalty("l1", 1e-3, "gradient"), {"input": 1})


def test_a_grid_of_an_interval_is_told_who_draws_from_it() -> None:
    swept = OverridesParser.create().parse_overrides(["optimizer.lr=interval(1e-4,1e-2)"])
    with pytest.raises(SystemExit, match=r"got an interval.*Set hydra/sweeper=optuna"), _told():
        BasicSweeper.split_arguments(swept, None)


def test_values_go_through_unchanged() -> None:
    cfg = composed(
        "model.dropout=0", "data.max_seconds=20", "training.gradient_clip=null", "seed=7"
    )
    assert (cfg.model.dropout, cfg.data.max_seconds, cfg.training.gradient_clip) == (0, 20, None)


def test_a_nested_refusal_reaches_the_user_as_it_is() -> None:
    cfg = composed("augmentation.speed.factors=[9.0]")
    with pytest.raises(InputError, match=r"speed perturbation.*\[9.0\]"):
        build(cfg.augmentation)


def test_run_time_values_reach_the_constructor_unconverted(tones: Path) -> None:
    cfg = composed(f"data.train=[{tones}/train.jsonl]", f"data.validation=[{tones}/test.jsonl]")
    normaliser = BasicNormaliser("en")
    data = build(cfg.data, normaliser=normaliser, seed=4, workers=0, unknown=1)
    assert isinstance(data, SpeechData)
    assert (data.seed, data.workers, len(data.all_train)) == (4, 0, 24)
    optimizer = build(cfg.optimizer)([torch.nn.Parameter(torch.zeros(1))])
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.98)


@pytest.mark.flow
def test_the_command_tells_it_without_a_traceback(tones: Path, tmp_path: Path) -> None:
    for override in ("model.hiden=3", "model.hidden", "training.epochs=abc"):
        command = tiny_run(tones, tmp_path / "runs", override)[1:]
        code, said = run(command, tmp_path / "log")
        assert code == 1
        assert said.startswith("error: ")
        assert all(part in said for part in SLIPS[override])
        assert "Traceback" not in said
    typed = commands.run(tiny_run(tones, tmp_path / "runs", "model.hiden=3"))
    assert (typed.returncode, typed.stdout) == (1, "")
    assert typed.stderr.startswith("error: ")
    assert not (tmp_path / "runs").exists()
    assert run(["train.py", "--help"], tmp_path / "log")[0] == 0
