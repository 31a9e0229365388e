import copy
from typing import Any

import pytest

from asr.training.run_key import run_keys

CONFIG: dict[str, Any] = {
    "experiment_name": "a",
    "runs": "runs",
    "seed": 1,
    "init_from": None,
    "logger": {"_target_": "x"},
    "hardware": {"threads": 1},
    "data": {"train": ["t.jsonl"], "validation": ["v.jsonl"], "test": ["e.jsonl"]},
    "model": {"hidden": 256},
    "sparsity": {"_target_": "asr.sparsity.dense.Dense"},
}
MANIFESTS = {"t.jsonl": "00", "v.jsonl": "11"}


def changed(path: str, value: object) -> dict[str, Any]:
    config = copy.deepcopy(CONFIG)
    node, *rest = path.split(".")
    target = config
    for name in rest:
        target, node = target[node], name
    target[node] = value
    return config


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("experiment_name", "b"),
        ("runs", "/elsewhere"),
        ("logger", {"_target_": "wandb"}),
        ("hardware", {"threads": 2}),
        ("trial", 3),
        ("data.test", []),
    ],
)
def test_where_and_how_do_not_name_a_run(path: str, value: object) -> None:
    assert run_keys(changed(path, value), MANIFESTS, {}) == run_keys(CONFIG, MANIFESTS, {})


def test_the_setting_and_the_data_do() -> None:
    ours = run_keys(CONFIG, MANIFESTS, {})
    assert run_keys(changed("model.hidden", 512), MANIFESTS, {}).group_key != ours.group_key
    assert run_keys(CONFIG, {**MANIFESTS, "t.jsonl": "22"}, {}).run_key != ours.run_key
    # The same data in another place is the same data.
    moved = changed("data.train", ["/far/t.jsonl"])
    assert run_keys(moved, {"/far/t.jsonl": "00", "v.jsonl": "11"}, {}) == ours


def test_the_number_of_processes_is_a_setting_and_one_is_that_of_a_key_without() -> None:
    ours = run_keys(CONFIG, MANIFESTS, {})
    one = changed("hardware", {"threads": 1, "devices": 1, "nodes": 1})
    assert run_keys(one, MANIFESTS, {}) == ours
    four, two_by_two, eight = (
        run_keys(changed("hardware", {"devices": devices, "nodes": nodes}), MANIFESTS, {})
        for devices, nodes in ((4, 1), (2, 2), (4, 2))
    )
    assert four == two_by_two
    for name in ("run_key", "group_key", "baseline_key", "dense_key"):
        assert len({getattr(keys, name) for keys in (ours, four, eight)}) == 3


def test_seeds_share_a_group_and_dense_is_its_own_baseline() -> None:
    ours = run_keys(CONFIG, MANIFESTS, {})
    other = run_keys(changed("seed", 2), MANIFESTS, {})
    assert (other.group_key, other.run_key != ours.run_key) == (ours.group_key, True)
    assert ours.baseline_key == ours.group_key
    sparse = run_keys(changed("sparsity", {"_target_": "x", "block": [4, 4]}), MANIFESTS, {})
    assert sparse.group_key != ours.group_key == sparse.baseline_key


def test_a_parent_is_named_by_its_key() -> None:
    one = run_keys(changed("init_from", "runs/a"), MANIFESTS, {"runs/a": ("k1", "g")})
    two = run_keys(changed("init_from", "/moved/a"), MANIFESTS, {"/moved/a": ("k1", "g")})
    three = run_keys(changed("init_from", "runs/a"), MANIFESTS, {"runs/a": ("k2", "g")})
    assert one == two != three
    # Seeds that start from different seeds of one setting are one setting still.
    assert (one.group_key, one.baseline_key) == (three.group_key, three.baseline_key)
    other = run_keys(changed("init_from", "runs/a"), MANIFESTS, {"runs/a": ("k2", "h")})
    assert other.group_key != one.group_key


def test_the_dense_run_of_a_sparse_one_is_that_of_its_seed() -> None:
    ours = run_keys(CONFIG, MANIFESTS, {})
    sparse = changed("sparsity", {"_target_": "x", "dense_run": "runs/a"})
    assert run_keys(sparse, MANIFESTS, {"runs/a": ("k", "g")}).dense_key == ours.run_key
    assert ours.dense_key == ours.run_key
    assert run_keys(changed("seed", 2), MANIFESTS, {}).dense_key != ours.run_key
