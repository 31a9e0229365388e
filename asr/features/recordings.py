"""Collections of noise or impulse responses: a folder of audio, or a JSONL manifest."""

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import torch
from torch import Tensor

from asr import audio
from asr.errors import InputError
from asr.features.resample import resample
from asr.files import files_below

_SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3"}


@dataclass(frozen=True, slots=True)
class Recording:
    """A file, or a part of one."""

    path: str
    offset: float = 0.0  # seconds
    seconds: float | None = None  # to the end of the file

    def length(self) -> float:
        """Seconds of audio, from the file's header where it is not stated."""
        return _file_seconds(self.path) - self.offset if self.seconds is None else self.seconds

    def read(self, sample_rate: int, skip: float, seconds: float) -> Tensor:
        """At most `seconds` from `skip` seconds on, as `(N,)` at `sample_rate`."""
        wanted = min(seconds, self.length() - skip)
        samples, original = audio.read(self.path, self.offset + skip, wanted)
        return torch.as_tensor(resample(samples, original, sample_rate))


def find_recordings(source: str) -> tuple[Recording, ...]:
    """All audio under a folder, sorted by path, or the lines of a JSONL manifest.

    A line has `audio_filepath`, relative to the manifest's folder, and may have `offset` and
    `duration` in seconds.

    Raises:
        InputError: there is no such source, it is empty, or a line cannot be read.
    """
    path = Path(source)
    if path.is_dir():
        files = sorted(file for file in files_below(path) if file.suffix.lower() in _SUFFIXES)
        recordings = tuple(Recording(str(file)) for file in files)
    elif path.is_file() and path.suffix in {".jsonl", ".json"}:
        lines = path.read_text("utf-8").splitlines()
        recordings = tuple(
            _parse(line, number, path) for number, line in enumerate(lines, 1) if line.strip()
        )
    else:
        recordings = ()
    if not recordings:
        raise InputError(
            source,
            expected=f"a folder with {', '.join(sorted(_SUFFIXES))} files, or a .jsonl manifest",
            got="no audio" if path.exists() else "no such file or folder",
            remedy="Check the path, or set source to null for generated sound.",
        )
    return recordings


def _parse(line: str, number: int, path: Path) -> Recording:
    try:
        row = json.loads(line)
        seconds = row.get("duration")
        return Recording(
            str(path.parent / row["audio_filepath"]),
            float(row.get("offset") or 0.0),
            None if seconds is None else float(seconds),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{path}, line {number}",
            expected="an object with audio_filepath, and perhaps offset and duration in seconds",
            got=line[:80],
            remedy="Mend or remove the line.",
        ) from error


@lru_cache(maxsize=65536)
def _file_seconds(path: str) -> float:
    return audio.probe(path).seconds
