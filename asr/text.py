"""Text to label ids and back: a named normaliser and the vocabularies. Blank is always id 0."""

import base64
import contextlib
import io
import operator
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Protocol

import numpy as np
from num2words import num2words

from asr.errors import InputError

BLANK = 0

_APOSTROPHES = dict.fromkeys(map(ord, "\u2018\u2019\u02bc\u0060\u00b4\uff07"), "'")
_ZERO_WIDTH_SPACE = 0x200B
_PLAIN = re.compile(r"[a-z]+(?:[ '][a-z]+)*")
_SEAM = re.compile(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)")  # of a digit and ² or ½, a letter
_LONGEST = {"am": 6}  # digits of a number with a name, elsewhere 12; num2words 0.5 hangs on more
_EXACT = 13  # digits; of decimals with more, num2words 0.5 takes the rounding of doubles for digits
_WHOLE = r"(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)"  # 1,250 is a number, 1,2500 are two
_NUMBER = re.compile(rf"{_WHOLE}(?:\.\d+)?")
_ORDINAL = re.compile(rf"({_WHOLE})(?:st|nd|rd|th)\b")
_LONE_APOSTROPHE = re.compile(r"(?<![^\W\d_])'(?![^\W\d_])")
_QUOTED = re.compile(r"(?<!\w)'([^']*)'(?!\w)")
# Spelled in English only; in any other language these are left standing, hence reported.
_SYMBOLS = "&%+=@$\u00a3\u20ac\u00b0"
_WORDS = ("and", "percent", "plus", "equals", "at", "dollars", "pounds", "euros", "degrees")
_SYMBOL_WORDS = str.maketrans({s: f" {w} " for s, w in zip(_SYMBOLS, _WORDS, strict=True)})


class _Writing(dict[int, str]):
    """For `str.translate`: one apostrophe for all; format characters, such as soft hyphens, go.

    The zero width space is of their category, but parts words.
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        self[code] = "" if unicodedata.category(character) == "Cf" else character
        return self[code]


class _Punctuation(dict[int, str]):
    """For `str.translate`: punctuation, separators and control characters to spaces.

    Each character's category is looked up once: a corpus has millions of characters.
    """

    def __missing__(self, code: int) -> str:
        character = chr(code)
        kept = character == "'" or character in _SYMBOLS
        spaced = not kept and unicodedata.category(character)[0] in "PZC"
        self[code] = " " if spaced else character
        return self[code]


_WRITING = _Writing({**_APOSTROPHES, _ZERO_WIDTH_SPACE: " "})
_PUNCTUATION = _Punctuation()


class Normaliser(Protocol):
    """A named rule that both training targets and references go through."""

    name: str
    language: str

    def __call__(self, text: str) -> str: ...


class BasicNormaliser:
    """Unicode NFKC, lower case, numbers and common symbols as words, punctuation to spaces.

    Letters of any script stay, and so does an apostrophe that touches a letter, unless a pair of
    them quotes ('word', but dogs' and 'tis). A symbol with no rule stays too: it is outside every
    usual vocabulary, and is then reported, not lost. Format characters (soft hyphen, joiners, marks
    of direction) go, and part no word.

    Numbers are read as English writes them, 1,250.5, in every language. Raised and lowered digits
    and fractions of one character (², ₂, ½) are no part of the number beside them.

    Args:
        language: ISO 639-1 code by which `num2words` spells numbers.
    """

    def __init__(self, language: str) -> None:
        try:
            num2words(1, lang=language)
        except NotImplementedError as error:
            raise InputError(
                "language of the normaliser",
                expected="a code that num2words can spell numbers in (en, de, fr, es, ...)",
                got=repr(language),
                remedy="Choose another, or spell the numbers in the manifest.",
            ) from error
        self.language = language
        self.name = "basic" if language == "en" else f"basic-{language}"

    def __call__(self, text: str) -> str:
        # Most lines of a prepared corpus; everything below would leave them as they are.
        if text.isascii() and _PLAIN.fullmatch(text := text.lower()):
            return text
        # Before NFKC, which makes a space and an accent of U+00B4, and 102 of 10²; and after it,
        # since it makes further apostrophes.
        if not text.isascii():
            text = _SEAM.sub(_parted, text.translate(_WRITING))
        text = unicodedata.normalize("NFKC", text).translate(_WRITING).lower()
        # Lower case can decompose (as of capital I with a dot), NFKC again makes it stable.
        text = unicodedata.normalize("NFKC", text)
        if _NUMBER.search(text):
            if self.language == "en":
                text = _ORDINAL.sub(lambda match: self._spelled(match[1], "ordinal"), text)
            text = _NUMBER.sub(lambda match: self._spelled(match[0], "cardinal"), text)
        if self.language == "en":
            text = text.translate(_SYMBOL_WORDS)
        text = text.translate(_PUNCTUATION)
        if "'" in text:
            text = _unquoted(_LONE_APOSTROPHE.sub(" ", text))
        return " ".join(text.split())

    def _spelled(self, number: str, form: str) -> str:
        plain = number.replace(",", "")
        whole, _, fraction = plain.partition(".")
        # A leading zero is read digit by digit, as in a telephone number or 007, and so is what
        # is too long to have a name.
        leading_zero = not fraction and len(whole) > 1 and int(whole[0]) == 0
        too_long = max(len(whole), len(fraction)) > _LONGEST.get(self.language[:2], 12)
        exact = len(whole + fraction) <= _EXACT
        words, point = None, ""
        if fraction.endswith("0") or (fraction and not exact):
            point = _name(".", self.language)
        if point:  # 3.10 is not 3.1, which it would be as a number
            digits = " ".join(_name(digit, self.language) for digit in fraction)
            words = f"{self._spelled(whole, form)}{point} {digits}"
        elif exact and not leading_zero and not too_long:
            with contextlib.suppress(Exception):  # of any kind: each language lacks something else
                value = float(plain) if fraction else int(plain)
                words = num2words(value, lang=self.language, to=form)
        if words is None:
            words = " ".join(_name(character, self.language) for character in plain)
        # German comes with capitals, Kannada decomposed.
        return f" {unicodedata.normalize('NFKC', words).lower()} "


def _parted(seam: re.Match[str]) -> str:
    """A space between digits and a numeral that is none of them: a superscript, a fraction."""
    beside = seam.string[seam.start() - 1 : seam.start() + 1]
    return " " * any(unicodedata.category(character) == "No" for character in beside)


def _unquoted(text: str) -> str:
    """Without pairs of quoting apostrophes: those of 'a 'b' c' show one after the other."""
    while (less := _QUOTED.sub(r"\1", text)) != text:
        text = less
    return unicodedata.normalize("NFKC", text)  # an accent behind a quote now stands on its letter


def _name(character: str, language: str) -> str:
    """Of a digit; of the point the word between the ones of 1.1, if the language says it so."""
    if character != ".":
        return str(num2words(int(character), lang=language))
    with contextlib.suppress(Exception):
        one, said = (num2words(value, lang=language) for value in (1, 1.1))
        if said.startswith(one) and said.endswith(one):
            return str(said[len(one) : -len(one)])
    return ""


class Vocabulary(Protocol):
    """Label ids of a text; `state()` is plain data for the checkpoint."""

    def __len__(self) -> int: ...
    def encode(self, text: str) -> list[int]: ...
    def decode(self, ids: Sequence[int]) -> str: ...
    def unknown(self, text: str) -> Counter[str]: ...
    def frames_needed(self, text: str) -> int | None: ...
    def state(self) -> dict[str, Any]: ...


class CharacterVocabulary:
    """One label a character, in the order given, after the blank.

    Args:
        characters: every character that may be written, the space among them.
    """

    def __init__(self, characters: str) -> None:
        if not characters or len(set(characters)) != len(characters):
            raise InputError(
                "characters of the vocabulary",
                expected="at least one, each once",
                got=repr(characters),
                remedy="Remove the repeated ones.",
            )
        self.characters = characters
        self._ids = {character: index for index, character in enumerate(characters, 1)}

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> "CharacterVocabulary":
        """The vocabulary of every character in `texts`, sorted; any language."""
        return cls("".join(sorted(set(chain.from_iterable(texts)))))

    def __len__(self) -> int:
        return len(self.characters) + 1

    def encode(self, text: str) -> list[int]:
        """Label ids of `text`; raises InputError on a character outside the vocabulary."""
        try:
            return list(map(self._ids.__getitem__, text))
        except KeyError:
            raise _unknown_error(text, self.unknown(text)) from None

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(self.characters[index - 1] for index in ids)

    def unknown(self, text: str) -> Counter[str]:
        """The characters of `text` that no label stands for, with their counts."""
        return Counter(character for character in text if character not in self._ids)

    def frames_needed(self, text: str) -> int | None:
        """`labels_and_repeats` of the text's labels; None if they cannot write it."""
        if not self._ids.keys() >= set(text):
            return None
        # Without its labels: this runs over every line of a corpus.
        codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
        return len(codes) + int(np.count_nonzero(codes[1:] == codes[:-1]))

    def state(self) -> dict[str, Any]:
        return {"kind": "characters", "characters": self.characters}


class BpeVocabulary:
    """Byte-pair labels by sentencepiece (extra `bpe`); its unknown piece's id 0 is our blank.

    Args:
        model: a serialised sentencepiece model, as `train` returns it.
    """

    def __init__(self, model: bytes) -> None:
        self.model = model
        self._processor = _sentencepiece().SentencePieceProcessor(model_proto=model)
        pieces = map(self._processor.id_to_piece, range(1, self._processor.get_piece_size()))
        self._characters = {c for piece in pieces for c in piece.replace("\u2581", " ")}

    @classmethod
    def from_texts(cls, texts: Iterable[str], size: int) -> "BpeVocabulary":
        """Train on `texts`: `size` labels, the blank included; every character is covered."""
        model = io.BytesIO()
        try:
            _sentencepiece().SentencePieceTrainer.train(
                sentence_iterator=iter(texts),
                model_writer=model,
                vocab_size=size,
                model_type="bpe",
                character_coverage=1.0,
                normalization_rule_name="identity",  # the normaliser has done it
                unk_id=BLANK,
                bos_id=-1,
                eos_id=-1,
                minloglevel=2,
                num_threads=1,
            )
        except RuntimeError as error:
            raise InputError(
                "size of the BPE vocabulary",
                expected="a size that the training text can fill",
                got=f"{size} ({error})",
                remedy="Choose a smaller size, or one above the number of characters.",
            ) from error
        return cls(model.getvalue())

    def __len__(self) -> int:
        return int(self._processor.get_piece_size())

    def encode(self, text: str) -> list[int]:
        """Label ids of `text`; raises InputError on a character outside the vocabulary."""
        ids: list[int] = self._processor.encode(text)
        if BLANK in ids:
            raise _unknown_error(text, self.unknown(text))
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        return str(self._processor.decode([int(index) for index in ids]))

    def unknown(self, text: str) -> Counter[str]:
        """The characters of `text` that no label holds, with their counts."""
        return Counter(character for character in text if character not in self._characters)

    def frames_needed(self, text: str) -> int | None:
        """`labels_and_repeats` of the text's labels; None if they cannot write it."""
        try:
            return labels_and_repeats(self.encode(text))
        except InputError:
            return None

    def state(self) -> dict[str, Any]:
        return {"kind": "bpe", "model": base64.b64encode(self.model).decode("ascii")}


def vocabulary_from_state(state: dict[str, Any]) -> Vocabulary:
    """Rebuild what `state()` described."""
    match state:
        case {"kind": "characters", "characters": str(characters)}:
            return CharacterVocabulary(characters)
        case {"kind": "bpe", "model": str(model)}:
            return BpeVocabulary(base64.b64decode(model))
    raise InputError(
        "vocabulary of the checkpoint",
        expected="the kind 'characters' with its characters, or 'bpe' with its model",
        got=f"the kind {state.get('kind')!r} and {', '.join(map(str, state)) or 'nothing'}",
        remedy="Load it with the version of this program that wrote it.",
    )


def labels_and_repeats(labels: Sequence[object]) -> int:
    """Frames that CTC needs at the least: one a label, one more between two equal labels."""
    repeats: int = sum(map(operator.eq, labels, labels[1:]))
    return len(labels) + repeats


def _unknown_error(text: str, unknown: Counter[str]) -> InputError:
    return InputError(
        f"text {text!r}",
        expected="characters of the vocabulary only",
        got=", ".join(f"{character!r} x{count}" for character, count in unknown.items()),
        remedy="Normalise the text, or build the vocabulary from the manifest (vocabulary=...).",
    )


def _sentencepiece() -> Any:
    try:
        import sentencepiece  # an extra: only who trains BPE models needs it
    except ImportError as error:
        raise InputError(
            "BPE vocabulary",
            expected="the package sentencepiece",
            got="no such package",
            remedy="Install the extra: pip install -e '.[bpe]'.",
        ) from error
    return sentencepiece
