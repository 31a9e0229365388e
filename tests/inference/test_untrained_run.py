"""A model by a run's configuration alone: of its shape, and with as many blocks as if trained."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir

from asr.configuration import CONFIGURATION, plain
from asr.errors import InputError
from asr.inference.benchmark import several_models
from asr.inference.benchmark.untrained_run import untrained_run
from asr.inference.library import available
from asr.study.measure import zeros_by_gate
from tests.finished_run import write_audio, write_run


def configured(folder: Path, *overrides: str) -> Path:
    """A folder that holds a configuration and nothing else."""
    with initialize_config_dir(str(CONFIGURATION), version_base="1.3"):
        settings = plain(compose("train", ["model=tiny", "vocabulary=english", *overrides]))
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return folder


KEPT = Path(__file__).resolve().parents[2] / "docs" / "results" / "study" / "study_deep"


@pytest.mark.parametrize(
    "run",
    [
        pytest.param("2df10ead2ecc", id="80 % in 16x16"),
        pytest.param("980c584e8927", id="32x32"),
        pytest.param("511ee1e3022b", id="1x1"),
        pytest.param("6b4d0d64f8eb", id="dense, 50 units"),
    ],
)
def test_zeros_are_where_and_as_many_as_those_of_the_trained_model(run):
    """Counted from its checkpoint when the study kept it."""
    trained = json.loads((KEPT / run / "weights.json").read_text())["zeros"]
    found = [asdict(one) for one in zeros_by_gate(untrained_run(KEPT / run))]
    by_chance = {"dead_rows": 0}  # rows of which every block happened to go
    assert [one | by_chance for one in found] == [one | by_chance for one in trained]


def test_zeros_are_whole_blocks_of_each_gate(tmp_path):
    asked = ["sparsity=gradual_block", "sparsity.block=[8,4]", "sparsity.sparsity=0.75"]
    model = untrained_run(configured(tmp_path / "run", *asked, "model.hidden=32"))
    assert (model.sparsity.method, model.sparsity.block) == ("gradual_block", (8, 4))
    weights = dict(model.model.named_parameters())
    assert model.sparsity.pruned
    for name in model.sparsity.pruned:
        for gate in weights[name].detach().split(32):
            blocks = gate.unflatten(1, (-1, 4)).unflatten(0, (-1, 8)).transpose(1, 2)
            empty = (blocks == 0).flatten(2).all(2)
            assert int(empty.sum()) == 0.75 * empty.numel()
            assert int((gate == 0).sum()) == 32 * int(empty.sum())
    assert not model.model.training


def test_a_dense_run_keeps_every_weight(tmp_path):
    model = untrained_run(configured(tmp_path / "run", "model.hidden=24"))
    assert (model.sparsity.method, model.sparsity.block) == ("dense", None)
    matrices = [one for one in model.model.parameters() if one.dim() == 2]
    assert len(matrices) > 4
    assert all(int((one == 0).sum()) == 0 for one in matrices)


def test_parts_that_differ_are_pruned_as_asked(tmp_path):
    asked = ["sparsity=gradual_block", "sparsity.block=[8,8]", "sparsity.sparsity=0.5"]
    others = ["sparsity.select.gates=together", "model.hidden=32"]
    layer = "sparsity.exceptions=[{match: 'layers.0', sparsity: 0.75}]"
    model = untrained_run(configured(tmp_path / "run", *asked, *others, layer))
    weights = dict(model.model.named_parameters())
    for name in model.sparsity.pruned:
        share = float((weights[name] == 0).float().mean())
        assert share == (0.75 if "layers.0" in name else 0.5), name


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("sparsity=block_pruning", "got the method block_pruning"),
        ("vocabulary=from_manifest", "got a vocabulary of its training texts"),
        ("sparsity=gradual_block sparsity.select.keep_diagonal=true", "got blocks on the diagonal"),
        ("sparsity=gradual_block sparsity.regrow=1.5", "^sparsity.regrow: expected a fraction"),
    ],
)
def test_what_hangs_on_the_training_is_refused(tmp_path, override, told):
    with pytest.raises(InputError, match=told):
        untrained_run(configured(tmp_path / "run", *override.split()))


DENSE = "sparsity: {_target_: asr.sparsity.dense.Dense}"


@pytest.mark.parametrize(
    "content",
    [None, "[", "- 1", "sparsity: {}", DENSE, "sparsity: {_target_: asr.of_another_version.It}"],
)
def test_a_folder_without_a_configuration_is_told(tmp_path, content):
    if content is not None:
        (tmp_path / "config.yaml").write_text(content)
    with pytest.raises(InputError, match="expected the configuration of a run"):
        untrained_run(tmp_path)


@pytest.mark.skipif(not available(), reason="no compiled kernel here")
def test_they_are_timed_beside_trained_ones_and_said_to_be_untrained(tmp_path, capsys):
    write_run(tmp_path / "trained")
    configured(tmp_path / "fresh", "sparsity=gradual_block", "sparsity.block=[8,8]")
    write_audio(tmp_path / "a.wav", 0.6, seed=0)
    one = {"audio_filepath": "a.wav", "duration": 0.6, "text": "a"}
    (tmp_path / "m.jsonl").write_text(json.dumps(one) + "\n")
    command = ["--manifest", str(tmp_path / "m.jsonl"), "--json", str(tmp_path / "out.json")]
    runs = [str(tmp_path / "trained"), "--untrained", str(tmp_path / "fresh")]
    several_models.main([*runs, "--rounds", "3", *command])
    written = json.loads((tmp_path / "out.json").read_text())
    assert list(written["seconds"]) == ["trained", "fresh"]
    assert written["untrained"] == ["fresh"]
    shown = capsys.readouterr().out
    assert "fresh (untrained)" in shown
    assert "trained (untrained)" not in shown
    fresh = configured(tmp_path / "other")
    several_models.main([*command, "--untrained", runs[2], "--untrained", str(fresh)])
    assert list(json.loads((tmp_path / "out.json").read_text())["seconds"]) == ["fresh", "other"]
    with pytest.raises(InputError, match="expected at least one run folder"):
        several_models.main(command)
