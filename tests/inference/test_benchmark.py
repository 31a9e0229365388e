"""The benchmark end to end on a small layer: every field, table and picture."""

import json
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from asr.errors import InputError
from asr.inference.benchmark import whole_model
from asr.inference.benchmark.__main__ import main
from asr.inference.benchmark.contestants import in_int8
from asr.inference.benchmark.masks import at_random, random_gru
from asr.inference.benchmark.timing import Rounds, interleaved
from asr.inference.block_sparse_matrix import BlockSparseMatrix
from asr.inference.folding import folded
from asr.inference.library import available
from asr.inference.model_file import write_model
from tests.inference.exported import pruned

pytestmark = [
    pytest.mark.skipif(not available(), reason="no compiled kernel here"),
    pytest.mark.filterwarnings("ignore:.*quantiz:"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
SMALL = ["--frames", "6", "--rounds", "2", "--batch", "1", "5"]


def test_rows_table_and_picture(tmp_path, capsys):
    path = tmp_path / "rows.json"
    layers = ["--hidden", "32", "--block", "4", "4", "8", "8", "--sparsity", "0", "0.9"]
    main([*layers, *SMALL, "--json", str(path)])
    written = json.loads(path.read_text())
    assert written["machine"]["kernel"] == available()[0]
    assert len(written["rows"]) == 8
    for row in written["rows"]:
        assert row["max_error"] < 5e-6
        assert row["max_error_fp16"] < 1e-3
        assert set(row["seconds"]) == {"torch", "torch_int8", "onnxruntime", "ours", "ours_fp16"}
        assert row["speedup_vs_dense"] > 0
    assert len((tmp_path / "rows.md").read_text().splitlines()) == 10
    assert (tmp_path / "rows.png").read_bytes().startswith(b"\x89PNG")


def test_a_contestant_waits_for_threads_that_another_left_busy():
    threads, disturbed = [], []

    def spin():
        until = time.perf_counter() + 0.5
        while time.perf_counter() < until:
            pass

    # Both take more than 10 ms, so that none is repeated.
    def leaves_a_thread():
        time.sleep(0.02)
        threads.append(threading.Thread(target=spin))
        threads[-1].start()

    def next_one():
        disturbed.append(threads[-1].is_alive())
        time.sleep(0.02)

    contestants = {"leaves a thread": leaves_a_thread, "next": next_one}
    interleaved(contestants, rounds=1, processor_time=False)
    assert disturbed == [True, True, False, False]  # two to see how long it takes, one to warm up


@pytest.mark.parametrize(("block", "groups"), [((8, 8), 1), ((5, 7), 3)])
def test_blocks_at_random_are_the_same_blocks_elsewhere(block, groups):
    direction = random_gru(24, (8, 8), 0.7, seed=5)
    trained = replace(
        direction,
        inputs=BlockSparseMatrix.from_dense(direction.inputs.to_dense(), block, groups=groups),
        recurrent=BlockSparseMatrix.from_dense(np.zeros((72, 24)), block, groups=groups),
    )
    moved, again = at_random(trained), at_random(trained, seed=1)
    for one in (moved, again):
        assert one.inputs.groups == groups
        assert one.inputs.block == block
        assert one.inputs.shape == trained.inputs.shape
        assert not one.recurrent.nonzero
        assert (one.inputs.to_dense() != trained.inputs.to_dense()).any()
        if block == (8, 8):  # which divides the matrix
            weights = [np.sort(matrix.to_dense(), None) for matrix in (one.inputs, trained.inputs)]
            np.testing.assert_array_equal(*weights)
    assert (moved.inputs.to_dense() != again.inputs.to_dense()).any()


def test_masks_of_a_trained_model_both_ways(tmp_path):
    write_model(tmp_path / "model", folded(pruned((8, 8)), {}))
    path = tmp_path / "rows.json"
    main(["--model", str(tmp_path / "model"), "--bidirectional", *SMALL, "--json", str(path)])
    rows = json.loads(path.read_text())["rows"]
    sparsities = {row["masks"]: row["sparsity"] for row in rows}
    for layer in ("layer 0", "layer 1"):
        assert sparsities.pop(layer) == pytest.approx(sparsities.pop(f"{layer}, at random"))
    assert not sparsities
    assert all(row["directions"] == 2 and row["max_error"] < 5e-6 for row in rows)


def test_whole_models(capsys):
    whole_model.main(["--model", "tiny", "--seconds", "0.5", "--rounds", "1", "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [row["weights"] for row in rows] == ["fp32", "fp16"]
    for row in rows:
        assert 0 < row["rtf"] < row["rtf_torch"] * 100
        assert set(row["stages"]) == {"features", "front end", "recurrent layers", "output"}


def test_int8_is_int8():
    layer = torch.nn.GRU(32, 32).eval()
    quantised = in_int8(layer)
    assert "quantized" in type(quantised).__module__
    x = torch.randn(5, 1, 32)
    difference = (quantised(x)[0] - layer(x)[0]).abs().max()
    assert 0 < difference < 0.1


def test_a_ratio_is_that_of_the_same_round():
    rounds = Rounds({"a": np.array([2.0, 20.0, 6.0]), "b": np.array([1.0, 10.0, 1.0])})
    assert rounds.ratio("a", "b") == 2.0
    assert rounds.median("a") == 6.0
    assert rounds.closest(["a", "b"], "a") == "b"
    with pytest.raises(ValueError, match="same number of rounds"):
        Rounds.of({"a": [1.0], "b": [1.0, 2.0]})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--block", "4"], "expected pairs"),
        (["--json", "rows.md"], r"ends in \.json, got rows\.md"),
    ],
)
def test_options_that_make_no_sense(wrong, message):
    with pytest.raises(InputError, match=message):
        main(wrong)


@pytest.mark.parametrize("command", [main, whole_model.main])
@pytest.mark.parametrize("share", ["90", "1", "-0.1", "nan"])
def test_a_sparsity_that_is_no_share(command, share, capsys):
    with pytest.raises(SystemExit):
        command(["--sparsity", share])
    assert "argument --sparsity: expected a fraction" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".json", ".md", ".png"])
def test_what_cannot_be_written_is_told_before_the_measuring(suffix, tmp_path, capsys):
    (tmp_path / f"rows{suffix}").mkdir()
    with pytest.raises(InputError, match=rf"rows\{suffix}: expected a file that can be written"):
        main([*SMALL, "--json", str(tmp_path / "rows.json")])
    assert capsys.readouterr().err == "", "a row was measured"
