"""Free Spoken Digit Dataset: single digits by six speakers, joined here into strings of digits."""

import argparse
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from random import Random

import numpy as np

from asr.arguments import count
from asr.audio import probe, read
from asr.data.corpora.made_audio import file_name, write_flac
from asr.data.corpora.progress import note, track
from asr.data.corpora.source import absolute_path
from asr.data.manifest import Utterance
from asr.errors import InputError

NAME = "fsdd"
HELP = (
    "Free Spoken Digit Dataset, 6 speakers, 0.4 h at 8 kHz, joined into strings of digits; "
    "git clone https://github.com/Jakobovski/free-spoken-digit-dataset; CC BY-SA 4.0"
)

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SILENCE = (0.05, 0.2)  # seconds between two digits
_FILE = re.compile(r"(\d)_(\w+)_(\d+)\.wav")
_RECIPE = (
    1  # part of every made file's name: raise it when the same string comes to sound otherwise
)


@dataclass(frozen=True, slots=True)
class Recording:
    """One spoken digit."""

    path: Path
    digit: int
    speaker: str
    take: int

    @property
    def split(self) -> str:
        """Upstream's test set is takes 0 to 4; of its training set, takes 5 to 9 validate."""
        return ("test", "validation")[self.take // 5] if self.take < 10 else "train"


@dataclass(frozen=True, slots=True)
class DigitString:
    """Recordings of one speaker, and the seconds of silence after all but the last."""

    recordings: tuple[Recording, ...]
    silences: tuple[float, ...]

    @property
    def text(self) -> str:
        return " ".join(DIGITS[recording.digit] for recording in self.recordings)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where the recordings are, and how to join them."""
    parser.add_argument("--source", type=absolute_path, required=True, help="the cloned repository")
    parser.add_argument(
        "--single", action="store_true", help="leave the digits single, joining nothing"
    )
    parser.add_argument(
        "--string-lengths",
        type=int,
        nargs=2,
        default=(3, 7),
        metavar=("LEAST", "MOST"),
        help="digits in a string (3 7)",
    )
    parser.add_argument(
        "--strings-per-split",
        type=count,
        nargs=3,
        default=(1200, 120, 180),
        metavar=("TRAIN", "VALIDATION", "TEST"),
        help="strings in each split (1200 120 180)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="another seed joins other strings (%(default)s)"
    )


def prepare(options: argparse.Namespace, folder: Path) -> dict[str, Sequence[Utterance]]:
    """Split as upstream does, by takes, then join each split's digits into strings."""
    splits = _split(find_recordings(options.source))
    if options.single:
        return {split: [_single(one) for one in recordings] for split, recordings in splits.items()}
    least, most = options.string_lengths
    if not 1 <= least <= most:
        raise InputError(
            "--string-lengths",
            expected="two numbers of digits, the least and the most",
            got=f"{least} {most}",
            remedy="Give for example 3 7.",
        )
    utterances: dict[str, Sequence[Utterance]] = {}
    counts = zip(("train", "validation", "test"), options.strings_per_split, strict=True)
    for split, wanted in counts:
        random = Random(f"{options.seed} {split}")
        strings = list(islice(join(splits[split], (least, most), random), wanted))
        used = {recording for string in strings for recording in string.recordings}
        if unused := len(splits[split]) - len(used):
            note(f"{NAME} {split}: {unused} recordings are in no string; raise its count")
        utterances[split] = [
            _string(folder, split, string) for string in track(strings, f"{NAME} {split}")
        ]
    return utterances


def find_recordings(source: Path) -> list[Recording]:
    """The recordings of a clone, sorted by file name; a file named otherwise is an error."""
    paths = sorted((source / "recordings").glob("*.wav"))
    if not paths:
        raise InputError(
            str(source),
            expected="a folder `recordings` with files like 7_jackson_32.wav",
            got="none" if source.is_dir() else "no such folder",
            remedy=(
                "Clone https://github.com/Jakobovski/free-spoken-digit-dataset and give the clone."
            ),
        )
    return [_recording(path) for path in paths]


def join(
    recordings: Sequence[Recording], lengths: tuple[int, int], random: Random
) -> Iterator[DigitString]:
    """Draw strings without end, the speakers taking turns.

    Each speaker's recordings are dealt like a pack of cards: none comes again before all the
    others have come.
    """
    by_speaker = defaultdict(list)
    for recording in recordings:
        by_speaker[recording.speaker].append(recording)
    packs = [_deal(by_speaker[speaker], random) for speaker in sorted(by_speaker)]
    for pack in cycle(packs):
        length = random.randint(*lengths)
        silences = tuple(round(random.uniform(*SILENCE), 3) for _ in range(length - 1))
        yield DigitString(tuple(islice(pack, length)), silences)


def splice(waveforms: Sequence[np.ndarray], silences: Sequence[float], rate: int) -> np.ndarray:
    """Join waveforms `(N,)` with digital silences, in seconds, between them."""
    parts = [waveforms[0]]
    for silence, waveform in zip(silences, waveforms[1:], strict=True):
        parts += [np.zeros(round(silence * rate), np.float32), waveform]
    return np.concatenate(parts)


def _recording(path: Path) -> Recording:
    match = _FILE.fullmatch(path.name)
    if match is None:
        raise InputError(
            str(path),
            expected="a name like 7_jackson_32.wav: digit, speaker, take",
            got=path.name,
            remedy="Rename the file or take it out of the folder.",
        )
    return Recording(path, int(match[1]), match[2], int(match[3]))


def _split(recordings: Iterable[Recording]) -> dict[str, list[Recording]]:
    splits: dict[str, list[Recording]] = {"train": [], "validation": [], "test": []}
    for recording in recordings:
        splits[recording.split].append(recording)
    if empty := [split for split, members in splits.items() if not members]:
        raise InputError(
            "the recordings",
            expected="takes 0 to 4 (test), 5 to 9 (validation) and more (train)",
            got=f"none for {' and '.join(empty)}",
            remedy="Give a complete clone of the repository.",
        )
    return splits


def _deal(recordings: list[Recording], random: Random) -> Iterator[Recording]:
    while True:
        yield from random.sample(recordings, len(recordings))


def _single(recording: Recording) -> Utterance:
    return Utterance(
        id=recording.path.name,
        audio=str(recording.path),
        seconds=probe(recording.path).seconds,
        text=DIGITS[recording.digit],
        speaker=recording.speaker,
    )


def _string(folder: Path, split: str, string: DigitString) -> Utterance:
    """The utterance of a string, its audio made unless it is there."""
    sources = [recording.path.name for recording in string.recordings]
    name = f"{split}/{file_name([_RECIPE, sources, string.silences])}"
    path = folder / name
    if not path.exists():
        waveforms, rates = zip(*(read(one.path) for one in string.recordings), strict=True)
        if len(set(rates)) > 1:
            raise InputError(
                f"the recordings {', '.join(sources)}",
                expected="one sample rate",
                got=f"{sorted(set(rates))} Hz",
                remedy="Give the repository as it was published, at 8,000 Hz.",
            )
        write_flac(path, splice(waveforms, string.silences, rates[0]), rates[0])
    return Utterance(
        id=name,
        audio=str(path.absolute()),
        seconds=probe(path).seconds,
        text=string.text,
        speaker=string.recordings[0].speaker,
    )
