import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asr.errors import InputError
from asr.text import (
    BasicNormaliser,
    BpeVocabulary,
    CharacterVocabulary,
    Vocabulary,
    labels_and_repeats,
    vocabulary_from_state,
)
from tests.commands import REPOSITORY

ENGLISH = " 'abcdefghijklmnopqrstuvwxyz"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello, World!", "hello world"),
        ("don\u2019t \u2018quote\u2019 dogs' 'tis", "don't quote dogs' 'tis"),
        ("it cost $5 & 3%", "it cost dollars five and three percent"),
        ("1,250 men in 1999", "one thousand two hundred and fifty men in one thousand nine "
         "hundred and ninety nine"),
        ("the 21st, 007", "the twenty first zero zero seven"),
        ("0 05 1234567890123", "zero zero five one two three four five six seven eight nine zero "
         "one two three"),
        ("3.5 km", "three point five km"),
        ("the 2,500th or 1,000th", "the two thousand five hundredth or one thousandth"),
        ("10,2000", "ten two thousand"),
        ("1.0 or 3.10", "one point zero or three point one zero"),
        ("\uff21\uff22\uff23 \ufb01ne", "abc fine"),  # full width, ligature
        ("well-known -- and/or", "well known and or"),
        ("caf\u00e9 na\u00efve", "caf\u00e9 na\u00efve"),
        ("  \t\n ", ""),
        ("", ""),
        ("a ' b", "a b"),
        ("PLAIN lines don't change", "plain lines don't change"),
        ("don\u00b4t", "don't"),  # NFKC makes a space and an accent of it
        ("5:00 or 1,00", "five zero zero or one zero zero"),
        ("10\u00b2, 1\u00bd", "ten two one one \u2044 two"),
        ("\u00b210 5\u00b9\u2044\u2082", "two ten five one \u2044 two"),
        ("x\u00b2 21\u02e2\u1d57", "x two twenty first"),
        ("\ufeffsoft\u00adhy\u200dphen, zero\u200bwidth", "softhyphen zero width"),
        ("10\u00ad\u00b2", "ten two"),
        ("'a 'b' c'", "a b c"),
        ("'tis 'a' dogs'", "tis a dogs"),
    ],
)  # fmt: skip
def test_basic_normaliser(text: str, expected: str) -> None:
    assert BasicNormaliser("en")(text) == expected


def test_other_languages_spell_their_own_numbers() -> None:
    german = BasicNormaliser("de")
    assert german("21 H\u00e4user") == "einundzwanzig h\u00e4user"
    assert german.name == "basic-de"


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "12345678901234.5", "one two three four five six seven eight nine zero one two "
         "three four point five"),
        ("en", "1.0000000000001", "one point " + "zero " * 12 + "one"),
        ("en", "123456789012.5", "one hundred and twenty three billion four hundred and fifty six "
         "million seven hundred and eighty nine thousand and twelve point five"),
        ("ru", "3.50", "\u0442\u0440\u0438 \u0446\u0435\u043b\u044b\u0445 "
         "\u043f\u044f\u0442\u044c \u0434\u0435\u0441\u044f\u0442\u044b\u0445"),
        ("en", "99999999999.99999999999", "ninety nine billion nine hundred and ninety nine "
         "million nine hundred and ninety nine thousand nine hundred and ninety nine point"
         + " nine" * 11),
        ("en", "1234567.123456789", "one million two hundred and thirty four thousand five hundred "
         "and sixty seven point one two three four five six seven eight nine"),
        ("ru", "12345678901.123", "\u043e\u0434\u0438\u043d \u0434\u0432\u0430 "
         "\u0442\u0440\u0438 \u0447\u0435\u0442\u044b\u0440\u0435 "
         "\u043f\u044f\u0442\u044c \u0448\u0435\u0441\u0442\u044c "
         "\u0441\u0435\u043c\u044c \u0432\u043e\u0441\u0435\u043c\u044c "
         "\u0434\u0435\u0432\u044f\u0442\u044c \u043d\u043e\u043b\u044c "
         "\u043e\u0434\u0438\u043d \u043e\u0434\u0438\u043d \u0434\u0432\u0430 "
         "\u0442\u0440\u0438"),
        ("ar", "\u0660\u0660", "\u0635\u0641\u0631 \u0635\u0641\u0631"),
        ("de", "3.50", "drei komma f\u00fcnf null"),
        ("de", "2000000 und 3.5", "zwei millionen und drei komma f\u00fcnf"),
        ("am", "1250000", "\u12a0\u1295\u12f5 \u1201\u1208\u1275 \u12a0\u121d\u1235\u1275 "
         "\u12dc\u122e \u12dc\u122e \u12dc\u122e \u12dc\u122e"),
        ("it", "1" * 13 + ".5", "uno " * 13 + "virgola cinque"),
        ("ru", "1" * 13 + ".5", "\u043e\u0434\u0438\u043d " * 13  # which counts tenths
         + "\u043f\u044f\u0442\u044c"),
    ],
)  # fmt: skip
def test_numbers_without_a_name_are_read_digit_by_digit(
    language: str, text: str, expected: str
) -> None:
    assert BasicNormaliser(language)(text) == expected


def test_no_number_stops_any_language() -> None:
    """In a process of its own, since num2words does not return from some, in C or in Python."""
    code = """
from num2words import CONVERTER_CLASSES
from asr.text import BasicNormaliser
numbers = ["9" * 400 + ".5", "1" * 20 + ".5", "12345678901234.5", "999999999999", "1250.75",
           "1234567890", "0." + "0" * 10 + "1", "0." + "1" * 400, "3.0", "7,000,000.000001"]
for language in CONVERTER_CLASSES:
    normalise = BasicNormaliser(language)
    for number in numbers:
        words = normalise(number)
        assert words and not any(c.isdigit() for c in words), (language, number, words)
        assert normalise(words) == words, (language, number, words)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30, cwd=REPOSITORY)


def test_a_symbol_without_a_rule_is_left_for_the_report() -> None:
    text = BasicNormaliser("en")("5 \u00d7 2")
    assert CharacterVocabulary(ENGLISH).unknown(text) == Counter({"\u00d7": 1})


def test_unknown_language() -> None:
    with pytest.raises(InputError, match="xx"):
        BasicNormaliser("xx")


@given(st.text())
@example("'a 'b' c'")
@example("'e'\u0301")
def test_normalising_twice_changes_nothing(text: str) -> None:
    normalise = BasicNormaliser("en")
    once = normalise(text)
    assert normalise(once) == once
    assert once == " ".join(once.split())


@given(st.text(alphabet="0123456789,. stndrh", max_size=60))
def test_any_number_can_be_spelled(text: str) -> None:
    assert not any(character.isdigit() for character in BasicNormaliser("en")(text))


@given(st.text(alphabet=ENGLISH))
def test_characters_round_trip(text: str) -> None:
    vocabulary = CharacterVocabulary(ENGLISH)
    ids = vocabulary.encode(text)
    assert vocabulary.decode(ids) == text
    assert all(0 < index < len(vocabulary) == 29 for index in ids)


def test_unknown_characters_are_named_and_counted() -> None:
    vocabulary = CharacterVocabulary("ab ")
    with pytest.raises(InputError, match="'x' x2, '\u00e9' x1"):
        vocabulary.encode("axbx\u00e9")


def test_vocabulary_of_any_language() -> None:
    vocabulary = CharacterVocabulary.from_texts(["\u043f\u0440\u0438", "\u0438\u4e2d"])
    assert vocabulary.characters == "\u0438\u043f\u0440\u4e2d"


def test_repeated_characters_are_refused() -> None:
    with pytest.raises(InputError, match="each once"):
        CharacterVocabulary("aba")


def test_bpe_round_trip_and_blank() -> None:
    pytest.importorskip("sentencepiece")
    texts = ["the cat sat on the mat", "the dog sat on the log"] * 20
    vocabulary = BpeVocabulary.from_texts(texts, 30)
    assert len(vocabulary) == 30
    for text in texts[:2]:
        ids = vocabulary.encode(text)
        assert 0 not in ids
        assert vocabulary.decode(ids) == text
    assert vocabulary.unknown("the zoo") == Counter("z")
    with pytest.raises(InputError, match="'z' x1"):
        vocabulary.encode("the zoo")


@pytest.mark.parametrize("kind", ["characters", "bpe"])
def test_state_is_plain_and_rebuilds(kind: str) -> None:
    if kind == "bpe":
        pytest.importorskip("sentencepiece")
        vocabulary = BpeVocabulary.from_texts(["some words of text"] * 5, 18)
    else:
        vocabulary = CharacterVocabulary(ENGLISH)
    state = vocabulary.state()
    assert all(isinstance(value, str) for value in state.values())
    assert vocabulary_from_state(state).encode("words") == vocabulary.encode("words")


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ({"kind": "words"}, "the kind 'words'"),
        ({"kind": "characters"}, "the kind 'characters' and kind"),
        ({"characters": "ab"}, "the kind None and characters"),
        ({"kind": "bpe", "model": 3}, "the kind 'bpe' and kind, model"),
        ({}, "and nothing"),
    ],
)
def test_a_state_of_another_version_is_told(state: dict[str, object], told: str) -> None:
    with pytest.raises(InputError, match=told):
        vocabulary_from_state(state)


@pytest.mark.parametrize(
    ("labels", "frames"), [([], 0), ([1], 1), ([1, 2], 2), ([1, 1], 3), ([1, 1, 2, 2, 2], 8)]
)
def test_labels_and_repeats(labels: list[int], frames: int) -> None:
    assert labels_and_repeats(labels) == frames


@pytest.mark.parametrize("kind", ["characters", "bpe"])
def test_frames_needed_are_those_of_the_labels(kind: str) -> None:
    texts = ["", "a", "committee meets", "all  llamas", "ää𝄞𝄞b", "aaa bb"]
    if kind == "bpe":
        pytest.importorskip("sentencepiece")
        vocabulary: Vocabulary = BpeVocabulary.from_texts(texts * 5, 40)
    else:
        vocabulary = CharacterVocabulary.from_texts(texts)
    for text in texts:
        assert vocabulary.frames_needed(text) == labels_and_repeats(vocabulary.encode(text))
    assert vocabulary.frames_needed("a zoo") is None


def test_symbols_are_words_in_english_and_stay_to_be_reported_elsewhere():
    symbols = "A & B 5% @ + = $"
    assert BasicNormaliser("en")(symbols) == "a and b five percent at plus equals dollars"
    assert BasicNormaliser("fr")(symbols) == "a & b cinq % @ + = $"
