"""Manifests: one utterance a line, JSONL with NeMo's keys or CSV with the same columns."""

import json
import math
import os
import reprlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from asr.data.manifest_rows import csv_rows, json_rows
from asr.errors import InputError
from asr.files import atomic_write, sha256

_LONGEST = 1e7  # seconds, 116 days: beyond it sample numbers and frame counts mean nothing
_SHOWN = 50  # problems printed in a message; all of them are in `ManifestError.problems`


@dataclass(frozen=True, slots=True)
class Utterance:
    """One line of a manifest."""

    id: str  # unique in its manifest: the path as written, and `@offset` where there is one
    audio: str  # absolute path
    seconds: float
    text: str
    offset: float = 0.0  # seconds into the file
    speaker: str = ""


class ManifestError(InputError):
    """A manifest with bad lines; `problems` lists every one as (line number, what is wrong)."""

    def __init__(self, path: str | Path, problems: list[tuple[int, str]]) -> None:
        lines = "".join(f"\n  line {line}: {what}" for line, what in problems[:_SHOWN])
        more = f"\n  ... and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        super().__init__(
            str(path),
            expected="a valid utterance on every line",
            got=f"{len(problems)} bad {'line' if len(problems) == 1 else 'lines'}",
            remedy=f"Mend or remove:{lines}{more}",
        )
        self.path, self.problems = path, problems

    def __reduce__(self) -> tuple[object, ...]:
        return ManifestError, (self.path, self.problems)


def read_manifest(path: str | Path) -> list[Utterance]:
    """Read and validate a JSONL (`.jsonl`, `.json`) or CSV (`.csv`) manifest.

    Keys: `audio_filepath`, `duration` (s), `text`; optional `offset` (s), `speaker`. Other keys
    are allowed and ignored. Relative paths resolve against the manifest's folder.

    Raises:
        ManifestError: some lines are bad: all of them are named.
        InputError: the file is missing, empty, or of an unknown suffix.
    """
    utterances, problems = parse_manifest(path)
    if problems:
        raise ManifestError(path, problems)
    if not utterances:
        raise InputError(
            str(path),
            expected="at least one utterance",
            got="an empty manifest",
            remedy="Prepare the corpus again.",
        )
    return utterances


def parse_manifest(path: str | Path) -> tuple[list[Utterance], list[tuple[int, str]]]:
    """The good lines of a manifest, and the bad ones as (line number, what is wrong).

    Raises:
        InputError: the file is missing or of an unknown suffix.
    """
    path = _existing(path)
    rows = {".jsonl": json_rows, ".json": json_rows, ".csv": csv_rows}.get(path.suffix)
    if rows is None:
        raise InputError(
            str(path),
            expected="a manifest that ends in .jsonl, .json or .csv",
            got=f"the suffix {path.suffix!r}",
            remedy="Rename or convert it.",
        )
    folder = os.path.abspath(path.parent)
    utterances: list[Utterance] = []
    problems: list[tuple[int, str]] = []
    first_line: dict[str, int] = {}
    for number, row in rows(path):
        parsed = _utterance(row, folder) if isinstance(row, dict) else row
        if isinstance(parsed, str):
            problems.append((number, parsed))
        elif (first := first_line.setdefault(parsed.id, number)) != number:
            problems.append((number, f"same audio and offset as line {first}: {parsed.id}"))
        else:
            utterances.append(parsed)
    return utterances, problems


def manifest_sha256(path: str | Path) -> str:
    """Hash of a manifest's content, which names the data in a run key and a result."""
    return sha256(_existing(path))


def _existing(path: str | Path) -> Path:
    path = Path(path)
    if not path.is_file():
        raise InputError(
            str(path),
            expected="a manifest",
            got="no such file",
            remedy="Make one with `python -m asr.data.prepare CORPUS` (--help lists the corpora).",
        )
    return path


def write_manifest(path: str | Path, utterances: Iterable[Utterance]) -> None:
    """Write a JSONL manifest atomically; audio below its folder gets a relative path.

    Raises:
        InputError: a path, text or speaker that UTF-8 cannot hold.
    """
    folder = os.path.abspath(Path(path).parent)
    with atomic_write(path) as file:
        for utterance in utterances:
            audio = os.path.abspath(utterance.audio)
            if audio.startswith(folder + os.sep):
                audio = os.path.relpath(audio, folder)
            row = {
                "audio_filepath": audio,
                "duration": round(utterance.seconds, 4),
                "text": utterance.text,
            }
            if utterance.offset:
                row["offset"] = round(utterance.offset, 4)
            if utterance.speaker:
                row["speaker"] = utterance.speaker
            try:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
            except UnicodeEncodeError as error:
                raise InputError(
                    utterance.audio,
                    expected="a path, text and speaker in UTF-8, as a manifest is",
                    got=ascii(row),
                    remedy="Rename the file or folder, or mend the text.",
                ) from error


def missing_audio(utterances: Iterable[Utterance]) -> list[Utterance]:
    """The utterances whose audio is not a regular file; one directory listing a folder.

    A `stat` a file would take minutes for a large corpus on a network disk.
    """
    folders: dict[str, set[str]] = {}
    absent = []
    for utterance in utterances:
        folder, name = os.path.split(utterance.audio)
        if folder not in folders:
            try:
                with os.scandir(folder) as entries:
                    folders[folder] = {entry.name for entry in entries if entry.is_file()}
            except (OSError, ValueError):  # no such folder, or no name that a folder can have
                folders[folder] = set()
        if name not in folders[folder]:
            absent.append(utterance)
    return absent


def _utterance(row: dict[str, object], folder: str) -> Utterance | str:
    """The utterance of a row, or what is wrong with it."""
    audio, text = row.get("audio_filepath"), row.get("text")
    if not isinstance(audio, str) or not audio or "\0" in audio:
        return f"audio_filepath must be a path, got {_shown(audio)}"
    if not isinstance(text, str):
        return f"text must be a string, got {_shown(text)}"
    seconds, offset = _number(row.get("duration")), _number(row.get("offset") or 0.0)
    if seconds is None or not 0 < seconds <= _LONGEST:
        got = _shown(row.get("duration"))
        return f"duration must be a number of seconds above 0, at most {_LONGEST:g}, got {got}"
    if offset is None or not 0 <= offset <= _LONGEST:
        got = _shown(row.get("offset"))
        return f"offset must be a number of seconds, 0 or more, at most {_LONGEST:g}, got {got}"
    speaker = row.get("speaker")
    if not isinstance(speaker, str | int | float | None):
        return f"speaker must be a name, got {_shown(speaker)}"
    return Utterance(
        # Ten digits: a tenth of a millisecond, as it is written, in a recording of days.
        id=f"{audio}@{offset:.10g}" if offset else audio,
        audio=os.path.normpath(os.path.join(folder, audio)),
        seconds=seconds,
        text=text,
        offset=offset,
        speaker="" if speaker is None else str(speaker),
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _shown(value: object) -> str:
    """The value, shortened where it is long or deep."""
    shortened = reprlib.Repr()
    shortened.maxstring = shortened.maxother = 100
    return shortened.repr(value)
