"""The sweeps of conf/experiment run as their first lines say, on the preset `tiny`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from asr.configuration import CONFIGURATION, build
from asr.evaluation.matching_width import matching_width, parameter_count
from tests.commands import run, tiny_run
from tests.test_sparsity_choices import CHOICES

BLOCKS = ([4, 4], [12, 2], [8, 8], [16, 16], [32, 32])
SHARES = (0, 0.7, 0.8, 0.9, 0.95)


def composed(experiment: str, *overrides: str) -> Any:
    with initialize_config_dir(str(CONFIGURATION), version_base="1.3"):
        return compose("train", [f"+experiment={experiment}", *overrides], return_hydra_config=True)


def sweep(experiment: str, tones: Path, runs: Path, *overrides: str) -> list[Mapping[str, Any]]:
    """The configurations of the finished runs that a sweep leaves."""
    python, script, *words = tiny_run(tones, runs, f"+experiment={experiment}", *overrides)
    ended = run([python, script, "-m", *words])
    assert ended.returncode == 0, ended.stdout + ended.stderr
    folders = [status.parent for status in (runs / experiment).glob("*/status.json")]
    for folder in folders:
        assert json.loads((folder / "status.json").read_text())["state"] == "done"
    return [yaml.safe_load((folder / "config.yaml").read_text()) for folder in folders]


@pytest.mark.flow
def test_block_size_sweep(tones: Path, tmp_path: Path) -> None:
    configs = sweep("block_size_sweep", tones, tmp_path, "training.epochs=6")
    sparse = [config["sparsity"] for config in configs if "block" in config["sparsity"]]
    assert sorted(sparsity["block"] for sparsity in sparse) == sorted(BLOCKS)
    assert {sparsity["sparsity"] for sparsity in sparse} == {0.9}
    assert len(configs) == len(sparse) + 1, "and the dense run that they are compared with"


@pytest.mark.flow
def test_method_sweep(tones: Path, tmp_path: Path) -> None:
    configs = sweep("method_sweep", tones, tmp_path, "training.epochs=8", "model.dropout=0.1")
    methods = [config["sparsity"].get("method", "dense") for config in configs]
    assert sorted(methods) == CHOICES
    (dense,) = [c for c in configs if "method" not in c["sparsity"]]
    assert dense["experiment_name"] == "method_sweep"
    for config in configs:
        if "dense_run" in config["sparsity"]:
            assert (Path(config["sparsity"]["dense_run"]) / "quantiles.json").is_file()


def test_sparsity_sweep_asks_for_five_shares() -> None:
    params = composed("sparsity_sweep").hydra.sweeper.params
    assert [float(x) for x in params["sparsity.sparsity"].split(",")] == list(SHARES)


def nonzero(model: Any, sparsity: float) -> int:
    """What is left of a model whose recurrent matrices lose a share of their weights."""
    with torch.device("meta"):
        made = build(model, bins=80, vocabulary_size=29)
    left = 0.0
    for name, weight in made.named_parameters():
        pruned = "weight_ih" in name or "weight_hh" in name
        left += weight.numel() * (1 - sparsity if pruned else 1)
    return round(left)


def test_larger_sparse_models_are_at_most_as_large_as_the_dense_one() -> None:
    cfg = composed("larger_sparse")
    dense = composed("dense_baseline")
    widths = [int(width) for width in cfg.hydra.sweeper.params["model.hidden"].split(",")]
    assert widths == [1.5 * dense.model.hidden, 2 * dense.model.hidden]
    for width in widths:
        wide = composed("larger_sparse", f"model.hidden={width}")
        assert nonzero(wide.model, wide.sparsity.sparsity) <= nonzero(dense.model, 0.0)
        assert wide.training == dense.training


def test_the_small_dense_model_has_the_size_of_the_sparse_one() -> None:
    dense, small = composed("dense_baseline"), composed("dense_small")
    arguments = {k: v for k, v in small.model.items() if k != "_target_"}
    arguments |= {"bins": 80, "vocabulary_size": 29}
    wanted = nonzero(dense.model, 0.9)
    width = matching_width(wanted, lambda hidden: parameter_count(arguments, hidden))
    assert small.model.hidden == width
    assert small.training == dense.training


def test_the_study_of_longer_training_changes_nothing_else() -> None:
    short, long = (
        OmegaConf.to_container(composed(name)) for name in ("study_deep", "study_28_epochs")
    )
    assert long["training"].pop("epochs") == 2 * short["training"].pop("epochs")
    for config in (short, long):
        del config["hydra"], config["experiment_name"]
    assert long == short
