"""Words that a search may write, or is to favour: read from files, and held against what it can."""

from collections.abc import Sequence

from asr.errors import InputError
from asr.text import Vocabulary

_SHOWN = 5  # words named in a message; it counts all of them


def read_lexicon(path: str) -> list[str]:
    """The words of a file that has one a line; each once, in the file's order.

    Raises:
        InputError: it cannot be read, is empty, or has several words in a line.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            words = list(dict.fromkeys(filter(None, map(str.strip, file))))
    except (OSError, ValueError) as error:
        raise _error(path, f"{type(error).__name__}: {error}") from error
    several = [word for word in words if len(word.split()) > 1]
    if several or not words:
        raise _error(path, _shown(several) if several else "an empty file")
    return words


def check_known(words: Sequence[str], known: Sequence[str], model: str) -> None:
    """Raise InputError unless a language model knows all words of a lexicon."""
    if missing := sorted(set(words) - set(known)):
        raise InputError(
            f"lexicon for {model}",
            expected="words that the language model knows",
            got=f"{_shown(missing)} that it does not",
            remedy="Write them as the normaliser does, in lower case, take them out, or make the "
            "model with them: python -m asr.decoding.build_lm TEXT --words LEXICON --out lm.arpa.",
        )


def check_writable(words: Sequence[str], vocabulary: Vocabulary) -> None:
    """Raise InputError unless the labels of a vocabulary can write all words."""
    if unwritable := [word for word in words if vocabulary.unknown(word)]:
        raise InputError(
            "words of the lexicon, or hot words",
            expected="characters of the model's vocabulary only, in its case",
            got=_shown(unwritable),
            remedy="Write them as the normaliser does, or take them out.",
        )


def check_some_writable(words: Sequence[str], vocabulary: Vocabulary, model: object) -> None:
    """Raise InputError if labels can write no word of a language model, which then says nothing.

    The first word that they can ends the search: a model has hundreds of thousands.
    """
    if all(vocabulary.unknown(word) for word in words):
        raise InputError(
            f"language model {model}",
            expected="words in characters of the vocabulary, in its case",
            got=f"none of {_shown(words)}",
            remedy="Write the model's words as the normaliser does, often in lower case, or make "
            "the model anew: python -m asr.decoding.build_lm TEXT --out lm.arpa.",
        )


def check_hot_words(words: Sequence[str]) -> None:
    """Raise InputError unless each is one word; a text alone would be favoured letter by letter."""
    several = [words] if isinstance(words, str) else list(words)
    wrong = [word for word in several if not isinstance(word, str) or word.split() != [word]]
    if wrong or isinstance(words, str):
        raise InputError(
            "decoding.hot_words",
            expected="a list of single words, none of them empty",
            got=_shown(wrong or several),
            remedy="Name the words of a phrase singly: decoding.hot_words=[new,york].",
        )


def check_spaces(vocabulary: Vocabulary) -> None:
    """Raise InputError if a vocabulary writes no spaces: then a text has no words to speak of."""
    if vocabulary.unknown(" "):
        raise InputError(
            "language model, lexicon or hot words",
            expected="a vocabulary that writes spaces between words",
            got="one without a space",
            remedy="Decode without them (decoding=beam alone, or decoding=greedy).",
        )


def _shown(words: Sequence[str]) -> str:
    return f"{len(words)}: {', '.join(map(repr, words[:_SHOWN]))}" + ", ..." * (len(words) > _SHOWN)


def _error(path: str, got: str) -> InputError:
    return InputError(
        f"lexicon {path}",
        expected="a word on each line, in UTF-8",
        got=got,
        remedy="Mend the file.",
    )
