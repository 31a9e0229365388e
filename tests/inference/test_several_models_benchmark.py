"""The benchmark of several models: all in one runtime, by the names of their runs."""

import json

import numpy as np
import pytest

from asr.errors import InputError
from asr.inference.benchmark.several_models import contestants, main
from asr.inference.benchmark.timing import Rounds
from asr.inference.folding import folded
from asr.inference.library import available
from asr.inference.recogniser import Recogniser
from tests.finished_run import RATE, write_audio, write_run

pytestmark = pytest.mark.skipif(not available(), reason="no compiled kernel here")


def test_rounds_of_every_run_are_written_and_shown(tmp_path, capsys):
    write_run(tmp_path / "large", hidden=48)
    write_run(tmp_path / "small")
    write_audio(tmp_path / "a.wav", 0.6, seed=0)
    one = {"audio_filepath": "a.wav", "duration": 0.6, "text": "a"}
    (tmp_path / "m.jsonl").write_text(json.dumps(one) + "\n")
    out = tmp_path / "models.json"
    runs = [str(tmp_path / name) for name in ("large", "small")]
    main([*runs, "--manifest", str(tmp_path / "m.jsonl"), "--rounds", "3", "--json", str(out)])
    written = json.loads(out.read_text())
    assert (written["weights"], written["threads"], written["batch"]) == ("fp16", 1, 1)
    assert written["audio_seconds"] == pytest.approx(0.6)
    assert {run: len(taken) for run, taken in written["seconds"].items()} == {
        "large": 3,
        "small": 3,
    }
    shown = next(line for line in capsys.readouterr().out.splitlines() if "small" in line)
    ratio = Rounds.of(written["seconds"]).ratio("large", "small")
    assert f"{ratio:.1f}" in shown


def test_each_contestant_is_its_own_run_s_model(tmp_path):
    models = {
        "large": write_run(tmp_path / "large", hidden=48),
        "small": write_run(tmp_path / "small"),
    }
    found = contestants([str(tmp_path / name) for name in models], "fp32", 1)
    noise = np.random.default_rng(0).normal(0, 0.1, 2 * RATE).astype(np.float32)
    heard = {name: transcribe([(noise, RATE)]) for name, transcribe in found.items()}
    assert heard == {
        name: [Recogniser(folded(trained, {})).transcribe(noise, RATE)]
        for name, trained in models.items()
    }
    assert heard["large"] != heard["small"]
    (tmp_path / "again").mkdir()
    write_run(tmp_path / "again" / "small")
    with pytest.raises(InputError, match="expected runs of different names"):
        contestants([str(tmp_path / "small"), str(tmp_path / "again" / "small")], "fp32", 1)
