"""Every result is read, and what is not is told."""

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from asr.errors import InputError
from asr.evaluation.result import save
from asr.leaderboard.reading import find_results
from tests.leaderboard.conftest import result


def test_broken_results_are_told_and_the_others_read(tmp_path: Path) -> None:
    save(tmp_path / "good", result(run_key="k1"), [])
    (tmp_path / "cut").mkdir()
    (tmp_path / "cut" / "result.json").write_text('{"schema": 1, "wer"')
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "result.json").write_text('{"schema": 0}')
    found = find_results([tmp_path])
    assert [one.result.run_key for one in found.located] == ["k1"]
    told = " ".join(str(error) for error in found.broken)
    assert "cut/result.json" in told
    assert "old/result.json" in told
    assert "schema 0" in told


def test_a_file_named_twice_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(tmp_path / "runs" / "one", result(), [])
    monkeypatch.chdir(tmp_path)
    found = find_results(["runs", "runs/one/result.json", "runs/*"])
    assert len(found.located) == 1
    assert not found.notes


def test_the_newer_of_two_scores_of_one_run_counts_and_it_is_said(tmp_path: Path) -> None:
    save(tmp_path / "b", result(run_key="k", wer=0.5, created="2026-01-02"), [])
    save(tmp_path / "a", result(run_key="k", wer=0.1, created="2026-01-01"), [])
    found = find_results([tmp_path])
    assert [one.result.wer for one in found.located] == [0.5]
    assert len(found.notes) == 1
    assert "a/result.json is left out" in found.notes[0]


def test_of_two_trainings_of_one_run_key_one_counts_on_all_test_sets(tmp_path: Path) -> None:
    for split, day in (("test", 1), ("other", 3)):
        of = {"split": split, "manifest_sha256": str(day) * 64}
        first = result(run_key="k", experiment="a", created=f"2026-01-0{day}", **of)
        save(tmp_path / "a" / split, first, [])
    second = result(run_key="k", experiment="b", created="2026-01-02")
    save(tmp_path / "b" / "test", second, [])
    found = find_results([tmp_path])
    assert {one.result.experiment for one in found.located} == {"a"}
    assert len(found.located) == 2
    (note,) = found.notes
    assert note.startswith(f"{tmp_path}/b/test/result.json is left out: ")
    assert note.endswith("is of another training with the same settings, in experiment a")


def test_links_are_followed_and_an_experiment_may_be_called_like_a_part_of_a_run(
    tmp_path: Path,
) -> None:
    elsewhere = tmp_path / "disk" / "linked"
    save(elsewhere / "k1" / "eval" / "x", result(run_key="k1"), [])
    runs = tmp_path / "runs"
    save(runs / "masks" / "k2" / "eval" / "x", result(run_key="k2"), [])
    save(runs / "plain" / "k3" / "masks" / "x", result(run_key="not searched"), [])
    (runs / "plain" / "k3" / "config.yaml").touch()
    (runs / "linked").symlink_to(elsewhere)
    (runs / "masks" / "back").symlink_to(runs)
    found = find_results([runs])
    assert sorted(one.result.run_key for one in found.located) == ["k1", "k2"]


def test_what_is_no_result_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        find_results([tmp_path / "absent"])
    with pytest.raises(InputError, match=r"evaluate\.py"):
        find_results([tmp_path])
    (tmp_path / "result.json").write_text("[]")
    with pytest.raises(InputError, match="1 broken"):
        find_results([tmp_path])


def _export(path: Path, **changes: object) -> int:
    """A file whose provenance fits `result()`, but for the changes."""
    provenance = {"run_key": "k", "experiment": "name", "sparsity": 0.25, "weights": "fp32"}
    provenance |= changes
    metadata = {"model": json.dumps({"provenance": provenance})}
    save_file({"weight": np.zeros(8, np.float32)}, path, metadata)
    return path.stat().st_size


def test_bytes_on_disk_are_of_the_exported_file_of_the_scored_weights(tmp_path: Path) -> None:
    save(tmp_path / "run", result(run_key="k"), [])
    size = _export(tmp_path / "run" / "model.safetensors")
    _export(tmp_path / "run" / "small.safetensors", weights="int8")
    save_file({"x": np.zeros(1)}, tmp_path / "run" / "other.safetensors")
    (tmp_path / "run" / "cut.safetensors").write_bytes(b"\x10")
    found = find_results([tmp_path])
    assert found.exported == {"k": size}
    assert not found.notes


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sparsity": 0.125}, "of name at sparsity 0.125, "),
        ({"experiment": "other"}, "of other at sparsity 0.25, "),
    ],
)
def test_an_export_of_other_weights_than_were_scored_is_left_out_and_told(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    """A run that was exported while it was being pruned, say, and scored when it was done."""
    save(tmp_path / "run", result(run_key="k"), [])
    _export(tmp_path / "run" / "model.safetensors", **change)
    found = find_results([tmp_path])
    assert found.exported == {}
    (note,) = found.notes
    assert note.startswith(f"{tmp_path}/run/model.safetensors is left out: its weights, {told}")
    assert f"{tmp_path}/run/result.json scores, of name at 0.25" in note
