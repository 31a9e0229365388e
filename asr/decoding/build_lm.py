"""Make an n-gram language model of texts: python -m asr.decoding.build_lm TEXT... --out lm.arpa.

TEXT is a manifest (.jsonl, .json or .csv with a column `text`) or a file with a sentence a line.
Texts are normalised as training normalises them. The model is ARPA, of words, smoothed by modified
Kneser-Ney (`asr.decoding.kneser_ney`).
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from asr.arguments import count
from asr.decoding.arpa import RESERVED, write_arpa
from asr.decoding.kneser_ney import END, START, NGrams, kneser_ney
from asr.errors import InputError, report_input_errors
from asr.files import atomic_write, require_writable
from asr.text import BasicNormaliser, Normaliser

_HIGHEST = 6  # order that KenLM is built for


def estimate(
    sentences: Iterable[Sequence[str]], order: int, more_words: Iterable[str] = ()
) -> tuple[list[str], list[NGrams]]:
    """A model of sentences of words: the words by id, and the n-grams of each order.

    Args:
        sentences: empty ones are left out.
        order: longest n-gram.
        more_words: known to the model although no sentence has them, as likely as the unknown one.

    Raises:
        InputError: no words, or a word that the format reserves.
    """
    ids = {word: index for index, word in enumerate(RESERVED)}
    tokens: list[int] = []
    for words in sentences:
        if words:
            tokens.append(START)
            tokens.extend([ids.setdefault(word, len(ids)) for word in words])
            tokens.append(END)
    sequence = np.array(tokens, dtype=np.int64)
    # Only START and END of their own are among the reserved ids.
    reserved = int(np.count_nonzero(sequence < len(RESERVED))) - 2 * tokens.count(START)
    if not tokens or reserved or tokens.count(START) != tokens.count(END):
        raise InputError(
            "text of the language model",
            expected=f"words, none of them {', '.join(RESERVED)}",
            got="some of these" if tokens else "no words",
            remedy="Mend the text: those have a meaning of their own in an ARPA file.",
        )
    for word in more_words:
        ids.setdefault(word, len(ids))
    return list(ids), kneser_ney(sequence, order, len(ids))


def read_texts(path: str | Path) -> Iterator[str]:
    """The texts of a manifest, or the lines of any other file."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:  # spreadsheets write the mark
            match Path(path).suffix:
                case ".jsonl" | ".json":
                    for number, line in enumerate(file, 1):
                        if line.strip():
                            yield _text(json.loads(line), number)
                case ".csv":
                    # Strict: an open quote would swallow the lines behind it, and be no error.
                    rows = csv.DictReader(file, strict=True)
                    for row in rows:
                        yield _text(row, rows.line_num)
                case _:
                    yield from file
    except (OSError, ValueError, KeyError, TypeError, RecursionError, csv.Error) as error:
        raise InputError(
            str(path),
            expected="a manifest with a text on every line, or text in UTF-8",
            got=f"{type(error).__name__}: {error}",
            remedy="Mend it; `python -m asr.data.check` says what is wrong with a manifest.",
        ) from error


def _listed(path: str, normalise: Normaliser) -> list[str]:
    """The words of a lexicon as training writes them.

    Raises:
        InputError: a line is no single word then, which an ARPA file could not hold.
    """
    lines = [line.strip() for line in read_texts(path)]
    words = [normalise(line) for line in lines]
    if wrong := [
        f"{line!r} as {word!r}"
        for line, word in zip(lines, words, strict=True)
        if line and len(word.split()) != 1
    ]:
        raise InputError(
            path,
            expected="a line for each word, which the normaliser leaves one",
            got=f"{len(wrong)} lines that are not: {', '.join(wrong[:3])}",
            remedy="Write their words on lines of their own, here and in decoding.lexicon.",
        )
    return list(filter(None, words))


def _text(line: dict[str, object], number: int) -> str:
    text = line["text"]
    if not isinstance(text, str):  # null as a text would be the word "none"
        raise TypeError(f"line {number} has {text!r} as text")
    return text


@report_input_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """Write the model; say on stderr how much went into it."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if not 2 <= given.order <= _HIGHEST:
        parser.error(f"--order: KenLM, which decoding reads models by, wants 2 to {_HIGHEST}")
    require_writable(given.out)
    normalise = BasicNormaliser(given.language)
    sentences = [normalise(text).split() for path in given.text for text in read_texts(path)]
    listed = [word for path in given.words for word in _listed(path, normalise)]
    words, orders = estimate(sentences, given.order, listed)
    with atomic_write(given.out) as file:
        write_arpa(file, words, orders)
    empty = sum(not sentence for sentence in sentences)
    print(
        f"{given.out}: {len(sentences) - empty:,} sentences, "
        f"{sum(map(len, sentences)):,} words, {len(words) - len(RESERVED):,} different; n-grams: "
        + ", ".join(f"{len(grams.words):,}" for grams in orders)
        + (f"; {empty:,} empty texts left out" if empty else ""),
        file=sys.stderr,
    )
    fallback = [str(n) for n, grams in enumerate(orders, 1) if not grams.estimated]
    if fallback:
        print(
            f"note: too little text to estimate the discounts of order {', '.join(fallback)}: "
            "0.5, 1 and 1.5 are used there",
            file=sys.stderr,
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asr.decoding.build_lm",
        description="Make an n-gram language model, in ARPA format, of manifests or text files.",
        epilog="Leave test sets out of it: their texts must be new to model and language model.",
    )
    parser.add_argument("text", metavar="TEXT", nargs="+", help="manifest or text file")
    parser.add_argument("--order", type=count, default=3, help="longest n-gram (%(default)s)")
    parser.add_argument("--out", required=True, metavar="FILE", help="ARPA file to write")
    parser.add_argument(
        "--words",
        metavar="FILE",
        action="append",
        default=[],
        help="lexicon, a word a line: known to the model even where no text has them",
    )
    parser.add_argument("--language", default="en", help="of the normaliser (%(default)s)")
    return parser


if __name__ == "__main__":
    main()
