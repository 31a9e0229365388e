"""Spoken digits: upstream's split, strings of one speaker, every recording used."""

from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
import pytest
import soundfile

from asr.audio import probe, read
from asr.data.corpora import fsdd
from asr.data.corpora.fsdd import find_recordings, join, splice
from asr.errors import InputError

TAKES = range(12)
SPEAKERS = ("anna", "ben")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """Recordings that are constants, so that a sound says which recordings it was joined from."""
    folder = tmp_path / "clone" / "recordings"
    folder.mkdir(parents=True)
    for number, speaker in enumerate(SPEAKERS):
        for digit in range(10):
            for take in TAKES:
                level = (1 + 20 * digit + take + 500 * number) / 1000
                samples = np.full(800 + 10 * digit, level)
                soundfile.write(folder / f"{digit}_{speaker}_{take}.wav", samples, 8000)
    return folder.parent


def test_takes_below_five_test_and_below_ten_validate(clone):
    takes = {}
    for recording in find_recordings(clone):
        takes.setdefault(recording.split, set()).add(recording.take)
    assert takes == {"test": set(range(5)), "validation": set(range(5, 10)), "train": {10, 11}}


def test_a_string_is_its_recordings_and_the_silences_between_them(clone, options, tmp_path):
    arguments = options(fsdd, "--source", clone, "--strings-per-split", 8, 8, 60)
    splits = fsdd.prepare(arguments, tmp_path)
    assert {split: len(some) for split, some in splits.items()} == {
        "train": 8,
        "validation": 8,
        "test": 60,
    }
    for split, takes in (("train", {10, 11}), ("validation", range(5, 10)), ("test", range(5))):
        for utterance in splits[split]:
            waveform, rate = read(utterance.audio)
            assert rate == 8000
            assert len(waveform) / rate == pytest.approx(utterance.seconds)
            levels = np.round(waveform * 1000).astype(int)
            runs = np.split(levels, np.flatnonzero(np.diff(levels)) + 1)
            spoken = [run[0] - 1 - 500 * SPEAKERS.index(utterance.speaker) for run in runs[::2]]
            assert " ".join(fsdd.DIGITS[level // 20] for level in spoken) == utterance.text
            assert {level % 20 for level in spoken} <= set(takes)
            assert 3 <= len(spoken) <= 7
            assert not any(run.any() for run in runs[1::2])
            assert all(400 <= len(run) <= 1600 for run in runs[1::2])


def test_splice_by_hand():
    joined = splice([np.array([1.0, 2.0]), np.array([3.0])], [0.5], rate=4)
    np.testing.assert_array_equal(joined, [1, 2, 0, 0, 3])


def test_no_recording_comes_twice_before_all_have_come_once(clone):
    recordings = [one for one in find_recordings(clone) if one.split == "test"]
    strings = list(islice(join(recordings, (3, 7), Random(3)), 60))
    uses = Counter(recording for string in strings for recording in string.recordings)
    assert set(uses) == set(recordings)
    for speaker in SPEAKERS:
        counts = [uses[recording] for recording in recordings if recording.speaker == speaker]
        assert max(counts) - min(counts) <= 1
    for string in strings:
        assert len({recording.speaker for recording in string.recordings}) == 1
        assert len(string.silences) == len(string.recordings) - 1
        assert all(0.05 <= seconds <= 0.2 for seconds in string.silences)


def test_the_same_seed_joins_the_same_strings_and_keeps_the_files(clone, options, tmp_path):
    arguments = options(fsdd, "--source", clone, "--strings-per-split", 6, 6, 40)
    first = fsdd.prepare(arguments, tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*/*.flac")}
    lost = Path(first["test"][3].audio)
    content = lost.read_bytes()
    lost.unlink()
    assert fsdd.prepare(arguments, tmp_path) == first
    assert lost.read_bytes() == content
    assert {path for path in times if path.stat().st_mtime_ns != times[path]} == {lost}
    other = options(fsdd, "--source", clone, "--strings-per-split", 6, 6, 40, "--seed", 1)
    assert fsdd.prepare(other, tmp_path) != first


def test_single_digits_stay_where_they_are(clone, options, tmp_path):
    splits = fsdd.prepare(options(fsdd, "--source", clone, "--single"), tmp_path / "out")
    assert {split: len(some) for split, some in splits.items()} == {
        "train": 40,
        "validation": 100,
        "test": 100,
    }
    assert not (tmp_path / "out").exists()
    seven = next(one for one in splits["test"] if one.id == "7_ben_3.wav")
    assert (seven.text, seven.speaker, seven.seconds) == ("seven", "ben", 870 / 8000)


def test_recordings_that_no_string_uses_are_counted(clone, options, tmp_path, capsys):
    fsdd.prepare(options(fsdd, "--source", clone, "--strings-per-split", 8, 60, 1), tmp_path)
    assert "fsdd test: 9" in capsys.readouterr().err  # 100 less one string of 3 to 7


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda clone: clone.rename(clone.parent / "gone"), "no such folder"),
        (lambda clone: (clone / "recordings" / "x.wav").touch(), "digit, speaker, take"),
        (
            lambda clone: [path.unlink() for path in (clone / "recordings").glob("*_[0-4].wav")],
            "none for test",
        ),
        (
            lambda clone: soundfile.write(
                clone / "recordings" / "0_anna_0.wav", np.ones(1600), 16_000
            ),
            r"\[8000, 16000\] Hz",
        ),
    ],
)
def test_what_is_wrong_with_the_clone_is_said(clone, options, tmp_path, spoil, message):
    spoil(clone)
    with pytest.raises(InputError, match=message):
        fsdd.prepare(options(fsdd, "--source", clone, "--strings-per-split", 1, 1, 60), tmp_path)


def test_lengths_the_wrong_way_round_are_an_input_error(clone, options, tmp_path):
    with pytest.raises(InputError, match="least and the most"):
        fsdd.prepare(options(fsdd, "--source", clone, "--string-lengths", 7, 3), tmp_path)


def test_a_number_of_strings_below_one_is_refused(clone, options, capsys):
    with pytest.raises(SystemExit):
        options(fsdd, "--source", clone, "--strings-per-split", 1, -1, 1)
    assert "argument --strings-per-split: expected a whole" in capsys.readouterr().err


def test_the_real_digits(shared_data, options, tmp_path):
    source = shared_data / "fsdd"
    arguments = options(fsdd, "--source", source, "--strings-per-split", 30, 30, 125)
    single = fsdd.prepare(options(fsdd, "--source", source, "--single"), tmp_path)
    assert {split: len(some) for split, some in single.items()} == {
        "train": 2400,
        "validation": 300,
        "test": 300,
    }
    splits = fsdd.prepare(arguments, tmp_path)
    assert sum(len(utterance.text.split()) for utterance in splits["test"]) >= 300
    for utterance in splits["test"]:
        assert 3 <= len(utterance.text.split()) <= 7
        assert probe(utterance.audio).sample_rate == 8000
