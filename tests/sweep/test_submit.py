"""Where a sweep goes, read from its overrides before it is sent off."""

from pathlib import Path

import pytest

from asr.sweep.submit import _where


@pytest.mark.parametrize("sparsity", ["glob(*_pruning)", "glob(nothing*)", "dense,gradual_block"])
def test_where_a_sweep_of_several_choices_goes(sparsity: str) -> None:
    overrides = [f"sparsity={sparsity}", "seed=range(1,3)", "runs=x", "experiment_name=y"]
    assert _where(overrides) == (Path("x/y"), False, True)


def test_the_choice_of_a_launcher_and_a_sweeper_counts() -> None:
    overrides = ["hydra/launcher=slurm", "hydra/sweeper=optuna", "optimizer.lr=interval(1e-4,1e-2)"]
    assert _where(overrides) == (Path("runs/default"), True, False)
