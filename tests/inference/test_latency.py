"""The latency command on random models and on a file; what it prints, and what it refuses."""

import json

import pytest

from asr.errors import InputError
from asr.inference.folding import folded
from asr.inference.latency import main
from asr.inference.library import available
from asr.inference.model_file import write_model
from tests.inference.exported import pruned

QUICK = ["--seconds", "0.2", "--engine", [*available(), "numpy"][0]]


def test_random_models(capsys):
    sizes = ["--hidden", "16", "32", "--layers", "1", "2", "--block", "4", "4"]
    main([*QUICK, *sizes, "--json"])
    found = json.loads(capsys.readouterr().out)
    assert [row["model"] for row in found][1:3] == [
        "random, 2 x 16, 4x4, 90 %",
        "random, 1 x 32, 4x4, 90 %",
    ]
    for row in found:
        assert row["chunks"] == 10
        assert 0 < row["median_ms"] <= row["p95_ms"] <= row["p99_ms"] <= row["max_ms"]
        assert row["rtf_wall"] >= row["median_ms"] / 20 / 2
        # A window of 25 ms, and one and two frames of 10 ms that the convolutions look ahead.
        assert row["algorithmic_ms"] == pytest.approx(25 + 10 + 20)


def test_an_exported_model_as_a_table(tmp_path, capsys):
    path = tmp_path / "model.safetensors"
    write_model(path, folded(pruned(directions="one"), {}))
    main([*QUICK, str(path)])
    assert "median" in capsys.readouterr().out


def test_what_it_refuses(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main([*QUICK, "--sparsity", "90"])
    assert "argument --sparsity: expected a fraction below 1" in capsys.readouterr().err
    path = tmp_path / "model.safetensors"
    write_model(path, folded(pruned(), {}))
    with pytest.raises(InputError, match="directions=one"):
        main([*QUICK, str(path)])
