import json
import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from asr.checkpoint import load_trained
from asr.data.manifest import Utterance, read_manifest, write_manifest
from asr.decoding.greedy import GreedyDecoder
from asr.errors import InputError
from asr.evaluation.error_rate import pool, word_counts
from asr.evaluation.forward import device_of
from asr.evaluation.pairs import Failure, score_pairs
from asr.evaluation.recognise import recognise
from asr.evaluation.result import read_hypotheses, read_result
from asr.evaluation.score import Score
from asr.files import sha256
from tests.finished_run import write_audio, write_run

DECODER = GreedyDecoder()


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """A folder `corpus` with a manifest `test.jsonl` of four lines."""
    folder = tmp_path / "corpus"
    lines = [
        Utterance("", str(write_audio(folder / f"{i}.wav", 0.6 + i / 3, seed=i)), 0.6 + i / 3, text)
        for i, text in enumerate(["One", "two \u00e9", "", "four, four"])
    ]
    write_manifest(folder / "test.jsonl", lines)
    return folder


def outcomes(runs: list[Path], manifests: list[Path]) -> list[Score | Failure]:
    paths = ([str(run) for run in runs], [str(manifest) for manifest in manifests])
    scored = score_pairs(*paths, DECODER, batch=3, batch_seconds=60.0, device="cpu")
    return [outcome for _, outcome in scored]


def scored(runs: list[Path], manifests: list[Path]) -> Iterator[Score]:
    for outcome in outcomes(runs, manifests):
        assert isinstance(outcome, Score), outcome
        yield outcome


def failed(runs: list[Path], manifests: list[Path]) -> str:
    (outcome,) = outcomes(runs, manifests)
    assert isinstance(outcome, Failure)
    return str(outcome.error)


def test_result_describes_run_model_and_test_set(tmp_path: Path, corpus: Path):
    write_run(tmp_path / "run", key="abc", seed=7)
    manifest = corpus / "test.jsonl"
    (score,) = scored([tmp_path / "run"], [manifest])
    folder = tmp_path / "run" / "eval" / "corpus-test-greedy"
    result, heard = (
        read_result(folder / "result.json"),
        read_hypotheses(folder / "hypotheses.jsonl"),
    )
    assert result == score.result
    assert (result.run_key, result.group_key, result.seed) == ("abc", "group-abc", 7)
    assert (result.corpus, result.split, result.experiment) == ("corpus", "test", "tiny")
    assert (result.manifest_sha256, result.utterances) == (sha256(manifest), 4)
    assert result.seconds == pytest.approx(0.6 * 4 + 2, abs=1e-3)
    assert (result.method, result.block, result.sparsity) == ("dense", None, 0.0)
    weights = load_trained(tmp_path / "run").model.state_dict().values()
    assert result.bytes == 4 * sum(w.numel() for w in weights if w.is_floating_point())
    assert [one.reference for one in heard] == ["one", "two \u00e9", "", "four four"]
    counts = pool(word_counts([one.reference for one in heard], [one.text for one in heard]))
    assert (result.hits, result.insertions) == (counts.hits, counts.insertions)
    assert result.wer == counts.rate
    assert result.char_hits + result.char_substitutions + result.char_deletions == 3 + 5 + 0 + 9
    assert result.rtf > 0
    assert result.device == "cpu"
    assert score.notices == ("1 characters outside the vocabulary, all errors: '\u00e9' x1",)


def test_what_the_model_hears_scores_zero_and_one_wrong_word_counts(tmp_path: Path, corpus: Path):
    trained = write_run(tmp_path / "run")
    lines = read_manifest(corpus / "test.jsonl")
    heard = recognise(trained, lines, DECODER, batch=1, batch_seconds=9.0).hypotheses
    right = [replace(u, text=h.text) for u, h in zip(lines, heard, strict=True)]
    write_manifest(corpus / "right.jsonl", right)
    write_manifest(
        corpus / "wrong.jsonl", [replace(right[0], text=right[0].text + " no"), *right[1:]]
    )
    good, bad = scored([tmp_path / "run"], [corpus / "right.jsonl", corpus / "wrong.jsonl"])
    assert (good.result.wer, good.result.cer) == (0.0, 0.0)
    assert not good.result.collapsed
    words = sum(len(h.text.split()) for h in heard) + 1
    assert bad.result.wer == 1 / words
    assert (bad.result.deletions, bad.result.char_deletions) == (1, 3)


def test_a_silent_model_is_collapsed(tmp_path: Path, corpus: Path):
    trained = write_run(tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["state_dict"]["model.output.bias"][0] = 1e4
    torch.save(checkpoint, path)
    (score,) = scored([tmp_path / "run"], [corpus / "test.jsonl"])
    assert (score.result.cer, score.result.wer, score.result.collapsed) == (1.0, 1.0, True)
    assert trained.vocabulary.decode([]) == ""


def judged_by(run: Path, validation_cer: float, *, without: str | None = None) -> None:
    """Best weights of this validation CER; of the matrix `without` none is left."""
    path = run / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path, weights_only=True) | {"validation_cer": validation_cer}
    if without is not None:
        checkpoint["state_dict"][without].zero_()
    torch.save(checkpoint, path)


def test_the_best_weights_are_judged_by_their_validation(tmp_path: Path, corpus: Path):
    trained = write_run(tmp_path / "run")
    lines = read_manifest(corpus / "test.jsonl")
    heard = recognise(trained, lines, DECODER, batch=1, batch_seconds=9.0).hypotheses
    right = corpus / "right.jsonl"
    write_manifest(right, [replace(u, text=h.text) for u, h in zip(lines, heard, strict=True)])
    judged_by(tmp_path / "run", 0.96)
    (score,) = scored([tmp_path / "run"], [right])
    assert (score.result.cer, score.result.collapsed) == (0.0, True)
    judged_by(tmp_path / "run", 0.2)
    (score,) = scored([tmp_path / "run"], [corpus / "test.jsonl"])
    assert score.result.cer > 0.95
    assert not score.result.collapsed
    judged_by(tmp_path / "run", 0.2, without="model.recurrent.layers.0.left_to_right.weight_hh_l0")
    (score,) = scored([tmp_path / "run"], [corpus / "test.jsonl"])
    assert score.result.collapsed


def test_a_bad_run_or_manifest_does_not_stop_the_others(tmp_path: Path, corpus: Path):
    write_run(tmp_path / "good")
    write_run(tmp_path / "unsaved")
    (tmp_path / "unsaved" / "checkpoints" / "best.ckpt").unlink()
    runs = [tmp_path / "absent", tmp_path / "unsaved", tmp_path / "good"]
    got = outcomes(runs, [corpus / "none.jsonl", corpus / "test.jsonl"])
    messages = [str(o.error) if isinstance(o, Failure) else "scored" for o in got]
    assert len(messages) == 4
    assert "expected a run folder" in messages[0]
    assert "best.ckpt or last.ckpt" in messages[1]
    assert "no such file" in messages[2]
    assert messages[3] == "scored"


def test_memory_that_runs_out_does_not_stop_the_others(tmp_path: Path, corpus: Path, monkeypatch):
    full = [tmp_path / "full"]

    def recognise_unless_full(trained, *arguments, **options):
        if full.pop() if full else None:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9 GiB.")
        return recognise(trained, *arguments, **options)

    monkeypatch.setattr("asr.evaluation.score.recognise", recognise_unless_full)
    for name in ("full", "fits"):
        write_run(tmp_path / name)
    first, second = outcomes([tmp_path / "full", tmp_path / "fits"], [corpus / "test.jsonl"])
    assert isinstance(first, Failure)
    assert "full: expected to fit into memory, got out of memory; batches of up to 3" in str(
        first.error
    )
    assert isinstance(second, Score)


def test_a_manifest_above_the_working_directory_is_called_by_its_folder(
    tmp_path: Path, corpus: Path, monkeypatch
):
    write_run(tmp_path / "run")
    (corpus / "below").mkdir()
    monkeypatch.chdir(corpus / "below")
    (score,) = scored([tmp_path / "run"], [Path("../test.jsonl")])
    assert (score.result.corpus, score.result.split) == ("corpus", "test")


def test_a_checkpoint_of_another_schema_or_damaged(tmp_path: Path, corpus: Path):
    write_run(tmp_path / "run")
    path = tmp_path / "run" / "checkpoints" / "best.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["recogniser"]["schema"] = 99
    torch.save(checkpoint, path)
    assert "got schema 99" in failed([tmp_path / "run"], [corpus / "test.jsonl"])
    path.write_bytes(path.read_bytes()[:5000])
    assert "damaged" in failed([tmp_path / "run"], [corpus / "test.jsonl"])
    assert not (tmp_path / "run" / "eval").exists()


def test_scoring_again_replaces_only_the_same_runs_result(tmp_path: Path, corpus: Path):
    write_run(tmp_path / "run")
    manifest = corpus / "test.jsonl"
    (first,) = scored([tmp_path / "run"], [manifest])
    (second,) = scored([tmp_path / "run"], [manifest])
    assert second.result.wer == first.result.wer
    write_manifest(manifest, read_manifest(manifest)[:2])
    (third,) = scored([tmp_path / "run"], [manifest])
    assert third.notices[0].startswith("the manifest has changed")
    path = tmp_path / "run" / "eval" / "corpus-test-greedy" / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "run_key": "other"}))
    before = path.read_text()
    assert "got one of run other" in failed([tmp_path / "run"], [manifest])
    assert path.read_text() == before
    path.write_text(json.dumps({"schema": 0}))
    (fourth,) = scored([tmp_path / "run"], [manifest])
    assert fourth.notices[0].endswith("could not be read, got schema 0")


def test_a_folder_that_cannot_be_written_is_told_before_the_work(tmp_path: Path, corpus: Path):
    write_run(tmp_path / "run")
    (corpus / "0.wav").unlink()  # which the work would stumble on
    (tmp_path / "run" / "eval").write_text("in the way")
    message = failed([tmp_path / "run"], [corpus / "test.jsonl"])
    assert "expected a file that can be written, got one below the file " in message


def test_an_unfinished_run_is_scored_and_said_to_be_one(tmp_path: Path, corpus: Path):
    write_run(tmp_path / "run")
    status = tmp_path / "run" / "status.json"
    status.write_text(json.dumps({**json.loads(status.read_text()), "state": "preempted"}))
    (score,) = scored([tmp_path / "run"], [corpus / "test.jsonl"])
    assert score.notices[0] == "the run is not done, its state is 'preempted'"


def test_test_sets_default_to_those_of_the_run(tmp_path: Path, corpus: Path):
    write_run(tmp_path / "run")
    assert "none under data.test" in failed([tmp_path / "run"], [])
    config = {"data": {"test": [str(corpus / "test.jsonl")]}}
    (tmp_path / "run" / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
    (score,) = scored([tmp_path / "run"], [])
    assert score.result.split == "test"


def test_references_without_a_word_have_no_rate(tmp_path: Path, corpus: Path):
    write_run(tmp_path / "run")
    lines = [replace(line, text="...") for line in read_manifest(corpus / "test.jsonl")]
    write_manifest(corpus / "test.jsonl", lines)
    message = failed([tmp_path / "run"], [corpus / "test.jsonl"])
    assert "4 utterances, all with an empty text" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"folders": []}, "at least one run folder"),
        ({"batch": 0}, "batch 0"),
        ({"batch_seconds": math.nan}, "batch_seconds nan"),
        ({"manifests": ["a/test.jsonl", "b/a/test.jsonl"]}, "a-test twice"),
        ({"manifests": ["a/b-test.jsonl", "a-b/test.jsonl"]}, "a-b-test twice"),
    ],
)
def test_what_no_pair_can_be_scored_with(change: dict[str, object], message: str):
    given = {"folders": ["r"], "manifests": [], "batch": 1, "batch_seconds": 1.0, "device": "cpu"}
    with pytest.raises(InputError, match=message):
        list(score_pairs(decoder=DECODER, **(given | change)))


def test_a_device_that_is_not_there(tmp_path: Path, corpus: Path):
    write_run(tmp_path / "run")
    for device in ("cuda:77", "gpu"):
        runs, sets = [str(tmp_path / "run")], [str(corpus / "test.jsonl")]
        ((_, outcome),) = score_pairs(
            runs, sets, DECODER, batch=1, batch_seconds=1.0, device=device
        )
        assert isinstance(outcome, Failure)
        assert "an accelerator that torch finds here" in str(outcome.error)


def test_a_gpu_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"GPU {device.index}")
    weight = SimpleNamespace(device=torch.device("cuda", 1))
    model = cast(Any, SimpleNamespace(parameters=lambda: iter([weight])))
    assert device_of(model) == "cuda (GPU 1)"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_a_result_names_the_gpu_that_it_is_of(tmp_path: Path, corpus: Path):
    write_run(tmp_path / "run")
    paths = [str(tmp_path / "run")], [str(corpus / "test.jsonl")]
    ((_, outcome),) = score_pairs(*paths, DECODER, batch=3, batch_seconds=60.0, device="cuda")
    assert isinstance(outcome, Score)
    assert outcome.result.device == f"cuda ({torch.cuda.get_device_name()})"
