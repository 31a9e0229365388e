"""What is kept of a run, from a real run folder."""

import json
import shutil
import sys
from dataclasses import replace
from itertools import product

import pytest
import torch

from asr.errors import InputError
from asr.evaluation.result import Hypothesis, read_hypotheses
from asr.files import sha256
from asr.inference.export import export
from asr.study import collect
from asr.study.kept import WEIGHTS, read_kept, read_words
from asr.study.measure import measure_run, zeros_by_gate
from tests.finished_run import write_run
from tests.inference.exported import pruned
from tests.statistics.systems import write_eval
from tests.study.material import damaged, write_kept


@pytest.fixture
def run(tmp_path):
    """A finished and scored run, as train.py and evaluate.py leave it."""
    folder = tmp_path / "runs" / "tiny" / "k1"
    write_run(folder, key="k1")
    rows = ["step,train_loss,validation_loss,cer", "9,1.5,,", "10,,1.25,0.5", "19,1.0,,"]
    (folder / "metrics.csv").write_text("\n".join(rows) + "\n")
    write_eval(folder, ["the cat"], ["the hat"], group="group-k1")
    return folder


def collect_as_typed(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["collect", *map(str, arguments)])
    collect.main()


def test_what_collect_keeps_is_read_again(run, tmp_path, monkeypatch):
    collect_as_typed(monkeypatch, run, "--into", tmp_path / "kept")
    (kept,) = read_kept(tmp_path / "kept")
    assert kept.folder == tmp_path / "kept" / "tiny" / "k1"
    assert kept.weights == measure_run(run)
    assert kept.scored["test", "greedy"].result.substitutions == 1
    assert (kept.folder / "metrics.csv").read_text() == "step,validation_loss,cer\n10,1.25,0.5\n"


def test_no_folders_of_a_machine_are_kept(run, tmp_path, monkeypatch):
    path = run / "eval/tones-test-greedy/hypotheses.jsonl"
    (line,) = map(json.loads, path.read_text().splitlines())
    kept = tmp_path / "kept/tiny/k1/eval/tones-test-greedy"
    for ids, expected in (
        (["/home/a/speech/b/1.wav", "/home/a/speech/2.wav"], ["b/1.wav", "2.wav"]),
        (["speech/1.wav", "speech/2.wav"], ["speech/1.wav", "speech/2.wav"]),
        (["/home/a/1.wav", "line-2"], ["/home/a/1.wav", "line-2"]),
    ):
        path.write_text("".join(json.dumps(line | {"id": name}) + "\n" for name in ids))
        collect_as_typed(monkeypatch, run, "--into", tmp_path / "kept")
        heard = read_hypotheses(kept / "hypotheses.jsonl")
        assert [one.id for one in heard] == expected
        assert {replace(one, id=line["id"]) for one in heard} == {Hypothesis(**line)}
    own = (run / "eval/tones-test-greedy/result.json").read_text()
    assert (kept / "result.json").read_text() == own


def test_sizes_are_those_of_exported_files(run, tmp_path):
    measured = measure_run(run)
    for kind in ("fp32", "fp16", "int8"):
        exported = export(run, tmp_path / kind, weights=kind)
        assert measured.file_exported[kind] == (tmp_path / kind).stat().st_size
        assert measured.file_dense[kind] == getattr(exported.size, f"dense_{kind}")


def test_time_is_the_run_s_own_count_or_from_start_to_end(run):
    status = json.loads((run / "status.json").read_text())
    times = {"started": "2026-01-01T10:00:00+00:00", "updated": "2026-01-01T11:30:00+00:00"}
    for more, expected in ((times, 5400.0), (times | {"seconds": 7.5}, 7.5), ({}, 0.0)):
        (run / "status.json").write_text(json.dumps(status | more))
        assert measure_run(run).training_seconds == expected


def test_zeros_are_counted_gate_by_gate():
    trained = pruned(directions="concatenate")
    weights = dict(trained.model.named_parameters())
    found = {
        (part.layer, part.direction, part.matrix, part.gate): part
        for part in zeros_by_gate(trained)
    }
    assert len(found) == 3 * sum("weight_" in name for name in weights)
    for layer, way, kind in product(
        (1, 2), (("forwards", "left_to_right"), ("backwards", "right_to_left")), ("ih", "hh")
    ):
        whole = weights[f"recurrent.layers.{layer - 1}.{way[1]}.weight_{kind}_l0"]
        matrix = (f"layer {layer}", way[0], "input" if kind == "ih" else "recurrent")
        for index, gate in enumerate(("reset", "update", "new")):
            part, rows = found[*matrix, gate], whole.chunk(3)[index]
            assert (part.weights, part.zeros) == (rows.numel(), int((rows == 0).sum()))
            assert part.dead_rows == int((rows == 0).all(1).sum())


@pytest.mark.parametrize(
    ("model", "matrices", "gates"),
    [
        ({"cell": "lstm"}, {("layer 1", "forwards", "input")}, {"input_gate", "forget", "cell"}),
        ({"cell": "rnn", "directions": "one"}, {("layer 1", "forwards", "recurrent")}, {""}),
        (
            {"cell": "rnn", "directions": "sum", "shared_input": True},
            {("layer 1", "", "input"), ("layer 2", "backwards", "recurrent")},
            {""},
        ),
        ({"projection": 16}, {("projection", "", "")}, {"reset", ""}),
    ],
)
def test_every_kind_of_model_is_measured(model, matrices, gates, tmp_path):
    write_run(tmp_path / "run", **model)
    found = measure_run(tmp_path / "run").zeros
    assert matrices <= {(part.layer, part.direction, part.matrix) for part in found}
    assert gates <= {part.gate for part in found}


def test_dense_models_have_their_matrices_too():
    trained = pruned(directions="concatenate")
    with torch.no_grad():
        for weight in trained.model.parameters():
            weight.fill_(1.0)
    dense = replace(trained, sparsity=replace(trained.sparsity, pruned=()))
    assert len(zeros_by_gate(dense)) == len(zeros_by_gate(trained))
    assert {part.zeros for part in zeros_by_gate(dense)} == {0}


def test_unfinished_and_unscored_runs_are_refused(run, tmp_path, monkeypatch, capsys):
    status = json.loads((run / "status.json").read_text())
    (run / "status.json").write_text(json.dumps(status | {"state": "running"}))
    with pytest.raises(SystemExit):
        collect_as_typed(monkeypatch, run, "--into", tmp_path / "kept")
    assert f"expected a run that is done, got {run} is running" in capsys.readouterr().err
    write_run(tmp_path / "other", key="k2")
    with pytest.raises(SystemExit):
        collect_as_typed(monkeypatch, tmp_path / "other", "--into", tmp_path / "kept")
    assert "expected a run that was scored by greedy decoding" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        collect_as_typed(monkeypatch, tmp_path / "none*", "--into", tmp_path / "kept")
    assert "0 files or folders without status.json" in capsys.readouterr().err
    assert not list((tmp_path / "kept").glob("*/*"))


def test_a_score_from_before_the_end_of_training_is_refused(run, tmp_path, monkeypatch, capsys):
    status = json.loads((run / "status.json").read_text())
    scored = "2026-01-01T00:00:00+00:00"  # as write_eval has it
    (run / "status.json").write_text(json.dumps(status | {"updated": scored}))
    collect_as_typed(monkeypatch, run, "--into", tmp_path / "kept")
    later = scored.replace("00+", "01+")
    (run / "status.json").write_text(json.dumps(status | {"updated": later}))
    with pytest.raises(SystemExit):
        collect_as_typed(monkeypatch, run, "--into", tmp_path / "kept")
    assert "got older ones: tones-test-greedy" in capsys.readouterr().err


def test_unfinished_runs_beside_finished_ones_are_named(run, tmp_path, monkeypatch, capsys):
    """A search's tries are stopped when their masks are final, and stay as they are."""
    other = run.parent / "k2"
    write_run(other, key="k2")
    status = json.loads((other / "status.json").read_text())
    (other / "status.json").write_text(json.dumps(status | {"state": "preempted"}))
    collect_as_typed(monkeypatch, run.parent / "*", "--into", tmp_path / "kept")
    assert capsys.readouterr().err == f"left out: {other} is preempted\n"
    assert [kept.folder.name for kept in read_kept(tmp_path / "kept")] == ["k1"]


def test_a_sweep_s_own_files_are_no_runs_and_missing_ones_are_named(
    run, tmp_path, monkeypatch, capsys
):
    (run.parent / "sweep.json").write_text("{}")
    collect_as_typed(monkeypatch, run.parent / "*", "--into", tmp_path / "kept")
    assert len(read_kept(tmp_path / "kept")) == 1
    (run / "metrics.csv").unlink()
    with pytest.raises(SystemExit):
        collect_as_typed(monkeypatch, run, "--into", tmp_path / "kept")
    assert "metrics.csv" in capsys.readouterr().err
    assert len(read_kept(tmp_path / "kept")) == 1  # as it was


def test_of_one_split_there_is_one_test_set(tmp_path):
    out = write_kept(tmp_path, "d", damaged(1))
    shutil.copytree(out / "eval" / "tones-test-greedy", out / "eval" / "other-test-greedy")
    with pytest.raises(InputError, match="one result on the split test, greedy"):
        read_kept(tmp_path)


def test_words_of_the_references_are_counted_in_the_training_texts(tmp_path, monkeypatch):
    write_kept(tmp_path / "kept", "d", damaged(1))
    corpus = tmp_path / "amazon_queen"
    corpus.mkdir()
    texts = ("the cat the dog", "a hat")
    lines = [
        {"audio_filepath": f"{index}.wav", "duration": 1.0, "text": text}
        for index, text in enumerate(texts)
    ]
    (corpus / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    collect.keep_words(tmp_path / "kept", str(corpus / "train.jsonl"))
    words = read_words(tmp_path / "kept", "amazon_queen")
    assert words["the"] == 2
    assert words["bat"] == 0
    assert "dog" not in words  # said in no reference: no more of the corpus is kept
    (out,) = (tmp_path / "kept").glob("*/eval/*/result.json")
    seen = sha256(corpus / "train.jsonl")
    out.write_text(json.dumps(json.loads(out.read_text()) | {"manifest_sha256": seen}))
    with pytest.raises(InputError, match="got one that runs were scored on"):
        collect.keep_words(tmp_path / "kept", str(corpus / "train.jsonl"))
    with pytest.raises(InputError, match="a scored corpus: amazon_queen"):
        collect.keep_words(tmp_path / "kept", str(tmp_path / "other" / "train.jsonl"))


def test_damage_is_named(tmp_path):
    out = write_kept(tmp_path, "d", damaged(1))
    (out / WEIGHTS).write_text('{"zeros": [{"layer": 1}]}')
    with pytest.raises(InputError, match=r"d-1: expected config.yaml and weights.json"):
        read_kept(tmp_path)
    with pytest.raises(InputError, match=r"expected kept runs, each with weights.json"):
        read_kept(tmp_path / "nothing")
