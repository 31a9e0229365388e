"""Errors of recurrent states on what a layer reads, against a GRU written out in NumPy."""

import json
from itertools import pairwise

import numpy as np
import pytest

from asr.errors import InputError
from asr.inference.benchmark.layer_errors import float64_states, layer_errors, main
from asr.inference.folding import folded
from tests.finished_run import write_audio, write_run
from tests.inference.exported import pruned

NOISE = (np.random.default_rng(2).normal(0, 0.1, 12000).astype(np.float32), 16000)


def by_hand(way, x):
    """r, z, n of torch's documentation, a frame after the other."""

    def sigmoid(values):
        return 1 / (1 + np.exp(-values))

    weights, recurrent = (one.to_dense().astype(np.float64) for one in (way.inputs, way.recurrent))
    h, states = np.zeros(way.hidden), np.empty((len(x), way.hidden))
    for t in range(len(x))[:: -1 if way.reverse else 1]:
        of_x = np.split(weights @ x[t] + way.input_bias, 3)
        of_h = np.split(recurrent @ h + way.recurrent_bias, 3)
        r, z = (sigmoid(a + b) for a, b in zip(of_x[:2], of_h[:2], strict=True))
        n = np.tanh(of_x[2] + r * of_h[2])
        states[t] = h = (1 - z) * n + z * h
    return states


@pytest.mark.parametrize("side", [0, 1])
def test_states_are_those_of_a_gru_in_either_direction(side):
    way = folded(pruned(), {}).layers[1][side]
    x = np.random.default_rng(1).normal(size=(9, way.inputs.shape[1])).astype(np.float32)
    np.testing.assert_allclose(float64_states(way, x), by_hand(way, x), atol=1e-12)


@pytest.mark.parametrize("directions", ["sum", "concatenate"])
def test_the_coarser_the_weights_the_larger_the_errors(directions):
    found = layer_errors(pruned((8, 8), directions=directions), [NOISE])
    assert len(found) == 2 * 2 * 3
    for three in (found[first : first + 3] for first in range(0, len(found), 3)):
        assert [one.weights for one in three] == ["fp32", "fp16", "int8"]
        assert len({(one.layer, one.direction) for one in three}) == 1
        assert three[0].largest < 5e-6
        for finer, coarser in pairwise(three):
            assert 3 * finer.root_mean_square < coarser.root_mean_square < coarser.largest


def test_other_cells_are_refused():
    with pytest.raises(InputError, match="expected gru, got lstm"):
        layer_errors(pruned(cell="lstm"), [NOISE])


def test_the_command(tmp_path, capsys):
    write_run(tmp_path / "run")
    write_audio(tmp_path / "a.wav", 0.6, seed=0)
    one = {"audio_filepath": "a.wav", "duration": 0.6, "text": "a"}
    (tmp_path / "m.jsonl").write_text(json.dumps(one) + "\n")
    out = tmp_path / "errors.json"
    main([str(tmp_path / "run"), "--manifest", str(tmp_path / "m.jsonl"), "--json", str(out)])
    written = json.loads(out.read_text())
    assert written["utterances"] == 1
    assert {row["weights"] for row in written["rows"]} == {"fp32", "fp16", "int8"}
    assert "largest error" in capsys.readouterr().out
