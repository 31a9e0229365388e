"""Which runs a sweep has: each once, dense ones once a setting and first."""

from pathlib import Path

import pytest

from asr.errors import InputError
from asr.sweep.plan import Planned, in_order, plans_of
from asr.training.run_identity import RunIdentity
from tests.sweep.settings import DENSE, SPARSE, THRESHOLD, run


def with_baselines(
    asked: list[tuple[list[str], RunIdentity]], baselines: str = "compared"
) -> list[Planned]:
    return in_order(plan for each in asked for plan in plans_of(*each, baselines))  # type: ignore[arg-type]


def test_a_dense_run_once_for_every_setting_and_seed_and_first(tmp_path: Path) -> None:
    asked = [
        ([f"seed={seed}", f"block={block}"], run(tmp_path, seed=seed, sparsity=sparsity))
        for seed in (1, 2)
        for block in (4, 8)
        if (sparsity := {**SPARSE, "block": [block, block]})
    ]
    plan = with_baselines(asked, "compared")
    assert [one.baseline for one in plan] == [True, True, False, False, False, False]
    assert len({one.folder for one in plan}) == 6
    for dense, seed in zip(plan, (1, 2), strict=False):
        assert dense.settings["sparsity"] == DENSE
        assert dense.settings["seed"] == dense.identity["seed"] == seed
        # It is the run that the same settings with sparsity=dense name.
        assert dense.folder == run(tmp_path, seed=seed).folder
        assert dense.identity["run_key"] == dense.folder.name
    groups = {one.identity["group_key"] for one in plan[:2]}
    assert groups == {one.identity["baseline_key"] for one in plan}
    assert all(one.after is None for one in plan)  # these start from nothing


def test_only_those_needed_if_so_asked(tmp_path: Path) -> None:
    asked = [(["a"], run(tmp_path, sparsity=SPARSE))]
    assert [one.baseline for one in with_baselines(asked, "needed")] == [False]
    asked.append((["b"], run(tmp_path, needs_dense_run=True, sparsity=THRESHOLD)))
    dense, sparse, threshold = with_baselines(asked, "needed")
    assert (dense.baseline, sparse.after, threshold.after) == (True, None, dense.folder)
    assert threshold.settings["sparsity"]["dense_run"] == str(dense.folder)


def test_a_dense_run_of_the_sweep_itself_is_the_baseline(tmp_path: Path) -> None:
    asked = [(["x=1"], run(tmp_path, sparsity=SPARSE)), (["x=0"], run(tmp_path))]
    first, second = with_baselines(asked, "compared")
    assert (first.overrides, first.baseline) == (["x=0"], False)
    assert second.overrides == ["x=1"]


def test_one_run_that_two_command_lines_name_is_one(tmp_path: Path) -> None:
    asked = [(["seed=1"], run(tmp_path)), (["seed=01"], run(tmp_path))]
    assert len(with_baselines(asked, "compared")) == 1


def test_what_a_sparse_run_starts_from_names_it_before_that_is_trained(tmp_path: Path) -> None:
    before = run(tmp_path, needs_dense_run=True, sparsity=THRESHOLD)
    dense = before.dense_folder
    dense.mkdir(parents=True)
    (dense / "status.json").write_text('{"state": "done"}')
    after = run(tmp_path, needs_dense_run=True, sparsity=THRESHOLD)
    assert before == after
    elsewhere = run(tmp_path, needs_dense_run=True, sparsity=THRESHOLD, experiment_name="other")
    assert elsewhere.dense_folder == dense, "a finished one of another experiment will do"
    assert elsewhere.keys == before.keys


@pytest.mark.parametrize("name", ["may/blocks", "/tmp/x", "a/", "..", ""])
def test_an_experiment_is_one_folder_below_runs(tmp_path: Path, name: str) -> None:
    """Else its dense baseline would be planned in one folder, and trained in another."""
    with pytest.raises(InputError, match=r"experiment_name: expected the name of one folder"):
        run(tmp_path, experiment_name=name)


def test_an_unknown_choice_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="compared or needed"):
        with_baselines([(["a"], run(tmp_path))], "all")
