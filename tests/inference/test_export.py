"""Exported models compute what their checkpoints do; the command writes, says and refuses."""

import json
import math
import re
import subprocess
import sys
from ast import literal_eval
from pathlib import Path

import numpy as np
import pytest
import torch

from asr.audio import read
from asr.decoding.greedy import GreedyDecoder
from asr.errors import InputError
from asr.evaluation.forward import log_probabilities, waveform_features
from asr.evaluation.long_audio import transcribe_file
from asr.features.resample import resample
from asr.inference.export import export, main
from asr.inference.folding import folded
from asr.inference.library import available
from asr.inference.model_file import model_bytes, model_from_bytes, read_model, write_model
from asr.inference.recogniser import Recogniser
from asr.inference.size import file_size
from tests.finished_run import write_audio, write_run
from tests.inference.exported import pruned
from tests.statistics.systems import write_eval

ENGINES = [*available(), "numpy"]
MODELS = {
    "small": {},
    "concatenate": {"directions": "concatenate"},
    "lstm": {"cell": "lstm"},
    "rnn": {"cell": "rnn", "nonlinearity": "clipped_relu"},
    "paper": {"cell": "rnn", "nonlinearity": "tanh", "shared_input": True},
    "one_way": {"directions": "one", "lookahead": 3, "projection": 24},
    "no_convolutions": {"convolutions": []},
    "odd": {"hidden": 30, "convolutions": [{"channels": 3, "kernel": [5, 7], "stride": [3, 1]}]},
}


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audio")
    lengths = ((2.0, 16000), (0.7, 16000), (1.3, 44100), (0.01, 16000), (1.1, 8000), (1.2, 11025))
    return [
        read(write_audio(folder / f"{index}.wav", seconds, rate=rate, seed=index))
        for index, (seconds, rate) in enumerate(lengths)
    ]


def torch_log_probs(trained, piece):
    return log_probabilities(trained, [waveform_features(trained, *piece)])[0][:, 0].numpy()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", MODELS)
def test_every_layer_computes_what_torch_does(name, engine, pieces):
    trained = pruned(**MODELS[name])
    model = model_from_bytes(model_bytes(folded(trained, {})), "test")
    for threads in (1, 2):
        recogniser = Recogniser(model, engine=engine, threads=threads)
        together = recogniser.log_probabilities(pieces)
        for piece, found in zip(pieces, together, strict=True):
            expected = torch_log_probs(trained, piece)
            # The random clipped ReLU's states run into the tens, and rounding with them.
            error = 1e-3 if name == "rnn" else 1e-4
            np.testing.assert_allclose(found, expected, atol=error)
            np.testing.assert_allclose(recogniser.log_probabilities([piece])[0], found, atol=2e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_features_are_trainings(engine, pieces):
    trained = pruned()
    recogniser = Recogniser(folded(trained, {}), engine=engine)
    for samples, rate in pieces:
        expected = waveform_features(trained, samples, rate).numpy()
        np.testing.assert_allclose(recogniser.features(samples, rate), expected, atol=1e-5)
        resampled = recogniser.resampled(samples, rate)
        np.testing.assert_array_equal(resampled, resample(samples, rate, 16000))


def test_pruned_matrices_are_stored_in_blocks_and_others_whole():
    model = folded(pruned((4, 4)), {"run_key": "abc"})
    stored = dict(model.matrices())
    assert not stored["layers.0.left_to_right.recurrent"].is_whole
    assert stored["output"].is_whole
    assert model_from_bytes(model_bytes(model), "test").provenance == {"run_key": "abc"}


@pytest.mark.parametrize("weights", ["fp32", "int8"])
def test_a_matrix_that_directions_share_is_stored_and_counted_once(weights):
    trained = pruned((4, 4), **MODELS["paper"])
    model = folded(trained, {}, weights)
    data = model_bytes(model)
    again = model_from_bytes(data, "test")
    assert all(first.inputs is second.inputs for first, second in again.layers)
    names = [name for name, _ in model.matrices()]
    assert [name for name, _ in again.matrices()] == names
    assert not [name for name in names if name.endswith("right_to_left.input")]
    numbers = file_size(model, len(data)).dense_int8
    shapes = {name: weight.shape for name, weight in trained.model.named_parameters()}
    matrices = sum(math.prod(shape) for shape in shapes.values() if len(shape) > 1)
    biases = [
        way.input_bias.size + way.recurrent_bias.size for pair in model.layers for way in pair
    ]
    biases += [each.bias.size for each in model.convolutions]
    assert numbers == matrices + sum(biases) + model.output.bias.size


@pytest.mark.parametrize("weights", ["fp16", "int8"])
@pytest.mark.parametrize("name", ["small", "concatenate", "lstm", "rnn", "one_way"])
def test_rounding_changes_nothing_where_a_layer_reads_its_norms_mean(name, weights):
    trained = pruned((4, 4), **MODELS[name])
    norm = trained.model.recurrent.norms[0]
    generator = torch.Generator().manual_seed(3)
    torch.nn.init.normal_(norm.running_mean, mean=3.0, generator=generator)
    torch.nn.init.normal_(norm.bias, generator=generator)
    mean = norm.running_mean.double().numpy()

    def projected(way, x):
        return way.inputs.to_dense().astype(np.float64) @ x + way.input_bias

    exact, rounded = (folded(trained, {}, kind).layers[1] for kind in ("fp32", weights))
    for before, after in zip(exact, rounded, strict=True):
        np.testing.assert_allclose(projected(after, mean), projected(before, mean), atol=2e-5)
        elsewhere = projected(after, 0 * mean) - projected(before, 0 * mean)
        assert abs(elsewhere).max() > 1e-4  # rounding did change the weights


def test_gates_pruned_separately_keep_their_tiling():
    trained = pruned((16, 16), hidden=52)
    weights = dict(trained.model.named_parameters())
    weight = weights["recurrent.layers.1.left_to_right.weight_hh_l0"]
    with torch.no_grad():
        weight.fill_(1.0)
        for gate in weight.split(52):
            gate[:16] = gate[32:48] = 0
    matrix = dict(folded(trained, {}).matrices())["layers.1.left_to_right.recurrent"]
    assert matrix.groups == 3
    np.testing.assert_array_equal(matrix.to_dense(), weight.detach().numpy())


def read_description(model):
    data = model_bytes(model)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return json.loads(header["__metadata__"]["model"])


@pytest.mark.parametrize(("weights", "ratio"), [("fp32", 1.0), ("fp16", 0.55), ("int8", 0.4)])
def test_the_file_of_any_weights_comes_back_as_it_was(tmp_path, pieces, weights, ratio):
    model = folded(pruned((8, 8)), {}, weights)
    path = tmp_path / "model.safetensors"
    size = write_model(path, model)
    assert size == path.stat().st_size
    again = read_model(path)
    assert read_description(again) == read_description(model)
    for (name, before), (_, after) in zip(model.matrices(), again.matrices(), strict=True):
        assert before.blocks.dtype == after.blocks.dtype, name
        np.testing.assert_array_equal(before.to_dense(), after.to_dense())
    whole = sum(m.weight_bytes for _, m in folded(pruned((8, 8)), {}).matrices())
    assert sum(m.weight_bytes for _, m in model.matrices()) <= ratio * whole


def test_long_files_are_cut_as_torch_cuts_them(tmp_path):
    trained = pruned()
    path = write_audio(tmp_path / "long.wav", 9.0, rate=22050)
    cut = {"chunk_seconds": 2.0, "context_seconds": 1.0, "batch": 2}
    expected = transcribe_file(trained, path, GreedyDecoder(), **cut).text
    found = Recogniser(folded(trained, {})).transcribe_file(path, **cut)
    assert found.text == expected != ""
    assert found.seconds == pytest.approx(9.0)


def test_the_command_checks_itself_and_says_sizes(tmp_path, capsys):
    run = tmp_path / "run"
    write_run(run)
    write_audio(tmp_path / "data" / "a.wav", 1.0)
    line = {"audio_filepath": "a.wav", "duration": 1.0, "text": "hello"}
    manifest = tmp_path / "data" / "test.jsonl"
    manifest.write_text(json.dumps(line) + "\n")
    out = tmp_path / "model.safetensors"
    exported = export(run, out, manifest=manifest)
    assert exported.check.largest_difference < 1e-4
    assert exported.check.wer_exported == exported.check.wer_checkpoint
    assert exported.check.same_texts == exported.check.lines == 1
    assert exported.size.file == out.stat().st_size
    assert read_model(out).provenance["run_key"] == "k1"


def test_the_command_names_the_checkpoint_and_says_that_a_run_is_not_done(tmp_path, capsys):
    run = tmp_path / "run"
    write_run(run)
    command = [str(run), str(tmp_path / "out")]
    main(command)
    told = capsys.readouterr()
    assert (told.err, "out, of best.ckpt: " in told.out) == ("", True)
    (run / "checkpoints/best.ckpt").rename(run / "checkpoints/last.ckpt")
    status = run / "status.json"
    status.write_text(json.dumps({**json.loads(status.read_text()), "state": "running"}))
    main(command)
    told = capsys.readouterr()
    assert "out, of last.ckpt: " in told.out
    notice = "the run is not done, its state is 'running'"  # as evaluate.py has it
    assert told.err == f"note: {run}: {notice}\n"
    main([*command, "--json"])
    said = json.loads(capsys.readouterr().out)
    assert (said["checkpoint"], said["notices"]) == ("last.ckpt", [notice])
    assert export(run / "checkpoints/last.ckpt", tmp_path / "out").notices == []


def test_a_damaged_result_is_left_out_of_the_provenance_and_told(tmp_path):
    run = tmp_path / "run"
    write_run(run)
    write_eval(run, ["the cat"], ["the hat"])
    (run / "eval" / "a-damaged").mkdir()
    (run / "eval" / "a-damaged" / "result.json").write_text('{"wer": 0.5}')
    with pytest.warns(UserWarning, match=r"not in the file's provenance.*a-damaged"):
        export(run, tmp_path / "model.safetensors")
    (known,) = read_model(tmp_path / "model.safetensors").provenance["results"]
    assert known["wer"] == 0.5


def test_a_test_set_whose_audio_is_gone_is_not_checked_on(tmp_path):
    run = tmp_path / "run"
    write_run(run)
    manifest = tmp_path / "test.jsonl"
    line = {"audio_filepath": "a.wav", "duration": 1.0, "text": "hello"}
    manifest.write_text(json.dumps(line) + "\n")
    (run / "config.yaml").write_text(json.dumps({"data": {"test": [str(manifest)]}}))
    assert export(run, tmp_path / "m.safetensors").check.speech == "generated noise"
    write_audio(tmp_path / "a.wav", 1.0)
    assert export(run, tmp_path / "m.safetensors").check.speech == str(manifest)


def test_an_export_that_computes_something_else_is_not_written(tmp_path, monkeypatch):
    write_run(tmp_path / "run")
    monkeypatch.setattr("asr.inference.folding.EPSILON", 0.5)
    with pytest.raises(InputError, match="Nothing was written"):
        export(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_difference_that_rounding_explains_is_no_other_computation(tmp_path, monkeypatch):
    """Of a deep model, or one of large log-probabilities, it is beyond any fixed bound."""
    write_run(tmp_path / "run")
    monkeypatch.setattr("asr.inference.source_run.TOLERANCE", 0.0)
    assert export(tmp_path / "run", tmp_path / "out").check.largest_difference > 0
    monkeypatch.setattr("asr.inference.source_run._ROUNDINGS", 0)
    with pytest.raises(InputError, match="within 0, got a difference of"):
        export(tmp_path / "run", tmp_path / "again")


def test_what_cannot_be_written_is_told_before_the_work(tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file" / "out", tmp_path):
        with pytest.raises(InputError, match="can be written"):
            export(tmp_path / "no run", out)


def test_inference_needs_few_packages(tmp_path):
    """Those that docs/runtime.md has a machine without torch install."""
    path = tmp_path / "model.safetensors"
    write_model(path, folded(pruned(), {}))
    audio = write_audio(tmp_path / "a.wav", 1.0)
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        "from asr.transcribe import main\n"
        f"code = main([{str(path)!r}, {str(audio)!r}])\n"
        "loaded = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "from importlib.metadata import packages_distributions\n"
        "known = packages_distributions()\n"
        "print({known[name][0] for name in loaded & set(known)}, file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(audio))
    page = (Path(__file__).parents[2] / "docs/runtime.md").read_text(encoding="utf-8")
    (installed,) = re.findall(r"^pip install --no-deps \. && pip install (.*)$", page, re.MULTILINE)
    come_with_soundfile = {"cffi", "pycparser", "typing_extensions"}
    imported = literal_eval(done.stderr.splitlines()[-1])
    assert imported - come_with_soundfile <= {"asr", *installed.split()}


@pytest.mark.parametrize(
    "samples",
    [np.zeros(8000, np.int16), np.zeros((8000, 2)), np.full(8000, np.nan)],
    ids=["int16", "stereo", "nan"],
)
def test_samples_that_mean_something_else_are_refused(samples):
    with pytest.raises(InputError, match="samples"):
        Recogniser(folded(pruned(), {})).transcribe(samples, 16000)
