"""Beam search through evaluate.py, tuning and alignment, on a real run folder."""

import itertools
import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from asr.checkpoint import load_trained
from asr.data.manifest import Utterance, read_manifest, write_manifest
from asr.decoding.beam import BeamDecoder
from asr.decoding.decoder import Word
from asr.decoding.greedy import GreedyDecoder
from asr.errors import InputError
from asr.evaluation import align, tune_decoding
from asr.evaluation.forward import log_probabilities, utterance_features
from asr.evaluation.recognise import recognise, timed
from asr.evaluation.result import Hypothesis, read_hypotheses
from asr.evaluation.run import read_run
from asr.evaluation.score import score
from asr.evaluation.tune_decoding import Trial
from asr.files import sha256
from tests.commands import run
from tests.finished_run import REPOSITORY, write_audio, write_run
from tests.statistics.systems import write_eval

pytest.importorskip("ctc_beam_decoder", reason="needs the extra lm")

ARPA = """\\data\\
ngram 1=6
ngram 2=1

\\1-grams:
-2\t<unk>\t0
-99\t<s>\t0
-1\t</s>
-0.5\thello\t0
-0.5\tthere\t0
-0.7\tyou\t0

\\2-grams:
-0.1\thello there

\\end\\
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`run`, `lm.arpa` and `corpus/validation.jsonl`."""
    folder = tmp_path_factory.mktemp("beam")
    write_run(folder / "run")
    (folder / "lm.arpa").write_text(ARPA)
    texts = ("hello there you", "you there", "hello")
    utterances = []
    for index, (text, seconds) in enumerate(zip(texts, (1.5, 0.9, 1.2), strict=True)):
        audio = write_audio(folder / "corpus" / f"{index}.wav", seconds, seed=index)
        utterances.append(Utterance(f"{index}", str(audio), seconds, text))
    write_manifest(folder / "corpus" / "validation.jsonl", utterances)
    return folder


def preset(**changed: object) -> BeamDecoder:
    values = yaml.safe_load((REPOSITORY / "conf/decoding/beam.yaml").read_text())
    return BeamDecoder(**{k: v for k, v in (values | changed).items() if k != "_target_"})


def test_a_result_says_which_decoder_and_model_made_it_and_when_words_were_said(folder):
    decoder = preset(language_model=str(folder / "lm.arpa"), beam=20)
    manifest = folder / "corpus" / "validation.jsonl"
    scored, trained = read_run(folder / "run"), load_trained(folder / "run")
    result = score(scored, trained, manifest, decoder, batch=2, batch_seconds=100.0).result
    assert (result.decoder, result.batch) == (decoder.name, 2)
    assert result.language_model == decoder.language_model
    assert str(result.language_model).startswith("lm.arpa (sha256 ")
    written = folder / "run" / "eval" / f"corpus-validation-{decoder.name}"
    hypotheses = read_hypotheses(written / "hypotheses.jsonl")
    assert any(hypothesis.words for hypothesis in hypotheses)
    for hypothesis in hypotheses:
        assert hypothesis.words is not None
        assert [row[0] for row in hypothesis.words] == hypothesis.text.split()
        times = [time for _, start, end, _ in hypothesis.words for time in (start, end)]
        assert times == sorted(times)
        assert all(0 <= time <= hypothesis.seconds for time in times)
        assert all(0 < row[3] <= 1 for row in hypothesis.words)


def test_times_of_words_are_their_frames_but_within_the_audio():
    words = [Word("ab", 2, 5, 0.51239), Word("c", 6, 9, 1.0)]
    rows = [["ab", 0.08, 0.2, 0.5124], ["c", 0.24, 0.35, 1.0]]
    assert timed(words, 0.04, 0.35) == rows
    assert timed(None, 0.04, 0.35) is None


def test_batching_changes_no_text_and_no_word(folder):
    trained = load_trained(folder / "run")
    utterances = read_manifest(folder / "corpus" / "validation.jsonl")
    decoder = preset(beam=20)
    one, three = (
        recognise(trained, utterances, decoder, batch=size, batch_seconds=100.0).hypotheses
        for size in (1, 3)
    )
    for left, right in zip(one, three, strict=True):
        assert left.text == right.text
        assert left.words is not None
        assert right.words is not None
        assert [row[:3] for row in left.words] == [row[:3] for row in right.words]


def test_hypotheses_of_before_there_were_words_still_read(tmp_path):
    old = {"id": "a", "reference": "x", "text": "y", "seconds": 1.0, "speaker": "", "score": -1.0}
    (tmp_path / "hypotheses.jsonl").write_text(json.dumps(old) + "\n")
    assert read_hypotheses(tmp_path / "hypotheses.jsonl") == [Hypothesis(**old)]


def test_tuning_reports_what_scoring_with_its_overrides_gives(folder, capsys):
    manifest = folder / "corpus" / "validation.jsonl"
    arguments = [str(folder / "run"), "--manifest", str(manifest), "--beam", "20"]
    arguments += ["--language-model", str(folder / "lm.arpa")]
    arguments += ["--weights", "0.2", "2", "--bonuses", "0", "5"]
    tune_decoding.main([*arguments, "--json"])
    told = json.loads(capsys.readouterr().out)
    assert len(told["trials"]) == 4
    key = ("wer", "cer", "language_model_weight", "word_bonus")
    assert told["best"] == min(told["trials"], key=lambda trial: [trial[name] for name in key])
    scored, trained = read_run(folder / "run"), load_trained(folder / "run")
    greedy = score(scored, trained, manifest, GreedyDecoder(), batch=2, batch_seconds=100.0).result
    assert told["greedy_wer"] == pytest.approx(greedy.wer)

    tune_decoding.main(arguments)
    out = capsys.readouterr().out
    words = shlex.split(out.strip().splitlines()[-1])
    assert words[:4] == ["python", "evaluate.py", f"runs=[{folder / 'run'}]", "decoding=beam"]
    overrides = dict(word.removeprefix("decoding.").split("=") for word in words[4:])
    decoder = preset(**{key: yaml.safe_load(value) for key, value in overrides.items()})
    result = score(scored, trained, manifest, decoder, batch=2, batch_seconds=100.0).result
    assert result.wer == pytest.approx(told["best"]["wer"])
    assert "at the edge of those tried" in out


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (["--language-model", "nowhere.arpa"], "nowhere.arpa"),
        (["--weights", "0.5", "-1"], "decoding.language_model_weight: expected a number above 0"),
        (["--bonuses", "0", "nan"], "decoding.word_bonus: expected a finite number"),
        (["package"], "the package ctc-beam-decoder, got no such package"),
        (["texts"], "3 utterances, all with an empty text after normalisation"),
    ],
)
def test_tuning_that_cannot_be_is_refused_before_the_model_runs(
    folder, tmp_path, capsys, monkeypatch, changed, told
):
    manifest = folder / "corpus" / "validation.jsonl"
    if changed == ["texts"]:
        rows = [replace(one, text="...") for one in read_manifest(manifest)]
        write_manifest(manifest := tmp_path / "validation.jsonl", rows)
    elif changed == ["package"]:
        monkeypatch.setitem(sys.modules, "ctc_beam_decoder", None)
    monkeypatch.delattr(tune_decoding, "emissions")
    arguments = [str(folder / "run"), "--manifest", str(manifest)]
    arguments += ["--language-model", str(folder / "lm.arpa")]
    with pytest.raises(SystemExit):
        tune_decoding.main(arguments + (changed if len(changed) > 1 else []))
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("command", [align, tune_decoding])
def test_a_diverged_model_is_neither_tuned_nor_aligned(folder, tmp_path, capsys, command):
    write_run(tmp_path / "run")
    best = tmp_path / "run" / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(best)
    checkpoint["state_dict"]["model.output.bias"].fill_(float("nan"))
    torch.save(checkpoint, best)
    manifest = str(folder / "corpus" / "validation.jsonl")
    options = {
        align: [manifest],
        tune_decoding: ["--manifest", manifest, "--language-model", str(folder / "lm.arpa")],
    }
    with pytest.raises(SystemExit):
        command.main([str(tmp_path / "run"), *options[command]])
    assert "NaN or infinity for 3 utterances: 1.wav, 2.wav, 0.wav" in capsys.readouterr().err


@pytest.mark.parametrize(("best", "edges"), [((0.8, 1.0), 0), ((2.0, 1.0), 1), ((0.2, 5.0), 2)])
def test_what_is_best_in_the_middle_is_at_no_edge(folder, capsys, monkeypatch, best, edges):
    def tune(*_):
        for weight, bonus in itertools.product((0.2, 0.8, 2.0), (0.0, 1.0, 5.0)):
            yield Trial(weight, bonus, 0.1 if (weight, bonus) == best else 0.5, 0.5)

    monkeypatch.setattr(tune_decoding, "tune", tune)
    arguments = [str(folder / "run"), "--language-model", str(folder / "lm.arpa")]
    arguments += ["--manifest", str(folder / "corpus" / "validation.jsonl")]
    arguments += ["--weights", "0.2", "0.8", "2", "--bonuses", "0", "1", "5"]
    tune_decoding.main(arguments)
    assert capsys.readouterr().out.count("at the edge of those tried") == edges


@pytest.mark.parametrize(
    "path",
    [
        "runs/a",
        "../a",
        "lm.arpa",
        "a b/c",
        "it's",
        "a,b",
        "x\\'y",
        "back\\",
        "\u00fc",
        "a=b",
        "1",
        "null",
    ],
)
def test_the_printed_command_survives_the_shell_and_hydra(path):
    given = tune_decoding._parser().parse_args([path, "--manifest", "m", "--language-model", path])
    command = tune_decoding._overrides(given, tune_decoding.Trial(0.5, 1.0, 0.0, 0.0))
    parse = OverridesParser.create().parse_override
    found = {one.key_or_group: one.value() for one in map(parse, shlex.split(command)[2:])}
    assert found["runs"] == [path]
    assert found["decoding.language_model"] == path
    assert found["decoding.language_model_weight"] == 0.5


def test_the_commands_defaults_are_the_presets():
    values = yaml.safe_load((REPOSITORY / "conf/decoding/beam.yaml").read_text())
    parser = tune_decoding._parser()
    for name in ("beam", "prefix_threshold", "label_threshold", "unknown_word_score", "lexicon"):
        assert parser.get_default(name) == values[name], name


def test_a_runs_own_test_set_is_refused_whatever_it_is_called(folder, tmp_path):
    write_run(tmp_path / "run")
    own = folder / "corpus" / "validation.jsonl"
    (tmp_path / "run" / "config.yaml").write_text(yaml.safe_dump({"data": {"test": [str(own)]}}))
    copied = tmp_path / "validation.jsonl"
    copied.write_bytes(own.read_bytes())
    for manifest in (own, copied):
        with pytest.raises(InputError, match="expected a validation split"):
            tune_decoding.refuse_test_set(read_run(tmp_path / "run"), manifest)


def test_a_test_set_that_lies_elsewhere_is_known_by_its_result(folder, tmp_path, capsys):
    write_run(tmp_path / "run")
    gone = {"data": {"test": [str(tmp_path / "tones" / "test.jsonl")]}}
    (tmp_path / "run" / "config.yaml").write_text(yaml.safe_dump(gone))
    manifest = folder / "corpus" / "validation.jsonl"
    tune_decoding.refuse_test_set(read_run(tmp_path / "run"), manifest)
    assert "test.jsonl is not here to tell" in capsys.readouterr().err
    result = write_eval(tmp_path / "run", ["a"], ["b"]) / "result.json"
    content = json.loads(result.read_text())
    result.write_text(json.dumps(content | {"manifest_sha256": sha256(manifest)}))
    with pytest.raises(InputError, match="expected a validation split"):
        tune_decoding.refuse_test_set(read_run(tmp_path / "run"), manifest)


def test_alignment_writes_the_words_of_every_text_that_can_be_aligned(folder, tmp_path, capsys):
    audio = str(folder / "corpus" / "0.wav")
    manifest, out = tmp_path / "texts.jsonl", tmp_path / "words.jsonl"
    utterances = [
        Utterance("", audio, 1.5, "Hello, there!"),
        Utterance("", audio, 0.2, "far too much for so short a time", offset=0.1),
        Utterance("", audio, 1.0, "na\u00efve", offset=0.2),
        Utterance("", audio, 1.0, "you", offset=0.3),
    ]
    write_manifest(manifest, utterances)
    assert align.main([str(folder / "run"), str(manifest), "--out", str(out)]) == 1
    errors = capsys.readouterr().err
    assert "@0.1: text to align" in errors
    assert "'\u00ef' x1" in errors
    assert "2 aligned, 2 not" in errors
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["text"] for line in lines] == ["hello there", "you"]
    for line, seconds in zip(lines, (1.5, 1.0), strict=True):
        assert [row[0] for row in line["words"]] == line["text"].split()
        times = [time for _, start, end, _ in line["words"] for time in (start, end)]
        assert times == sorted(times)
        assert 0 <= times[0] < times[-1] <= seconds
    trained = load_trained(folder / "run")
    labels = torch.tensor([trained.vocabulary.encode("hello there")])
    log_probs, frames = log_probabilities(trained, [utterance_features(trained, utterances[0])])
    loss = torch.nn.functional.ctc_loss(
        log_probs, labels, frames, torch.tensor([labels.shape[1]]), reduction="sum"
    )
    assert lines[0]["score"] <= -loss.item()  # one alignment is less than the sum of all


@pytest.mark.flow
def test_evaluate_takes_the_search_as_a_choice(folder):
    ended = run(
        [
            sys.executable,
            "evaluate.py",
            f"runs=[{folder / 'run'}]",
            f"manifests=[{folder / 'corpus' / 'validation.jsonl'}]",
            "decoding=beam",
            f"decoding.language_model={folder / 'lm.arpa'}",
            "decoding.hot_words=[hello]",
        ]
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    results = (folder / "run" / "eval").glob("corpus-validation-beam100-lm0.5-bonus1.5-hot1-*")
    assert json.loads((next(results) / "result.json").read_text())["language_model"]
