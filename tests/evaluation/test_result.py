import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from asr.errors import InputError
from asr.evaluation.result import Hypothesis, Result, read_hypotheses, read_result, save

FIELDS = [
    *("schema", "run_key", "group_key", "baseline_key", "seed", "experiment", "corpus", "split"),
    *("manifest_sha256", "utterances", "seconds", "method", "block", "sparsity", "sparsity_model"),
    *("parameters", "nonzero", "bytes", "hits", "substitutions", "deletions", "insertions"),
    *("char_hits", "char_substitutions", "char_deletions", "char_insertions", "wer", "cer"),
    *("decoder", "language_model", "batch", "normaliser", "rtf", "threads", "device"),
    *("collapsed", "versions", "commit", "created"),
]

EXAMPLE = Result(
    **dict.fromkeys(("run_key", "group_key", "experiment", "corpus", "split"), "name"),
    **dict.fromkeys(("manifest_sha256", "method", "decoder", "normaliser"), "name"),
    **dict.fromkeys(("versions", "commit", "created"), "name"),
    device="cpu",
    **dict.fromkeys(("seed", "utterances", "parameters", "nonzero", "bytes"), 1),
    **dict.fromkeys(("hits", "substitutions", "deletions", "insertions"), 1),
    **dict.fromkeys(("char_hits", "char_substitutions", "char_deletions", "char_insertions"), 1),
    **dict.fromkeys(("batch", "threads"), 1),
    **dict.fromkeys(("seconds", "sparsity", "sparsity_model", "wer", "cer", "rtf"), 0.25),
    **dict.fromkeys(("baseline_key", "block", "language_model")),
    collapsed=False,
)
HEARD = [Hypothesis("a.wav@1.5", "\u00fcber all", "", 1.5, "eve", -0.25)]


def test_the_names_that_other_parts_rely_on():
    assert [field.name for field in fields(Result)] == FIELDS


def test_files_give_back_what_was_saved(tmp_path: Path):
    save(tmp_path / "eval", EXAMPLE, HEARD)
    assert read_result(tmp_path / "eval" / "result.json") == EXAMPLE
    assert read_hypotheses(tmp_path / "eval" / "hypotheses.jsonl") == HEARD
    flat = json.loads((tmp_path / "eval" / "result.json").read_text())
    assert list(flat) == FIELDS
    assert not any(isinstance(value, dict | list) for value in flat.values())


def test_a_save_that_fails_leaves_both_files_as_they_were(tmp_path: Path):
    save(tmp_path, EXAMPLE, HEARD)
    with pytest.raises(ValueError, match="JSON"):
        save(tmp_path, replace(EXAMPLE, wer=float("nan")), [])
    with pytest.raises(TypeError):
        save(tmp_path, replace(EXAMPLE, seed=2), [None])  # type: ignore[list-item]
    assert read_result(tmp_path / "result.json") == EXAMPLE
    assert read_hypotheses(tmp_path / "hypotheses.jsonl") == HEARD
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hypotheses.jsonl", "result.json"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "expected a result of schema 1, got schema 2"),
        ({"wer": "0.25"}, "wer = '0.25'"),
        ({"wer": True}, "wer = True"),
        ({"utterances": 1.0}, "utterances = 1.0"),
        ({"collapsed": 0}, "collapsed = 0"),
        ({"extra": 1}, "fields missing or unknown: extra"),
    ],
)
def test_a_wrong_field_is_named(tmp_path: Path, change: dict[str, Any], message: str):
    save(tmp_path, EXAMPLE, HEARD)
    path = tmp_path / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=message):
        read_result(path)


def test_fractions_may_be_written_as_integers(tmp_path: Path):
    save(tmp_path, replace(EXAMPLE, wer=0, block="16x4"), [])
    assert read_result(tmp_path / "result.json").block == "16x4"
    assert read_hypotheses(tmp_path / "hypotheses.jsonl") == []


def test_a_result_from_before_devices_were_recorded_is_of_the_cpu(tmp_path: Path):
    save(tmp_path, replace(EXAMPLE, device="cuda (A)"), [])
    path = tmp_path / "result.json"
    content = json.loads(path.read_text())
    assert content.pop("device") == "cuda (A)"
    path.write_text(json.dumps(content))
    assert read_result(path) == EXAMPLE


@pytest.mark.parametrize("content", ["", "[]", "{", '{"schema": null}'])
def test_damage_is_an_input_error(tmp_path: Path, content: str):
    (tmp_path / "broken").write_text(content)
    with pytest.raises(InputError, match="expected a result of schema 1"):
        read_result(tmp_path / "broken")
    with pytest.raises(InputError, match="No such file"):
        read_result(tmp_path / "absent")
    if content:
        with pytest.raises(InputError, match="hypotheses"):
            read_hypotheses(tmp_path / "broken")
