"""Which line of the script each voice file of Flight of the Amazon Queen speaks.

A line may hold commands, `*` and two characters (a gesture, a direction to face), which part it
into segments. A segment's voice file is named after the scene, the line, and the segment's number
in hexadecimal, from 1. Offsets are bytes into a file less its 20-byte header; integers are
big-endian.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from num2words import num2words

_HEADER_BYTES = 20
_COMMAND = re.compile(r"\*(?:\d\d|[A-Z]{2})")
# An apostrophe ends a word only where it stands for a g: "jumpin'".
_WORD = re.compile(r"(?:[a-z]|'(?=[a-z])|(?<=in)')+")
_NUMBER = re.compile(r"(\d+)(th)?")

# In QUEEN2.JAS: what Joe says of things, numbered from 41 on, and, 1 to 40, what he answers.
_REMARKS, _FIRST_REMARK = 0, 41  # line of the file, number of the line
_ANSWERS, _FIRST_ANSWER = 1187, 1


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the script with its commands."""

    key: str  # the names of its voice files, less the segment's number
    text: str
    speaker: str  # "" where the scene does not say


def voiced_segments(files: Mapping[str, bytes]) -> dict[str, tuple[str, str]]:
    """Voice file in lower case, without suffix -> (words, speaker), for all that speak words.

    Args:
        files: of `queen_archive.read_archive`.
    """
    segments: dict[str, tuple[str, str]] = {}
    for line in _lines(files):
        for number, segment in enumerate(_COMMAND.split(line.text), 1):
            name, words = f"{line.key}{number:x}", normalise(segment)
            # Where a scene has one node twice, the game finds the first.
            if words and f"{name.upper()}.SB" in files:
                segments.setdefault(name, (words, line.speaker))
    return segments


def normalise(text: str) -> str:
    """Lower-case words of a to z and apostrophes, numbers and signs as they are spoken."""
    text = _NUMBER.sub(_spell, text.lower()).replace("&", " and ").replace("#", " number ")
    return " ".join(_WORD.findall(text))


def _spell(number: re.Match[str]) -> str:
    return f" {num2words(int(number[1]), to='ordinal' if number[2] else 'cardinal')} "


def _lines(files: Mapping[str, bytes]) -> Iterator[Line]:
    for name, content in files.items():
        stem, _, suffix = name.partition(".")
        if suffix == "DOG":
            yield from _dialogue(content[_HEADER_BYTES:], stem.rstrip("0123456789").lower())
        elif suffix == "CUT":
            yield from _scene(content[_HEADER_BYTES:], f"{stem.lower():_<5}")
    remarks = files["QUEEN2.JAS"].decode("latin-1").split("\r\n")
    for number, text in enumerate(remarks[_REMARKS:_ANSWERS], _FIRST_REMARK):
        yield Line(f"joe{number:04d}", text, "joe")
    for number, text in enumerate(remarks[_ANSWERS : _ANSWERS + 40], _FIRST_ANSWER):
        yield Line(f"joe{number:04d}", text, "joe")


def _dialogue(data: bytes, person: str) -> Iterator[Line]:
    """A tree of talk between Joe and a person: nodes of 96 bytes a level, then the lines."""
    levels, _, key, joe_lines, person_lines = struct.unpack_from(">5h", data)
    person_offset, _, again_offset = struct.unpack_from(">3H", data, 22)
    # Joe's node 0 opens the first talk; the last two strings open those that follow.
    for node, text in _nodes(data, 32 + 96 * abs(levels), joe_lines):
        yield Line(f"{key:02d}{f'{node:04x}' if node else 'ssss'}j", text, "joe")
    for node, text in _nodes(data, person_offset, person_lines):
        yield Line(f"{key:02d}{node:04x}p", text, person)
    strings = _strings(data, again_offset)
    yield Line(f"{key:02d}xxxxp", next(strings), person)
    yield Line(f"{key:02d}xxxxj", next(strings), "joe")


def _scene(data: bytes, name: str) -> Iterator[Line]:
    """A scripted scene: lines in the order they are spoken in, their speakers not beside them."""
    count, strings_offset = struct.unpack_from(">2xh4xH", data)
    strings = _strings(data, strings_offset)
    next(strings)  # where Joe faces on entry
    for index in range(1, abs(count) + 1):
        yield Line(f"{name}{index:02d}", next(strings), "")


def _nodes(data: bytes, offset: int, count: int) -> Iterator[tuple[int, str]]:
    """Strings with a node's number before each, aligned to 4 bytes."""
    for _ in range(count):
        node, length = struct.unpack_from(">2xHB", data, offset)
        offset += 5
        yield node, data[offset : offset + length].decode("latin-1")
        offset = (offset + length + 3) // 4 * 4


def _strings(data: bytes, offset: int) -> Iterator[str]:
    """Strings with their length in a byte before each, aligned to 2 bytes unless empty."""
    while offset < len(data):
        length = data[offset]
        offset += 1
        yield data[offset : offset + length].decode("latin-1")
        offset += length
        offset += offset % 2 if length else 0
