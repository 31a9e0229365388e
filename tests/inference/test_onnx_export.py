"""ONNX files compute in onnxruntime what checkpoints do, in batches of any lengths."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

from asr.errors import InputError
from asr.evaluation.forward import log_probabilities, waveform_features
from asr.inference import onnx_layers
from asr.inference.folding import folded
from asr.inference.onnx_export import export_onnx, main, run_batch
from asr.inference.onnx_graph import onnx_model
from asr.inference.onnx_layers import recurrent_node, session
from tests.finished_run import CHARACTERS, write_audio, write_run
from tests.inference.exported import pruned
from tests.inference.float64 import random_direction, recur
from tests.inference.test_export import MODELS

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def features(frames, seed=0):
    return np.random.default_rng(seed).normal(size=(80, frames)).astype(np.float32)


@pytest.mark.parametrize("name", MODELS)
def test_every_layer_computes_what_torch_does(name):
    trained = pruned(**MODELS[name])
    made = onnx_model(folded(trained, {}))
    onnx.checker.check_model(made, full_check=True)
    runtime = session(made.SerializeToString())
    for lengths in ((1,), (7, 50, 1, 33), (120, 119)):
        batch = [features(length, seed) for seed, length in enumerate(lengths)]
        for found, each in zip(run_batch(runtime, batch), batch, strict=True):
            expected = log_probabilities(trained, [torch.from_numpy(each)])[0][:, 0].numpy()
            assert found.shape == expected.shape
            # The random clipped ReLU's states run into the tens, and rounding with them.
            np.testing.assert_allclose(found, expected, atol=1e-3 if name == "rnn" else 1e-4)


@pytest.mark.parametrize("cell", ["gru", "lstm", "tanh", "clipped_relu"])
def test_a_layer_alone_computes_what_float64_does(cell):
    rng = np.random.default_rng(0)
    ways = [random_direction(rng, cell, 6, 5, (2, 2), 0.3, reverse=way) for way in (False, True)]
    # Large enough that the clipped ReLU clips.
    x = (30 if cell == "clipped_relu" else 1) * rng.normal(size=(9, 3, 5)).astype(np.float32)
    lengths = np.array([9, 4, 1])
    node, tensors = recurrent_node("y", ways, "x", "lengths")
    value, kind = onnx.helper.make_tensor_value_info, onnx.TensorProto
    graph = onnx.helper.make_graph(
        [node],
        "layer",
        [value("x", kind.FLOAT, [9, 3, 5]), value("lengths", kind.INT32, [3])],
        [value("y", kind.FLOAT, [9, 2, 3, 6])],
        [onnx.numpy_helper.from_array(array, name) for name, array in tensors.items()],
    )
    opset = onnx.helper.make_opsetid("", onnx_layers.OPSET)
    model = onnx.helper.make_model(graph, opset_imports=[opset], ir_version=onnx_layers.IR_VERSION)
    runtime = session(model.SerializeToString())
    found = runtime.run(None, {"x": x, "lengths": lengths.astype(np.int32)})[0]
    for index, way in enumerate(ways):
        expected = recur(way, x, lengths)
        if cell == "clipped_relu":
            assert (expected == 20).any()
        for utterance, length in enumerate(lengths):
            np.testing.assert_allclose(
                found[:length, index, utterance], expected[:length, utterance], atol=1e-5
            )


def test_the_command_compares_and_describes(tmp_path, capsys):
    write_run(tmp_path / "run", directions="one", lookahead=2)
    write_audio(tmp_path / "a.wav", 1.0)
    manifest = tmp_path / "test.jsonl"
    line = {"audio_filepath": "a.wav", "duration": 1.0, "text": "hello"}
    manifest.write_text(json.dumps(line) + "\n")
    out = tmp_path / "model.onnx"
    main([str(tmp_path / "run"), str(out), "--manifest", str(manifest), "--json"])
    said = json.loads(capsys.readouterr().out)
    assert said["largest_difference"] < 1e-4
    assert (said["bytes"], said["utterances"]) == (out.stat().st_size, 1)
    properties = {each.key: json.loads(each.value) for each in onnx.load(out).metadata_props}
    assert properties["vocabulary"] == {"kind": "characters", "characters": CHARACTERS}
    assert properties["features"]["hop"] == 160
    assert len(properties["features"]["mean"]) == 80
    assert properties["provenance"]["run_key"] == "k1"


def test_an_unfinished_run_is_said_to_be_one(tmp_path, capsys):
    run = tmp_path / "run"
    write_run(run)
    (run / "checkpoints/best.ckpt").rename(run / "checkpoints/last.ckpt")
    status = run / "status.json"
    status.write_text(json.dumps({**json.loads(status.read_text()), "state": "running"}))
    main([str(run), str(tmp_path / "out.onnx")])
    told = capsys.readouterr()
    assert "out.onnx, of last.ckpt: " in told.out
    assert told.err == f"note: {run}: the run is not done, its state is 'running'\n"


def test_what_the_page_says_is_the_checkpoint_s_own(tmp_path, monkeypatch):
    """The snippet of docs/runtime.md as it stands, from samples to log-probabilities."""
    trained = write_run(tmp_path / "run")
    export_onnx(tmp_path / "run", tmp_path / "model.onnx")
    page = (Path(__file__).parents[2] / "docs/runtime.md").read_text(encoding="utf-8")
    (code,) = [one for one in re.findall(r"```python\n(.*?)```", page, re.DOTALL) if "onnx" in one]
    monkeypatch.chdir(tmp_path)
    samples = np.random.default_rng(0).normal(scale=0.1, size=16000).astype(np.float32)
    names = {"samples": samples, "rate": 16000}
    exec(code, names)
    own = waveform_features(trained, samples, 16000)
    expected = log_probabilities(trained, [own])[0][:, 0].numpy()
    np.testing.assert_allclose(names["log_probs"][:, 0], expected, atol=1e-4)


def test_what_computes_something_else_is_not_written(tmp_path, monkeypatch):
    write_run(tmp_path / "run")
    monkeypatch.setattr("asr.inference.onnx_graph.CLIP", 0.1)
    with pytest.raises(InputError, match="Nothing was written"):
        export_onnx(tmp_path / "run", tmp_path / "out.onnx")
    assert not (tmp_path / "out.onnx").exists()


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(InputError, match=r"pip install -e '\.\[export\]'"):
        onnx_model(folded(pruned(), {}))
