import math
from pathlib import Path

import numpy as np
import pytest

from asr.data.manifest import Utterance, write_manifest
from asr.errors import InputError
from asr.statistics.subgroups import by_duration, by_frequency, by_speaker, by_speaking_rate
from asr.statistics.system import System
from asr.statistics.training_words import training_words
from tests.statistics.systems import system

REFERENCES = ["the cat", "the dog sat", "a cat", "the owl sat down", "", "a dog"]
A = ["the cat", "the dog sat", "a hat", "the owl sat down", "", "a dog"]
B = ["the cat", "a dog", "a cat", "the ow sat down", "oh", "a dog so"]
SPEAKERS = ["ann", "bob", "ann", "bob", "ann", ""]
SECONDS = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[System, System]:
    options = {"speakers": SPEAKERS, "seconds": SECONDS}
    a = system(tmp_path, REFERENCES, A, **options)
    return a, system(tmp_path, REFERENCES, B, group="sparse", **options)


def test_by_speaker_by_hand(pair: tuple[System, System]) -> None:
    """Ann: 4 words, 1 error and 1 (inserted); Bob: 7 words, 0 and 3; the last: 2 words, 0 and 1."""
    assert [
        (one.name, one.utterances, one.length, one.rate_a, one.rate_b) for one in by_speaker(*pair)
    ] == [("(unnamed)", 1, 2, 0, 1 / 2), ("bob", 2, 7, 0, 3 / 7), ("ann", 3, 4, 1 / 4, 1 / 4)]


def test_speakers_who_said_nothing_come_last(tmp_path: Path) -> None:
    said, names = ["a b c d", "", "a b c d", "a b"], ["amy", "mia", "zoe", "bob"]
    a = system(tmp_path, said, said, speakers=names)
    heard = ["a b c x", "", "x x x x", "a b"]
    b = system(tmp_path, said, heard, group="sparse", speakers=names)
    assert [one.name for one in by_speaker(a, b)] == ["zoe", "amy", "bob", "mia"]


def test_no_names_no_speakers(tmp_path: Path) -> None:
    a = system(tmp_path, REFERENCES, A)
    assert by_speaker(a, a) == []


def test_thirds_hold_every_utterance_once(pair: tuple[System, System]) -> None:
    for parts in (by_duration(*pair), by_speaking_rate(*pair), by_duration(*pair, "characters")):
        assert sum(part.utterances for part in parts) == 6
    first, second, third = by_duration(*pair)
    assert [first.name, third.name] == ["up to 2.67 s", "over 4.33 s"]
    assert [(one.length, one.rate_a, one.rate_b) for one in (first, second, third)] == [
        (5, 0, 2 / 5),
        (6, 1 / 6, 1 / 6),
        (2, 0, 1),
    ]


def test_speaking_rates_by_hand(pair: tuple[System, System]) -> None:
    """2, 3/2, 2/3, 1, 0 and 1/3 words a second: thirds end at 5/9 and 7/6."""
    first, second, third = by_speaking_rate(*pair)
    assert [first.name, third.name] == ["up to 0.56 words/s", "over 1.17 words/s"]
    assert [(one.length, one.rate_a, one.rate_b) for one in (first, second, third)] == [
        (2, 0, 1),
        (6, 1 / 6, 1 / 6),
        (5, 0, 2 / 5),
    ]


def test_equal_values_are_one_part(tmp_path: Path) -> None:
    a = system(tmp_path, REFERENCES, A, seconds=[2.0] * 6)
    (only,) = by_duration(a, a)
    assert only.utterances == 6
    assert only.to_rest is None


def test_by_frequency_by_hand(pair: tuple[System, System]) -> None:
    trained_on = {"the": 100, "a": 100, "sat": 11, "cat": 10, "dog": 1}
    parts = {part.name: part for part in by_frequency(*pair, trained_on)}
    seen = {name: (p.utterances, p.length, p.rate_a, p.rate_b) for name, p in parts.items()}
    assert seen == {
        # owl, down: b has "ow"
        "out of vocabulary": (1, 2, 0, 1 / 2),
        # cat, dog, cat, dog: a has "hat"
        "rare, 1 to 10": (4, 4, 1 / 4, 0),
        # the, the, sat, a, the, sat, a: b has "a" for "the" and no "sat"
        "common, over 10": (5, 7, 0, 2 / 7),
        "insertions": (6, 13, 0, 2 / 13),
    }
    errors = [part.rate_b * part.length for part in parts.values()]
    assert sum(errors) == pytest.approx(pair[1].word_errors.sum())


def test_beside_the_rest_by_hand(pair: tuple[System, System]) -> None:
    """Ann changes by 0 of 4 words, the others by 4 of 9; they have no error of a's to divide by."""
    ann = by_speaker(*pair)[-1]
    assert ann.to_rest is not None
    assert ann.to_rest.difference.estimate == pytest.approx(-4 / 9)
    assert ann.relative_to_rest is not None
    assert np.isnan(ann.relative_to_rest.difference.estimate)
    # Common words change by 2 of 7, the others by 1 - 1 of 6.
    *words, insertions = by_frequency(*pair, {"the": 100, "a": 100, "sat": 11, "cat": 10, "dog": 1})
    assert words[-1].to_rest is not None
    assert words[-1].to_rest.difference.estimate == pytest.approx(2 / 7)
    assert insertions.to_rest is None


def test_beside_the_rest_relative_to_errors_by_hand(tmp_path: Path) -> None:
    """Ann's 2 errors become 3, bob's 1 becomes 3: b adds a half of a's errors, and twice a's."""
    options = {"speakers": ["ann", "ann", "bob", "bob"]}
    references = ["a b c", "a b", "a b c", "a b"]
    a = system(tmp_path, references, ["a x x", "a b", "x b c", "a b"], **options)
    b = system(tmp_path, references, ["x x x", "a b", "x x x", "a b"], group="sparse", **options)
    bob, ann = by_speaker(a, b)
    assert (bob.name, ann.name) == ("bob", "ann")
    assert ann.relative_to_rest is not None
    assert ann.relative_to_rest.difference.estimate == pytest.approx(1 / 2 - 2 / 1)
    assert bob.relative_to_rest is not None
    assert bob.relative_to_rest.difference.estimate == pytest.approx(2 / 1 - 1 / 2)


def test_words_that_are_lost_are_told_from_those_that_turn_right(tmp_path: Path) -> None:
    """Two seeds of a, of which the second errs in `on`; b errs in `the`, and has `mat` for both."""
    references = ["the cat on the mat"]
    a = system(tmp_path, references, ["the cat on the"], ["the cat the"])
    b = system(tmp_path, references, ["cat on mat"], group="sparse")
    (common, *_) = [
        part
        for part in by_frequency(a, b, {word: 99 for word in references[0].split()})
        if part.name.startswith("common")
    ]
    lost = common.lost
    assert lost is not None
    # a has 4 and 3 words right; b misses `the` twice, and the seeds miss `on` of one another once.
    assert (lost.right, lost.by_b, lost.by_seed) == (3.5, 2.0, 0.5)
    alone = by_frequency(b, a, {"cat": 99})[2].lost
    assert alone is not None
    assert math.isnan(alone.by_seed)


def test_an_interval_of_a_part_is_of_its_utterances(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    references = ["a b c d"] * 80
    wrong = [" ".join(w if rng.random() > 0.3 else "x" for w in r.split()) for r in references]
    hard = [
        text if i % 2 else reference
        for i, (text, reference) in enumerate(zip(wrong, references, strict=True))
    ]
    options = {"speakers": ["easy", "hard"] * 40}
    a = system(tmp_path, references, references, **options)
    b = system(tmp_path, references, hard, group="sparse", **options)
    first, second = by_speaker(a, b)
    assert (first.name, second.name) == ("hard", "easy")
    assert first.difference.low > 0.15
    # Not one error there: no spread, and so no word on other utterances.
    assert second.difference.estimate == 0
    assert np.isnan([second.difference.low, second.difference.high]).all()


def test_training_words_are_written_as_references_are(tmp_path: Path) -> None:
    manifest = tmp_path / "train.jsonl"
    texts = ["The cat's 2 tails!", "the END"]
    write_manifest(manifest, [Utterance("", f"{i}.wav", 1.0, t) for i, t in enumerate(texts)])
    assert training_words(manifest, "basic") == {
        "the": 2,
        "cat's": 1,
        "two": 1,
        "tails": 1,
        "end": 1,
    }
    assert training_words(manifest, "basic-de")["zwei"] == 1
    with pytest.raises(InputError, match="basic, or basic-LANGUAGE"):
        training_words(manifest, "whisper")
