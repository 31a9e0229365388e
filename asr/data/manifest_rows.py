"""The lines of a manifest's file as rows: JSON Lines or CSV, good and bad alike."""

import csv
import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path

COLUMNS = ("audio_filepath", "duration", "text")  # that every line must have

Row = dict[str, object]


def json_rows(path: Path) -> Iterator[tuple[int, Row | str]]:
    """Number of each line that is not blank, with its object or what is wrong with it."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:  # bad JSON or bad UTF-8
                yield number, f"not JSON: {error}"
            except RecursionError:
                yield number, "not JSON that can be read: nested too deeply"
            else:
                yield number, row if isinstance(row, dict) else "not a JSON object"


def csv_rows(path: Path) -> Iterator[tuple[int, Row | str]]:
    """Number of each record's first line, with its columns or what is wrong with it.

    A field that is not there is absent from the row. A header that cannot be used is the one
    thing told of its file.
    """
    header: list[str] | None = None
    for number, fields in _records(path):
        if header is None:
            if problem := fields if isinstance(fields, str) else _header_problem(fields):
                yield number, problem
                return
            header = list(fields)
        elif isinstance(fields, str):
            yield number, fields
        elif len(fields) > len(header):
            yield number, "more fields than columns: quote a text that holds a comma"
        else:
            yield number, dict(zip(header, fields, strict=False))


def _header_problem(header: list[str]) -> str:
    if absent := [name for name in COLUMNS if name not in header]:
        return f"the first line must name the columns, and does not name {', '.join(absent)}"
    twice = sorted({name for name in header if name and header.count(name) > 1})
    return f"columns that are named twice: {', '.join(twice)}" if twice else ""


def _records(path: Path) -> Iterator[tuple[int, list[str] | str]]:
    """Every CSV record, or why its first line is none: the next line then begins another one."""
    # Escaped, or the decoder would stop at the first bad byte, in the middle of a block of lines.
    with open(path, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        number, returned = 1, deque[str]()
        while True:
            taken: list[str] = []
            # Strict: an open quote would swallow the lines up to the next quote, and be no error.
            reader = csv.reader(_taking(file, returned, taken), strict=True)
            record: list[str] | str
            try:
                record = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                record = f"not CSV: {error}"
                returned.extendleft(reversed(taken[1:]))
                del taken[1:]
            if not _is_utf8("".join(taken)):
                record = "not UTF-8"
            if record:  # a blank line is an empty record
                yield number, record
            number += len(taken)


def _taking(file: Iterator[str], returned: deque[str], taken: list[str]) -> Iterator[str]:
    """The lines that were returned, then those of the file; notes what it gives."""
    while (line := returned.popleft() if returned else next(file, None)) is not None:
        taken.append(line)
        yield line


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
