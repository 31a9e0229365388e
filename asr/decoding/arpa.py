"""N-gram language models as files: ARPA written and its words read, those of a KenLM binary too."""

import gzip
import mmap
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import numpy as np

from asr.decoding.kneser_ney import END, NGrams
from asr.errors import InputError

RESERVED = ("<unk>", "<s>", "</s>")  # in the order of their ids
_BINARY = b"mmap lm http://kheafield.com/code"  # how a KenLM binary begins
_NEVER = -99.0  # log10, by convention of the format


def write_arpa(file: IO[str], words: Sequence[str], orders: Sequence[NGrams]) -> None:
    """Write a model; `words` by id, the reserved ones first."""
    file.write("\\data\\\n")
    for n, grams in enumerate(orders, 1):
        file.write(f"ngram {n}={len(grams.words)}\n")
    for n, grams in enumerate(orders, 1):
        file.write(f"\n\\{n}-grams:\n")
        possible = grams.probabilities > 0
        logs = np.where(possible, np.log10(np.where(possible, grams.probabilities, 1.0)), _NEVER)
        # The last order has no backoffs, and nothing follows the end of a sentence.
        backed = (grams.words[:, -1] != END) & (n < len(orders))
        rows = zip(
            logs.tolist(),
            grams.words.tolist(),
            np.log10(grams.backoffs).tolist(),
            backed.tolist(),
            strict=True,
        )
        for log, ids, backoff, shown in rows:
            text = " ".join(words[index] for index in ids)
            file.write(f"{log:.7g}\t{text}" + (f"\t{backoff:.7g}\n" if shown else "\n"))
    file.write("\n\\end\\\n")


def words_of_model(path: str | Path) -> list[str]:
    """The words that a model knows, from ARPA (gzipped too) or a KenLM binary.

    Raises:
        InputError: it is neither, or a binary without its words.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            binary = file.read(len(_BINARY)) == _BINARY
        found = _words_of_binary(path) if binary else list(_words_of_arpa(path))
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise _error(path, f"{type(error).__name__}: {error}") from error
    words = [word for word in found if word not in RESERVED]
    if not words:
        raise _error(path, "no words in it")
    return words


def _words_of_arpa(path: Path) -> Iterator[str]:
    """What stands between `\\1-grams:` and the next section; fields are apart by tabs or spaces."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        for line in file:
            if line.startswith("\\1-grams:"):
                break
        for line in file:
            if line.startswith("\\"):
                return
            if fields := re.split("[ \t]+", line.rstrip("\r\n")):
                yield from fields[1:2]


def _words_of_binary(path: Path) -> list[str]:
    """KenLM appends the words, each ended by a zero byte, the unknown one first."""
    with (
        open(path, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        start = content.rfind(b"<unk>\0")
        return content[start:].decode("utf-8").split("\0")[:-1] if start >= 0 else []


def _error(path: Path, got: str) -> InputError:
    return InputError(
        f"language model {path}",
        expected="an ARPA file (also .gz), or a KenLM binary with its words",
        got=got,
        remedy="Make one by `python -m asr.decoding.build_lm TEXT --out lm.arpa`.",
    )
