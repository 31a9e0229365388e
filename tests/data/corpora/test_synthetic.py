"""The synthetic corpus: honest splits, the same bytes at every run, speech CTC can align."""

import re
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
import pytest

from asr.audio import read
from asr.data.corpora import synthetic
from asr.data.corpora.sentences import VOCABULARY, WORDS, sentences
from asr.data.corpora.synthetic import plan, trim
from asr.errors import InputError
from asr.files import sha256
from asr.text import labels_and_repeats

SMALL = ("--minutes", 0.2, "--test-lines", 4, "--validation-lines", 3)


def hashes(folder: Path) -> dict[str, str]:
    return {path.name: sha256(path) for path in folder.rglob("*.flac")}


def test_the_default_splits_share_no_sentence_and_no_voice():
    lines = {
        split: list(islice(plan(split, seed=0), count))
        for split, count in (("train", 1300), ("validation", 200), ("test", 320))
    }
    texts = {split: {line.text for line in some} for split, some in lines.items()}
    voices = {split: {line.voice.name for line in some} for split, some in lines.items()}
    for one, other in (("train", "test"), ("train", "validation"), ("validation", "test")):
        assert not texts[one] & texts[other]
        assert not voices[one] & voices[other]
    assert len(texts["test"]) == 320
    assert len(texts["validation"]) == 200


def test_the_default_test_lines_hold_150_words_which_train_repeats():
    spoken = Counter(word for line in islice(plan("train", 0), 1300) for word in line.text.split())
    tested = {word for line in islice(plan("test", 0), 320) for word in line.text.split()}
    assert len(tested) >= 150
    assert 150 <= len(VOCABULARY) <= 250
    assert tested <= VOCABULARY
    assert min(spoken[word] for word in tested) >= 5


def test_every_accent_is_heard_in_every_split():
    for split, count in (("train", 1300), ("validation", 200), ("test", 320)):
        accents = {line.voice.name.split("+")[0] for line in islice(plan(split, 0), count)}
        assert accents == set(synthetic.ACCENTS)


@pytest.mark.parametrize("option", ["--test-lines", "--validation-lines"])
def test_a_number_of_lines_below_one_is_refused(options, option, capsys):
    with pytest.raises(SystemExit):
        options(synthetic, option, -1)
    assert f"argument {option}: expected a whole number above 0" in capsys.readouterr().err


def test_sentences_are_plain_words_of_the_vocabulary():
    for split in ("train", "validation", "test"):
        for sentence in islice(sentences(split, Random(1)), 500):
            words = sentence.split()
            assert len(words) in WORDS
            assert set(words) <= VOCABULARY
            assert not re.search(r"\ba [aeiou]", sentence)


def test_trim_keeps_the_margin_and_no_more():
    sound = np.concatenate([np.zeros(50), np.ones(10), np.zeros(5), np.ones(10), np.zeros(3)])
    trimmed = trim(sound, margin=20)
    assert len(trimmed) == 20 + 25 + 3
    assert trimmed[20] == 1.0 == trimmed[-4]


def test_without_espeak_the_error_says_what_to_install(monkeypatch, options, tmp_path):
    monkeypatch.setitem(sys.modules, "espeakng_loader", None)
    with pytest.raises(InputError, match=r"pip install -e '\.\[demo\]'"):
        synthetic.prepare(options(synthetic, *SMALL, "--jobs", 1), tmp_path)


class TestSpoken:
    """What needs eSpeak."""

    @pytest.fixture(autouse=True)
    def espeak(self) -> None:
        pytest.importorskip("espeakng_loader", reason="needs eSpeak: pip install -e '.[demo]'")

    def test_what_was_spoken_before_does_not_matter(self):
        from asr.data.corpora.espeak import Voice, speak

        # The first is a voice with breath, which is noise of eSpeak's own.
        voices = [Voice("en-us+f2", 150, 50, 50), Voice("en-029+m1", 120, 40, 60)]
        first = [speak("one two three", voice) for voice in voices]
        speak("the tall king walked home", Voice("en+f5", 140, 50, 50))
        again = [speak("one two three", voice) for voice in reversed(voices)]
        for (samples, rate), (same, _) in zip(first, reversed(again), strict=True):
            assert rate == 22_050
            assert 0.01 < np.abs(samples).max() <= 1
            np.testing.assert_array_equal(samples, same)

    def test_every_voice_sounds_of_its_own(self):
        from asr.data.corpora.espeak import Voice, speak

        # eSpeak falls back to the plain voice for a variant it does not have.
        variants = ["", *(f"+{name}" for some in synthetic.VARIANTS.values() for name in some)]
        spoken = [
            speak("half a bath of hot butter", Voice(f"{accent}{variant}", 150, 50, 50))[
                0
            ].tobytes()
            for accent in synthetic.ACCENTS
            for variant in variants
        ]
        assert len(set(spoken)) == len(spoken)

    def test_a_voice_that_does_not_exist_is_an_input_error(self):
        from asr.data.corpora.espeak import Voice, speak

        with pytest.raises(InputError, match="xx"):
            speak("hello", Voice("xx", 150, 50, 50))

    def test_utterances_are_sixteen_kilohertz_as_long_as_stated_and_alignable(
        self, options, tmp_path
    ):
        splits = synthetic.prepare(options(synthetic, *SMALL, "--jobs", 1), tmp_path)
        assert len(splits["test"]) == 4
        assert len(splits["validation"]) == 3
        assert sum(utterance.seconds for utterance in splits["train"]) >= 12
        for utterance in (one for some in splits.values() for one in some):
            waveform, rate = read(utterance.audio)
            assert rate == 16_000
            assert len(waveform) == pytest.approx(utterance.seconds * rate)
            assert 0.19 < np.abs(waveform).max() < 0.91
            assert utterance.seconds / 0.04 > labels_and_repeats(utterance.text)

    def test_one_process_or_two_make_the_same_bytes(self, options, tmp_path):
        alone, shared = tmp_path / "alone", tmp_path / "shared"
        one = synthetic.prepare(options(synthetic, *SMALL, "--jobs", 1), alone)
        two = synthetic.prepare(options(synthetic, *SMALL, "--jobs", 2), shared)
        assert hashes(alone) == hashes(shared)
        assert [u.text for u in one["train"]] == [u.text for u in two["train"]]
        assert [u.seconds for u in one["train"]] == [u.seconds for u in two["train"]]

    def test_another_seed_is_another_corpus(self):
        one, other = (list(islice(plan("train", seed), 50)) for seed in (0, 1))
        assert not set(one) & set(other)

    def test_a_second_run_makes_only_what_is_missing(self, options, tmp_path):
        arguments = options(synthetic, *SMALL, "--jobs", 1)
        first = synthetic.prepare(arguments, tmp_path)
        before = hashes(tmp_path)
        times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.flac")}
        lost = Path(first["train"][5].audio)
        lost.unlink()
        assert synthetic.prepare(arguments, tmp_path) == first
        assert hashes(tmp_path) == before
        made = {path for path in times if path.stat().st_mtime_ns != times[path]}
        assert made == {lost}
