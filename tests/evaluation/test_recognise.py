from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
import torch

from asr.audio import read
from asr.checkpoint import TrainedModel
from asr.data.manifest import Utterance
from asr.decoding.greedy import GreedyDecoder
from asr.errors import InputError
from asr.evaluation.recognise import Recognition, recognise
from tests.finished_run import blueprint, talkative, write_audio

SECONDS = (2.0, 0.3, 1.1, 0.01, 1.7, 0.6)


@pytest.fixture(scope="module")
def trained() -> TrainedModel:
    return talkative(blueprint().build())


@pytest.fixture(scope="module")
def utterances(tmp_path_factory: pytest.TempPathFactory) -> list[Utterance]:
    folder = tmp_path_factory.mktemp("audio")
    return [
        Utterance(f"{i}", str(write_audio(folder / f"{i}.wav", s, seed=i)), s, "A na\u00efve Text.")
        for i, s in enumerate(SECONDS)
    ]


def run(trained: TrainedModel, utterances: list[Utterance], batch: int = 4) -> Recognition:
    return recognise(trained, utterances, GreedyDecoder(), batch=batch, batch_seconds=100.0)


def test_texts_are_those_of_each_utterance_alone_in_the_manifests_order(trained, utterances):
    recognition = run(trained, utterances)
    assert [heard.id for heard in recognition.hypotheses] == ["0", "1", "2", "3", "4", "5"]
    for utterance, heard in zip(utterances, recognition.hypotheses, strict=True):
        waveform, _ = read(utterance.audio)
        features = trained.features(torch.from_numpy(waveform))
        with torch.no_grad():
            log_probs, frames = trained.model(features[None], torch.tensor([features.shape[1]]))
        best = log_probs[: frames[0], 0].argmax(-1).unique_consecutive()
        text = trained.vocabulary.decode([label for label in best.tolist() if label])
        assert heard.text == " ".join(text.split())
        assert heard.seconds == utterance.seconds
    assert len({heard.text for heard in recognition.hypotheses}) == len(utterances)


@pytest.mark.parametrize(("batch", "batch_seconds"), [(1, 100.0), (6, 100.0), (6, 0.5)])
def test_batching_changes_no_text(trained, utterances, batch, batch_seconds):
    other = recognise(
        trained, utterances, GreedyDecoder(), batch=batch, batch_seconds=batch_seconds
    )
    for left, right in zip(run(trained, utterances).hypotheses, other.hypotheses, strict=True):
        assert left.text == right.text
        assert left.score == pytest.approx(right.score, abs=1e-3)


def test_less_than_one_window_of_audio_is_not_dropped(trained, utterances):
    recognition = run(trained, [replace(utterances[3], seconds=0.01)])
    assert len(recognition.hypotheses) == 1


def test_references_are_normalised_and_keep_what_the_vocabulary_lacks(trained, utterances):
    recognition = run(trained, utterances)
    assert {heard.reference for heard in recognition.hypotheses} == {"a na\u00efve text"}
    assert recognition.unknown == {"\u00ef": len(utterances)}


def test_offset_and_rate_of_the_file(trained, tmp_path: Path):
    path = str(write_audio(tmp_path / "a.wav", 2.0, rate=8000))
    cut = str(tmp_path / "cut.wav")
    soundfile.write(cut, *read(path, 1.0, 0.9), subtype="FLOAT")
    whole, part, alone, start = run(
        trained,
        [
            Utterance("whole", path, 2.0, "x"),
            Utterance("part", path, 0.9, "x", offset=1.0),
            Utterance("alone", cut, 0.9, "x"),
            Utterance("start", path, 0.9, "x"),
        ],
    ).hypotheses
    assert len(whole.text) > len(part.text) > 3
    assert part.text == alone.text != start.text


def test_all_unreadable_audio_is_named_and_nothing_else_done(trained, utterances, tmp_path: Path):
    missing = [Utterance(f"gone{i}", str(tmp_path / f"{i}.wav"), 1.0, "x") for i in range(3)]
    with pytest.raises(InputError, match=r"got 3 that cannot be read") as caught:
        run(trained, [*utterances, *missing])
    assert all(f"gone{i}: no such file" in str(caught.value) for i in range(3))
    bad = []
    for index in range(25):
        (tmp_path / f"{index}.wav").write_bytes(b"RIFF no audio at all")
        bad.append(Utterance(f"bad{index}", str(tmp_path / f"{index}.wav"), 1.0, "x"))
    with pytest.raises(InputError, match=r"got 25 that cannot(.|\n)*and 5 more"):
        run(trained, [*bad, *utterances])


def test_a_diverged_model_is_refused(utterances):
    diverged = talkative(blueprint().build())
    with torch.no_grad():
        diverged.model.output.bias.fill_(float("nan"))
    with pytest.raises(InputError, match="NaN or infinity for 6 utterances"):
        run(diverged, utterances)
