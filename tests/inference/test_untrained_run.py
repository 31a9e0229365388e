"""A model by a run's configuration alone: of its shape, and with as many zeros as if trained."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir

from asr.configuration import CONFIGURATION, plain
from asr.errors import InputError
from asr.inference.benchmark import several_models
from asr.inference.benchmark.untrained_run import untrained_run
from asr.inference.library import available
from tests.finished_run import write_audio, write_run


def configured(folder: Path, *overrides: str) -> Path:
    """A folder that holds a configuration and nothing else."""
    with initialize_config_dir(str(CONFIGURATION), version_base="1.3"):
        settings = plain(compose("train", ["model=tiny", "vocabulary=english", *overrides]))
    folder.mkdir()
    (folder / "config.yaml").write_text(yaml.safe_dump(settings))
    return folder


def test_zeros_are_as_many_as_were_asked_in_whole_blocks_of_each_gate(tmp_path):
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
    assert int(torch.count_nonzero(model.model.output.weight)) == model.model.output.weight.numel()


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("sparsity=block_pruning", "got the method block_pruning"),
        ("vocabulary=from_manifest", "got a vocabulary of its texts"),
    ],
)
def test_what_hangs_on_the_training_is_refused(tmp_path, override, told):
    with pytest.raises(InputError, match=told):
        untrained_run(configured(tmp_path / "run", override))


@pytest.mark.parametrize("content", [None, "[", "- 1", "sparsity: {}"])
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
    assert "fresh" in capsys.readouterr().out
    with pytest.raises(InputError, match="expected at least one run folder"):
        several_models.main(command)
