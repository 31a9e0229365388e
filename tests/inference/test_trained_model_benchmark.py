"""The benchmark of a trained model: all contestants do the same work, every row has all fields."""

import json

import numpy as np
import pytest
import torch

from asr.errors import InputError
from asr.inference.benchmark.trained_model import (
    DENSE,
    FEATURES,
    as_torch_runs_it,
    contestants,
    in_int8,
    main,
)
from asr.inference.library import available
from tests.finished_run import RATE, write_audio, write_run
from tests.inference.exported import pruned

pytestmark = [
    pytest.mark.skipif(not available(), reason="no compiled kernel here"),
    pytest.mark.filterwarnings("ignore:.*quantiz:"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.mark.parametrize("threads", [1, 2])
def test_exact_contestants_hear_the_same_in_a_ragged_batch(threads):
    trained = pruned(directions="concatenate")
    noise = np.random.default_rng(0).normal(0, 0.1, (3, 2 * RATE)).astype(np.float32)
    pieces = [(noise[0], RATE), (noise[1, :9000], RATE), (noise[2, :20000], RATE)]
    heard = {name: run(pieces) for name, run in contestants(trained, trained, threads).items()}
    assert len(set(heard[DENSE]) - {""}) == 3  # says something, of each its own
    for name in ("onnxruntime dense fp32", "ours dense fp32", "ours sparse fp32"):
        assert heard[name] == heard[DENSE], name
    assert set(map(len, heard.values())) == {3}


def test_torch_s_own_layers_run_in_a_copy():
    trained = pruned(directions="concatenate")
    copied = as_torch_runs_it(trained)
    features, frames = torch.randn(2, 80, 90), torch.tensor([90, 50])
    with torch.inference_mode():
        ours, lengths = trained.model(features, frames)
        theirs, _ = copied.model(features, frames)
    for row, length in enumerate(lengths):
        torch.testing.assert_close(ours[:length, row], theirs[:length, row], atol=1e-4, rtol=0)
    assert {type(layer).__name__ for layer in copied.model.recurrent.layers} == {"TorchLayer"}
    assert {type(layer).__name__ for layer in trained.model.recurrent.layers} == {"GatedLayer"}


def test_int8_is_int8():
    quantised = in_int8(as_torch_runs_it(pruned(directions="concatenate")))
    for layer in quantised.model.recurrent.layers:
        assert "quantized" in type(layer.left_to_right).__module__
        assert "quantized" in type(layer.right_to_left).__module__
    assert "quantized" in type(quantised.model.output).__module__


def test_layers_that_torch_cannot_quantise_are_refused(tmp_path):
    write_run(tmp_path / "run", cell="rnn")
    with pytest.raises(InputError, match="expected GRU or LSTM layers"):
        main([str(tmp_path / "run"), "--dense", str(tmp_path / "run"), "--manifest", "none.jsonl"])


def write_sparse(folder, **model):
    """A finished run whose checkpoint holds masks."""
    write_run(folder, **model)
    trained = pruned(**model)
    path = folder / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    weights = {f"model.{name}": tensor for name, tensor in trained.model.state_dict().items()}
    known = trained.sparsity
    told = {"method": known.method, "block": known.block, "pruned": known.pruned}
    checkpoint |= {"state_dict": weights, "sparsity": told}
    torch.save(checkpoint, path)


def test_rows_are_written(tmp_path, capsys):
    write_run(tmp_path / "dense", directions="concatenate")
    write_sparse(tmp_path / "sparse", directions="concatenate")
    lines = []
    for index in range(3):
        write_audio(tmp_path / f"{index}.wav", 0.5 + 0.2 * index, seed=index)
        one = {"audio_filepath": f"{index}.wav", "duration": 0.5 + 0.2 * index, "text": "a"}
        lines.append(json.dumps(one))
    (tmp_path / "m.jsonl").write_text("\n".join(lines) + "\n")
    out = tmp_path / "speed.json"
    given = [str(tmp_path / "sparse"), "--dense", str(tmp_path / "dense"), "--rounds", "2"]
    given += ["--manifest", str(tmp_path / "m.jsonl"), "--threads", "1", "--batch", "1", "2"]
    main([*given, "--utterances", "3", "--json", str(out)])
    written = json.loads(out.read_text())
    assert written["machine"]["kernel"] == available()[0]
    assert [row["batch"] for row in written["rows"]] == [1, 2]
    for row in written["rows"]:
        assert row["audio_seconds"] == pytest.approx(2.1)
        assert len(row["seconds"]) == 9
        assert all(len(rounds) == 2 and min(rounds) > 0 for rounds in row["seconds"].values())
        assert set(written["libraries"]) < set(row["seconds"])
    assert written["libraries"][0] == DENSE
    assert written["runs"][0]["what"].endswith("% in 4x4")
    assert written["runs"][1]["what"] == "dense"
    assert set(written["cer"]) == set(written["rows"][0]["seconds"]) - {FEATURES}
    assert written["cer"]["ours dense fp32"] == written["cer"][DENSE]
    assert "ours sparse int8" in capsys.readouterr().out
    swapped = [given[2], "--dense", given[0], *given[3:]]
    with pytest.raises(InputError, match="expected a dense run, to be compared with"):
        main(swapped)
