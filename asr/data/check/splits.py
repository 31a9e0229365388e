"""Text and audio that stand in two manifests: what was trained on would be scored on."""

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from asr.data.check.audio_faults import DURATION_TOLERANCE, Heard
from asr.data.manifest import Utterance


@dataclass(frozen=True, slots=True)
class Line:
    """An utterance, where it stands and what its audio is."""

    manifest: int  # index
    utterance: Utterance  # with a normalised text
    heard: Heard


Pair = tuple[Line, Line]  # of the later manifest, of the earlier one


def same_text(lines: Iterable[Line]) -> Iterator[Pair]:
    """Lines whose text an earlier manifest has too."""
    return _same((line.utterance.text, line) for line in lines if line.utterance.text)


def same_audio(lines: Sequence[Line]) -> Iterator[Pair]:
    """Lines whose samples, or part of whose file, an earlier manifest has too, each line once.

    Copies are found under any name and in any lossless format.
    """
    found = set()
    digests = ((line.heard.digest, line) for line in lines if line.heard.digest)
    for later, earlier in (*_same(digests), *_overlapping(lines)):
        key = (later.manifest, later.utterance.id)
        if key not in found:
            found.add(key)
            yield later, earlier


def _same(keyed: Iterable[tuple[Hashable, Line]]) -> Iterator[Pair]:
    """Every line with the first one of the same key, where that is of an earlier manifest."""
    groups: dict[Hashable, list[Line]] = defaultdict(list)
    for key, line in keyed:
        groups[key].append(line)
    for group in groups.values():
        first = min(group, key=lambda line: line.manifest)
        for line in group:
            if line.manifest > first.manifest:
                yield line, first


def _overlapping(lines: Iterable[Line]) -> Iterator[Pair]:
    """Pairs that take the same part of a file, but for the tolerance."""
    files: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        files[line.heard.file].append(line)
    for group in files.values():
        longest: dict[int, Line] = {}  # of each manifest, the one that ends last so far
        for line in sorted(group, key=lambda line: line.utterance.offset):
            for other in longest.values():
                shared = min(_end(other), _end(line)) - line.utterance.offset
                if other.manifest != line.manifest and shared > DURATION_TOLERANCE:
                    earlier, later = sorted((other, line), key=lambda line: line.manifest)
                    yield later, earlier
            last = longest.get(line.manifest)
            if last is None or _end(line) > _end(last):
                longest[line.manifest] = line


def _end(line: Line) -> float:
    return line.utterance.offset + line.utterance.seconds
