"""What the loaders deliver: within the budget, at the planned lengths, everything once."""

import json
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

import asr.data.loader
from asr.data.batch import Batch
from asr.data.datamodule import SpeechData
from asr.data.dataset import load_waveform
from asr.data.loader import ResumableLoader
from asr.errors import InputError
from asr.features.augmentation import Augmentation
from asr.features.speed import SpeedPerturbation
from tests.tones import RATE, sound
from tests.training.in_process import LETTERS, PLAIN, blueprint, speech_data

SPEEDS = Augmentation(SpeedPerturbation([0.7, 0.9, 1.0, 1.1, 1.4]), (), ())


def corpus(folder: Path, *texts: str, **changed: Any) -> Path:
    """The same lines for training and validation; `changed` goes into every row."""
    generator = np.random.default_rng(0)
    rows = []
    for index, text in enumerate(texts):
        waveform = sound("".join(c if c in "abcd " else "a" for c in text), generator)
        soundfile.write(folder / f"{index}.wav", waveform, RATE)
        row = {"audio_filepath": f"{index}.wav", "duration": len(waveform) / RATE, "text": text}
        rows.append(json.dumps(row | changed) + "\n")
    for split in ("train", "validation"):
        (folder / f"{split}.jsonl").write_text("".join(rows), encoding="utf-8")
    return folder


def ready(data: SpeechData, augmentation: Augmentation = PLAIN) -> SpeechData:
    """As in a training on one process."""
    data.use(blueprint(data).build(), augmentation)
    data.trainer = SimpleNamespace(global_rank=0, world_size=1, current_epoch=0)  # type: ignore[assignment]
    return data


def batches(loader: ResumableLoader, epoch: int = 0) -> list[Batch]:
    loader.sampler.set_epoch(epoch)
    return list(loader)


def test_speed_perturbed_batches_have_the_planned_lengths_within_the_budget(tones: Path) -> None:
    data = ready(speech_data(tones), SPEEDS)
    budget = data.trained.features.frames(round(4.0 * RATE))
    for epoch in (0, 1, 2):
        planned = data.train_lengths(epoch)
        assert len(set(planned.speeds.tolist())) > 2
        delivered = batches(data.train_dataloader(), epoch)
        for batch in delivered:
            assert batch.frames.tolist() == planned.frames[batch.indices.numpy()].tolist()
            utterances, _, longest = batch.features.shape
            assert longest == batch.frames.max()
            assert utterances * longest <= budget
        seen = [index for batch in delivered for index in batch.indices.tolist()]
        assert sorted(seen) == list(range(len(data.train)))


def test_the_schedule_counts_the_steps_that_the_loader_delivers(tones: Path) -> None:
    data = ready(speech_data(tones), SPEEDS)
    counts = [len(batches(data.train_dataloader(), epoch)) for epoch in range(4)]
    assert len(set(counts)) > 1, "epochs of one length only would prove nothing"
    assert data.total_steps(4, 1, 1) == sum(counts)
    assert data.total_steps(4, 3, 1) == sum(-(-count // 3) for count in counts)


def test_a_loader_made_in_a_later_epoch_has_its_length(tones: Path) -> None:
    data = ready(speech_data(tones), SPEEDS)
    counts = []
    for epoch in range(4):
        data.trainer.current_epoch = epoch  # type: ignore[union-attr, misc]
        loader = data.train_dataloader()
        counts.append(len(loader))
        assert len(loader) == len(list(loader))
    assert len(set(counts)) > 1


def test_faster_speech_that_could_not_be_aligned_stays_as_it_is(tmp_path: Path) -> None:
    # 0.12 s a letter are 12 frames and three outputs, at twice the speed one and a half: enough
    # for a label, not for a label and a repeat.
    dense, sparse = "aaaaaaaa", "abcdabcd"
    data = speech_data(corpus(tmp_path, dense, sparse, dense))
    ready(data, Augmentation(SpeedPerturbation([2.0]), (), ()))
    for epoch in (0, 3):
        assert data.train_lengths(epoch).speeds.tolist() == [1.0, 2.0, 1.0]
    (batch,) = batches(data.train_dataloader())
    frames = dict(zip(batch.indices.tolist(), batch.frames.tolist(), strict=True))
    assert frames[0] == frames[2] == data.trained.features.frames(round(0.96 * RATE))
    assert frames[1] == data.trained.features.frames(round(0.48 * RATE))


def test_a_line_that_needs_every_frame_gets_the_frames_of_its_plan(tmp_path: Path) -> None:
    """Its recording lasts 50 ms less than its manifest says, which reading forgives."""
    folder = corpus(tmp_path, "abcdabcdab")
    waveform, rate = soundfile.read(folder / "0.wav")
    soundfile.write(folder / "0.wav", waveform[: -rate // 20], rate)
    data = ready(speech_data(folder), SPEEDS)
    outputs = data.trained.model.output_lengths(data.trained.features.frames(len(waveform)))
    row = json.loads((folder / "train.jsonl").read_text()) | {"text": ("abcd" * 20)[:outputs]}
    (folder / "train.jsonl").write_text(json.dumps(row))
    data = ready(speech_data(folder), SPEEDS)
    (utterance,) = data.train
    speeds = set()
    for epoch in range(20):
        (batch,) = batches(data.train_dataloader(), epoch)
        speeds.add(float(data.train_lengths(epoch).speeds[0]))
        assert batch.frames.tolist() == data.train_lengths(epoch).frames.tolist()
        assert int(data.trained.model.output_lengths(batch.frames)) >= len(utterance.text)
    assert {0.7, 0.9, 1.0} == speeds  # faster, it would have too few


def test_validation_is_every_line_once_and_as_recorded(tmp_path: Path) -> None:
    # Longer than the budget, or outside the vocabulary: training leaves such lines out.
    texts = ["abcd", "a" * 40, "a\u00e9b", "dcba dcba", "b"]
    louder = Augmentation(SPEEDS.speed, (), (lambda features, _: features + 1,))
    data = ready(speech_data(corpus(tmp_path, *texts), max_seconds=4.0, min_seconds=0.3), louder)
    assert [utterance.text for utterance in data.train] == ["abcd", "dcba dcba"]
    for _ in range(2):
        delivered = batches(data.val_dataloader())
        seen = [index for batch in delivered for index in batch.indices.tolist()]
        assert sorted(seen) == [0, 1, 2, 3, 4]
        for batch in delivered:
            samples = [round(0.12 * len(texts[index]) * RATE) for index in batch.indices.tolist()]
            assert batch.frames.tolist() == list(map(data.trained.features.frames, samples))
            first = data.validation[int(batch.indices[0])]
            plain = data.trained.features(load_waveform(first, RATE))
            assert torch.equal(batch.features[0, :, : batch.frames[0]], plain)


def test_what_is_left_out_is_counted_and_named(tmp_path: Path) -> None:
    data = speech_data(corpus(tmp_path, "abcd", "a\u00e9b", "a" * 40, "b"), max_seconds=4.0)
    summary = data.use(blueprint(data).build(), PLAIN).summary()
    assert summary.splitlines()[0] == "1 of 4 utterances"
    for told in ("'\u00e9' (1.wav)", "longer than 4 s (2.wav)", "shorter than 0.3 s (3.wav)"):
        assert told in summary


def test_nothing_to_train_on(tmp_path: Path) -> None:
    data = speech_data(corpus(tmp_path, "\u00e9", "\u00e9\u00e9\u00e9"))
    trained = blueprint(data).build()
    with pytest.raises(InputError, match=r"0 of 2 utterances\n.*left out"):
        data.use(trained, PLAIN)


def test_missing_audio_is_named_file_by_file(tmp_path: Path) -> None:
    folder = corpus(tmp_path, "abcd", "dcba", "ab")
    for name in ("0.wav", "2.wav"):
        (folder / name).unlink()
    with pytest.raises(InputError, match="2 that do not") as caught:
        speech_data(folder)
    assert str(folder / "0.wav") in str(caught.value)
    assert str(folder / "2.wav") in str(caught.value)
    assert "1.wav" not in str(caught.value)


def test_truncated_audio_is_named(tmp_path: Path) -> None:
    data = ready(speech_data(corpus(tmp_path, "abcd", "dcba")))
    whole, rate = soundfile.read(tmp_path / "1.wav")
    soundfile.write(tmp_path / "1.wav", whole[: len(whole) // 2], rate)
    with pytest.raises(InputError, match=r"1\.wav: expected 0\.480 s .*got 0\.240 s"):
        batches(data.train_dataloader())


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"train": []}, "data.train="),
        ({"validation": []}, "data.validation="),
        ({"max_batch": 0}, "data.max_batch"),
        ({"batch_seconds": -1.0}, "data.batch_seconds"),
        ({"batch_seconds": float("inf")}, "data.batch_seconds"),
        ({"max_seconds": float("nan")}, "data.max_seconds"),
        ({"statistics_utterances": 0}, "data.statistics_utterances"),
    ],
)
def test_settings_that_cannot_be(tones: Path, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        speech_data(tones, **changes)


def test_features_are_kept_of_both_sets_where_no_epoch_changes_them(
    tones: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = speech_data(tones, keep_gigabytes=1.0)
    with pytest.raises(InputError, match=r"hardware\.keep_gigabytes: expected an augmentation"):
        data.use(blueprint(data).build(), SPEEDS)
    ready(data)
    sets = (data.train_dataloader(), data.val_dataloader())
    first = [batches(loader) for loader in sets]
    monkeypatch.setattr(data.trained.features, "forward", None)  # not needed any more
    for before, loader in zip(first, sets, strict=True):
        again = batches(loader)
        assert len(again) == len(before)
        assert all(torch.equal(a.features, b.features) for a, b in zip(again, before, strict=True))


def test_a_budget_below_the_longest_utterance(tones: Path) -> None:
    data = ready(speech_data(tones, batch_seconds=0.4))
    with pytest.raises(InputError, match=r"data\.batch_seconds"):
        data.total_steps(1, 1, 1)


def test_validation_without_a_word(tmp_path: Path) -> None:
    folder = corpus(tmp_path, "abcd")
    row = json.loads((folder / "validation.jsonl").read_text()) | {"text": " ... "}
    (folder / "validation.jsonl").write_text(json.dumps(row))
    with pytest.raises(InputError, match="texts to compare with"):
        speech_data(folder)


def test_statistics_are_those_of_the_drawn_utterances(tones: Path) -> None:
    data = speech_data(tones, statistics_utterances=5)
    features = blueprint(data, LETTERS).build().features
    ours = data.feature_statistics(features)
    again = speech_data(tones, statistics_utterances=5).feature_statistics(features)
    other = speech_data(tones, statistics_utterances=5, seed=2).feature_statistics(features)
    assert ours == again != other
    every = speech_data(tones, statistics_utterances=1000).feature_statistics(features)
    seconds = [u.seconds for u in data.all_train if 0.3 <= u.seconds <= 15.0]
    assert every.frames == sum(features.frames(round(each * RATE)) for each in seconds)


def test_statistics_never_read_a_line_of_another_length(tmp_path: Path) -> None:
    """A line of two hours, which training leaves out, would be read whole, and is no audio."""
    texts = ["abcd", "dcba dcba", "abab", "cdcd cd"]
    folder = corpus(tmp_path, *texts)
    plain = speech_data(folder, statistics_utterances=3)
    features = blueprint(plain, LETTERS).build().features
    for name, seconds in (("long.wav", 7200.0), ("short.wav", 0.2)):
        (folder / name).write_text("no audio")
        row = {"audio_filepath": name, "duration": seconds, "text": "a"}
        with open(folder / "train.jsonl", "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        data = speech_data(folder, statistics_utterances=1000)
        assert data.feature_statistics(features) == speech_data(
            corpus(tmp_path, *texts), statistics_utterances=1000
        ).feature_statistics(features)
    # Where every length is legal the drawn lines are the permutation's first.
    drawn = np.random.default_rng(plain.seed).permutation(4)[:3]
    frames = [features.frames(round(0.12 * len(texts[index]) * RATE)) for index in drawn]
    assert plain.feature_statistics(features).frames == sum(frames)
    with pytest.raises(InputError, match="an utterance of 5 to 6 s, got 4 that are shorter"):
        speech_data(folder, min_seconds=5.0, max_seconds=6.0).feature_statistics(features)


def test_a_worker_is_born_deaf_to_sigterm(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scheduler's signal to all processes may come before a worker can tell whose it is."""
    start, told = asr.data.loader._start_worker, tmp_path / "told"

    def starting(parent: int, worker: int) -> None:
        told.write_text(str(signal.SIGTERM in signal.pthread_sigmask(signal.SIG_BLOCK, [])))
        start(parent, worker)

    monkeypatch.setattr(asr.data.loader, "_start_worker", starting)
    assert batches(ready(speech_data(tones, workers=1)).train_dataloader())
    assert told.read_text() == "True"
    assert signal.SIGTERM not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
