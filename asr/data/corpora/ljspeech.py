"""LJ Speech 1.1: one reader, 13,100 clips of seven books (https://keithito.com/LJ-Speech-Dataset).

Layout: `LJSpeech-1.1/metadata.csv` with `id|transcript|normalised transcript`, and `wavs/<id>.wav`.
The normalised transcript is taken: the publisher's own, with numbers and titles written out.

The corpus has no published split. Here whole chapters are held out, so that no passage is on both
sides: `test` is the first and the last chapter, LJ001 and LJ050, `validation` their neighbours,
LJ002 and LJ049, about 4 % each. LJ001 and LJ002 are all of one book, which training never meets.

torchaudio's `LJSPEECH` has no way to the text without decoding the audio; the checksum is the one
it carries.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

from asr.data.corpora.archive import Archive
from asr.data.corpora.clips import Clip, Problem, to_utterances
from asr.data.corpora.source import add_source, locate, source_or_download
from asr.data.manifest import Utterance
from asr.errors import InputError

NAME = "ljspeech"
HELP = "one reader, seven books, 24 h, 22 kHz; keithito.com/LJ-Speech-Dataset; public domain"

ARCHIVE = Archive(
    "https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2",
    "sha256:be1a30453f28eb8dd26af4101ae40cbf2c50413b1bb21936cbcdc6fae3de8aa5",
    "LJSpeech-1.1",
)
_HELD_OUT = {"LJ001": "test", "LJ050": "test", "LJ002": "validation", "LJ049": "validation"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this corpus."""
    add_source(
        parser, holds="the folder LJSpeech-1.1, or the one it was extracted into", size="2.6 GB"
    )


def prepare(options: argparse.Namespace, folder: Path) -> dict[str, Sequence[Utterance]]:
    """train, validation and test by chapter."""
    root = locate(
        source_or_download(options, folder, [ARCHIVE]),
        inside=[ARCHIVE.holds],
        markers=["metadata.csv"],
        remedy="Name the folder LJSpeech-1.1, or fetch it with --download.",
    )
    clips = _clips(root)
    listed = {clip.audio for clip in clips}
    spare = [path for path in sorted((root / "wavs").glob("*.wav")) if str(path) not in listed]
    utterances = to_utterances(
        clips,
        jobs=options.jobs,
        skip_unreadable=options.skip_unreadable,
        problems=[Problem(str(path), "no line in metadata.csv") for path in spare],
    )
    splits: dict[str, list[Utterance]] = {"train": [], "validation": [], "test": []}
    for utterance in utterances:
        chapter = Path(utterance.audio).name.split("-")[0]
        splits[_HELD_OUT.get(chapter, "train")].append(utterance)
    return {**splits}


def _clips(root: Path) -> list[Clip]:
    path = root / "metadata.csv"
    clips = []
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE)
        for row in reader:
            if len(row) != 3:
                raise InputError(
                    f"{path}, line {reader.line_num}",
                    expected="id|transcript|normalised transcript",
                    got=f"{len(row)} fields",
                    remedy="Extract the archive again.",
                )
            name, _, text = row
            clips.append(Clip(str(root / "wavs" / f"{name}.wav"), text, speaker="LJ"))
    return clips
