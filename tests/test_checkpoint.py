"""A checkpoint is all that a model needs, and nothing that runs."""

import contextlib
import pickle
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from asr.checkpoint import SCHEMA, Blueprint, checkpoint_of, load_trained, read_checkpoint
from asr.errors import InputError
from asr.features.statistics import FeatureStatistics
from asr.text import BpeVocabulary, CharacterVocabulary
from asr.training.checkpoints import AtomicCheckpointIO, newest_readable
from tests.finished_run import blueprint, talkative, write_run

FORMS: list[dict[str, Any]] = [
    {},
    {"cell": "lstm", "directions": "concatenate"},
    {"cell": "rnn", "nonlinearity": "clipped_relu", "shared_input": True, "projection": 12},
    {"directions": "one", "lookahead": 3},
]


class Payload:
    """Unpickling it writes a file: what a hostile checkpoint would do."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.target,)


def save(folder: Path, checkpoint: Any, name: str = "last.ckpt") -> Path:
    path = folder / "checkpoints" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(checkpoint, path)
    return path


def whole(model_state: dict[str, torch.Tensor], plan: Blueprint) -> dict[str, Any]:
    state = {f"model.{name}": tensor for name, tensor in model_state.items()}
    return {"recogniser": plan.state(), "state_dict": state, "global_step": 3}


@pytest.mark.parametrize("form", FORMS)
def test_a_model_is_rebuilt_bit_for_bit_without_a_configuration(
    tmp_path: Path, form: dict[str, Any]
) -> None:
    ours = write_run(tmp_path, **form)
    (tmp_path / "config.yaml").unlink()
    theirs = load_trained(tmp_path)
    waveform = torch.randn(16000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = [trained.features(waveform) for trained in (ours, theirs)]
        outputs = [
            trained.model(each[None], torch.tensor([each.shape[1]]))
            for trained, each in zip((ours, theirs), features, strict=True)
        ]
    assert torch.equal(*features)
    assert torch.equal(outputs[0][0], outputs[1][0])
    assert outputs[0][0].argmax(-1).unique().numel() > 2, "a model that says one thing only"
    assert theirs.vocabulary.state() == ours.vocabulary.state()
    assert theirs.normaliser.name == ours.normaliser.name
    assert not theirs.model.training


def test_a_blueprint_survives_its_state(tmp_path: Path) -> None:
    plan = blueprint(projection=7)
    path = tmp_path / "plan"
    torch.save(plan.state(), path)
    again = Blueprint.from_state(torch.load(path, weights_only=True))
    assert again == plan
    assert isinstance(again.statistics, FeatureStatistics)


def test_other_vocabularies_and_languages_survive(tmp_path: Path) -> None:
    texts = ["die katze sitzt", "der hund lief über die straße", "zwölf boxkämpfer"] * 3
    for vocabulary in (
        CharacterVocabulary.from_texts(texts),
        BpeVocabulary.from_texts(texts, size=40),
    ):
        plan = Blueprint(
            **{
                **{name: getattr(blueprint(), name) for name in
                   ("features", "feature_arguments", "statistics")},
                "model_arguments": {**blueprint().model_arguments,
                                    "vocabulary_size": len(vocabulary)},
                "vocabulary": vocabulary.state(),
                "language": "de",
            }
        )  # fmt: skip
        save(tmp_path, whole(plan.build().model.state_dict(), plan))
        trained = load_trained(tmp_path)
        for text in texts:
            assert trained.vocabulary.decode(trained.vocabulary.encode(text)) == text
        assert trained.normaliser("3 Hunde") == "drei hunde"


@pytest.mark.parametrize("hidden", ["alone", "beside a good checkpoint"])
def test_a_checkpoint_made_to_run_code_is_refused_and_does_not(tmp_path: Path, hidden: str) -> None:
    target = tmp_path / "written by the checkpoint"
    plan = blueprint()
    checkpoint = whole(plan.build().model.state_dict(), plan)
    path = save(
        tmp_path, Payload(target) if hidden == "alone" else checkpoint | {"extra": Payload(target)}
    )
    plain = tmp_path / "plain.ckpt"
    plain.write_bytes(pickle.dumps(Payload(target), protocol=2))
    for call in (
        lambda: load_trained(tmp_path),
        lambda: load_trained(path),
        lambda: newest_readable(path.parent),
        lambda: load_trained(plain),
    ):
        with pytest.raises(InputError, match="expected") as caught:
            call()
        assert not target.exists()
        assert "checkpoint" in str(caught.value)
    with pytest.raises(InputError, match="holds code"):
        read_checkpoint(path)
    torch.load(path, weights_only=False)
    assert target.exists(), "the payload works, so its refusal means something"


@pytest.mark.parametrize(
    ("recogniser", "told"),
    [
        ({"schema": SCHEMA + 1}, f"schema {SCHEMA + 1}"),
        (None, "schema none"),
        ("text", "schema none"),
    ],
)
def test_another_schema_is_refused(tmp_path: Path, recogniser: Any, told: str) -> None:
    path = save(tmp_path, {"recogniser": recogniser, "state_dict": {}})
    with pytest.raises(InputError, match=f"expected a checkpoint of schema {SCHEMA}, got {told}"):
        load_trained(path)
    save(tmp_path, [1, 2, 3])
    with pytest.raises(InputError, match="schema none"):
        load_trained(path)


@pytest.mark.parametrize("part", ["", "feature_arguments", "model_arguments", "statistics"])
@pytest.mark.parametrize("change", ["missing", "extra"])
def test_arguments_of_another_version_are_told(tmp_path: Path, part: str, change: str) -> None:
    checkpoint = whole(blueprint().build().model.state_dict(), blueprint())
    state = checkpoint["recogniser"]
    arguments = state[part] if part else state
    names = sorted(set(arguments) - {"schema"})
    for name in names if change == "missing" else ["added_later"]:
        value = arguments.pop(name, None)
        if change == "extra":
            arguments[name] = 1
        save(tmp_path, checkpoint)
        with pytest.raises(InputError, match=rf"of the checkpoint: .*'{name}'.*the version"):
            load_trained(tmp_path)
        arguments[name] = value


def test_features_and_vocabularies_of_another_version_are_told(tmp_path: Path) -> None:
    for key, value, told in (
        ("features", "Cochleagram", "one of LogMel, Spectrogram, got 'Cochleagram'"),
        ("vocabulary", {"kind": "words"}, "the kind 'words'"),
    ):
        checkpoint = whole(blueprint().build().model.state_dict(), blueprint())
        checkpoint["recogniser"][key] = value
        save(tmp_path, checkpoint)
        with pytest.raises(InputError, match=told):
            load_trained(tmp_path)


def test_a_truncated_last_checkpoint_falls_back_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "checkpoints"
    assert newest_readable(folder) is None
    plan = blueprint()
    checkpoint = whole(talkative(plan.build()).model.state_dict(), plan)
    writer = AtomicCheckpointIO()
    for step in (1, 2, 3):
        writer.save_checkpoint(checkpoint | {"global_step": step}, folder / "last.ckpt")
    assert sorted(path.name for path in folder.iterdir()) == ["last.ckpt", "previous.ckpt"]
    assert newest_readable(folder) == folder / "last.ckpt"
    assert read_checkpoint(folder / "previous.ckpt")["global_step"] == 2
    whole_bytes = (folder / "last.ckpt").read_bytes()
    for length in (0, 100, len(whole_bytes) // 2, len(whole_bytes) - 20):
        (folder / "last.ckpt").write_bytes(whole_bytes[:length])
        assert newest_readable(folder) == folder / "previous.ckpt"
        assert "warning: " in (said := capsys.readouterr().out)
        assert str(folder / "last.ckpt") in said
    (folder / "previous.ckpt").write_bytes(b"")
    with pytest.raises(InputError, match=r"only damaged ones \(last.ckpt, previous.ckpt\)"):
        newest_readable(folder)


def test_whatever_the_damage_it_is_told(tmp_path: Path) -> None:
    plan = blueprint()
    path = save(tmp_path, whole(plan.build().model.state_dict(), plan))
    whole_bytes = path.read_bytes()
    generator = random.Random(0)
    for _ in range(40):
        damaged = bytearray(whole_bytes)
        start = generator.randrange(len(damaged))
        # A hole in the file, as a lost disk block leaves; where it hits weights nobody can tell.
        damaged[start : start + 4096] = bytes(len(damaged[start : start + 4096]))
        path.write_bytes(damaged)
        with contextlib.suppress(InputError):
            read_checkpoint(path)
    for junk in (b"", b"\x80\x02", b"PK\x03\x04", generator.randbytes(5000), b"no checkpoint\n"):
        path.write_bytes(junk)
        with pytest.raises(InputError, match="expected a whole checkpoint"):
            read_checkpoint(path)


def test_a_save_that_fails_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    writer = AtomicCheckpointIO()
    writer.save_checkpoint({"a": 1}, path)
    with pytest.raises((AttributeError, pickle.PicklingError, TypeError)):
        writer.save_checkpoint({"a": lambda: None}, path)
    assert torch.load(path, weights_only=True) == {"a": 1}
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]


def test_the_best_before_the_last_and_neither_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"best\.ckpt or last\.ckpt"):
        checkpoint_of(tmp_path)
    last = save(tmp_path, {})
    assert checkpoint_of(tmp_path) == last
    best = save(tmp_path, {}, "best.ckpt")
    assert checkpoint_of(tmp_path) == best
    assert checkpoint_of(last) == last
    with pytest.raises(InputError, match="no such file"):
        read_checkpoint(tmp_path / "absent.ckpt")
