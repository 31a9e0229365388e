import sys

import numpy as np
import pytest

from asr.decoding.arpa import words_of_model
from asr.decoding.prefix_search import Fusion, Limits, PrefixSearch, Reading
from asr.errors import InputError
from tests.decoding.oracle import MODELS, Arpa, all_texts, random_log_probs

pytest.importorskip("ctc_beam_decoder", reason="needs the extra lm")

WIDE = Limits(beam=100_000, prefix=-1e9, label=-30.0)
ARPA = MODELS / "words.arpa"
CHARACTERS = ("", " ", "a", "b")
VOCABULARIES = {
    "characters": CHARACTERS,
    "no space": ("", "a", "b"),
    "unicode": ("", " ", "\u00e9", "\u65e5"),
    "pieces that begin words": ("", " a", "b", " b"),
    "a piece of a space alone": ("", " a", "b", " "),
    "pieces that spell alike": ("", " a", "ab", "b"),
}


def scores(readings: list[Reading]) -> dict[str, float]:
    found = {" ".join(reading.words): reading.score for reading in readings}
    assert len(found) == len(readings)
    return found


@pytest.mark.parametrize("texts", VOCABULARIES.values(), ids=VOCABULARIES.keys())
@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_a_wide_beam_finds_every_text_with_the_sum_over_its_alignments(texts, frames):
    log_probs = random_log_probs(frames, len(texts), np.random.default_rng(frames))
    found = PrefixSearch(texts, None).readings(log_probs, WIDE)
    assert scores(found) == pytest.approx(all_texts(log_probs, texts), abs=1e-5)
    assert [r.score for r in found] == sorted((r.score for r in found), reverse=True)


@pytest.mark.parametrize("model", ["words.arpa", "words.kenlm"])
@pytest.mark.parametrize(
    "name", ["characters", "pieces that begin words", "a piece of a space alone"]
)
def test_fusion_adds_what_the_model_says_wherever_the_space_comes_last(name, model):
    texts, weight, bonus, unknown = VOCABULARIES[name], 0.8, 1.3, -2.0
    known = tuple(words_of_model(MODELS / model))
    search = PrefixSearch(texts, Fusion(MODELS / model, known, weight, bonus, unknown))
    oracle = Arpa(ARPA)
    for frames in (1, 2, 3, 5):
        log_probs = random_log_probs(frames, len(texts), np.random.default_rng(10 + frames))
        expected = {
            text: score + oracle.fused(text, weight, bonus, unknown)
            for text, score in all_texts(log_probs, texts).items()
        }
        found = search.readings(log_probs, WIDE)
        assert scores(found) == pytest.approx(expected, abs=1e-4)
        assert " ".join(found[0].words) == max(expected, key=expected.__getitem__)


@pytest.mark.parametrize("model", [None, ARPA])
def test_a_lexicon_leaves_exactly_the_texts_of_its_words(model):
    words, weight, bonus = ("ab", "b"), 0.7, 0.4
    oracle = Arpa(ARPA)
    search = PrefixSearch(CHARACTERS, Fusion(model, words, weight if model else 1.0, bonus, None))
    log_probs = random_log_probs(5, 4, np.random.default_rng(3))
    expected = {
        text: score
        + (oracle.fused(text, weight, bonus, 0.0) if model else bonus * len(text.split()))
        for text, score in all_texts(log_probs, CHARACTERS).items()
        if set(text.split()) <= set(words)
    }
    assert len(expected) > 5
    assert scores(search.readings(log_probs, WIDE)) == pytest.approx(expected, abs=1e-4)


def test_a_lexicon_holds_where_the_model_is_sure_of_something_else():
    probabilities = np.full((6, 4), 1e-12, dtype=np.float32)
    probabilities[:, 2] = 1.0  # "a", which is no word
    search = PrefixSearch(CHARACTERS, Fusion(None, ("ab", "b"), 1.0, 0.0, None))
    best = search.readings(np.log(probabilities), Limits(100, -10.0, -5.0))[0]
    assert best.words == ("ab",)
    none = PrefixSearch(CHARACTERS, Fusion(None, ("bbbbbbbbb",), 1.0, 0.0, None))
    assert none.readings(np.log(probabilities), Limits(100, -10.0, -5.0))[0].words == ()


def test_hot_words_add_their_weight_each_time():
    log_probs = random_log_probs(5, 4, np.random.default_rng(4))
    search = PrefixSearch(CHARACTERS, None)
    found = scores(search.readings(log_probs, WIDE, ("ab",), 2.5))
    expected = {
        text: score + 2.5 * text.split().count("ab")
        for text, score in all_texts(log_probs, CHARACTERS).items()
    }
    assert found == pytest.approx(expected, abs=1e-5)


def test_frames_of_words_are_those_of_a_path_that_is_certain():
    path = [0, 2, 2, 0, 3, 1, 0, 0, 2, 1]  # ab a
    log_probs = np.full((len(path), 4), -20.0, dtype=np.float32)
    log_probs[range(len(path)), path] = 0.0
    best = PrefixSearch(CHARACTERS, None).readings(log_probs, Limits(10, -10.0, -5.0))[0]
    assert (best.words, best.frames) == (("ab", "a"), ((1, 5), (8, 9)))


def test_what_the_package_refuses_is_told(tmp_path, monkeypatch):
    broken = tmp_path / "broken.arpa"
    broken.write_text("\\data\\\nngram 1=9\n\n\\1-grams:\n-1\ta\t0\n\n\\end\\\n")
    with pytest.raises(InputError, match=r"broken\.arpa.*KenLM can load"):
        PrefixSearch(CHARACTERS, Fusion(broken, ("a",), 1.0, 0.0, -10.0))
    monkeypatch.setitem(sys.modules, "ctc_beam_decoder", None)
    with pytest.raises(InputError, match=r"pip install -e '\.\[lm\]'"):
        PrefixSearch(CHARACTERS, None)
