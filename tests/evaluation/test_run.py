import json
from pathlib import Path

import pytest

from asr.errors import InputError
from asr.evaluation.run import read_run

STATUS = {
    "experiment": "demo",
    "run_key": "k",
    "group_key": "g",
    "baseline_key": None,
    "seed": 3,
    "state": "running",
}


def write(folder: Path, status: str, config: str) -> Path:
    (folder / "status.json").write_text(status)
    (folder / "config.yaml").write_text(config)
    return folder


def test_reads_keys_and_test_sets(tmp_path: Path):
    run = read_run(write(tmp_path, json.dumps(STATUS), "data: {test: [a/test.jsonl, b.csv]}"))
    assert (run.experiment, run.run_key, run.group_key, run.seed) == ("demo", "k", "g", 3)
    assert (run.baseline_key, run.state) == (None, "running")
    assert run.test == (Path("a/test.jsonl"), Path("b.csv"))
    one = read_run(write(tmp_path, json.dumps(STATUS), "data: {test: a/test.jsonl}"))
    assert one.test == (Path("a/test.jsonl"),)


@pytest.mark.parametrize("config", ["{}", "data: {test: []}", "data:"])
def test_a_run_may_name_no_test_set(tmp_path: Path, config: str):
    assert read_run(write(tmp_path, json.dumps(STATUS), config)).test == ()


@pytest.mark.parametrize(
    ("status", "config", "message"),
    [
        ("{", "{}", "damaged"),
        ("[]", "{}", "got list"),
        (json.dumps({**STATUS, "seed": None}), "{}", "TypeError"),
        (json.dumps({"run_key": "k"}), "{}", "KeyError 'experiment'"),
        (json.dumps(STATUS), "a: [", "damaged"),
    ],
)
def test_damage_is_an_input_error(tmp_path: Path, status: str, config: str, message: str):
    with pytest.raises(InputError, match=message):
        read_run(write(tmp_path, status, config))


def test_what_is_no_run_folder(tmp_path: Path):
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match=r"expected a run folder.*No such file"):
            read_run(folder)
