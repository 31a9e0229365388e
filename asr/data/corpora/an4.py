"""CMU AN4 ("census"): spelled names, addresses and numbers (Acero 1993), 948 + 130 utterances.

Layout of both archives: `an4/etc/an4_{train,test}.{fileids,transcription}` and
`an4/wav/{an4_clstk,an4test_clstk}/<speaker>/<id>`, the audio as NIST SPHERE (an4_sphere.tar.gz) or
as headerless big-endian 16-bit PCM at 16 kHz (an4_raw.bigendian.tar.gz). libsndfile reads SPHERE
as it is; headerless audio is written once more as FLAC below the corpus folder.

A transcription reads `<s> P I T T S B U R G H </s> (cen5-fash-b)`; sentence marks, `<sil>`,
fillers like `++NOISE++` and the id are removed. AN4 has no development set: every tenth training
speaker in alphabetical order becomes `validation`, unless --no-validation leaves the published two
splits. No kept library knows this corpus.
"""

import argparse
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import soundfile

from asr.data.corpora.clips import Clip, to_utterances
from asr.data.corpora.progress import track
from asr.data.corpora.source import absolute_path, locate
from asr.data.manifest import Utterance
from asr.errors import InputError
from asr.files import atomic_write

NAME = "an4"
HELP = "spelled names, addresses, numbers, 1 h, 16 kHz; CMU's an4_sphere.tar.gz; licence within"

_RATE = 16_000  # Hz, of the headerless files (AN4's README)
_MARKUP = re.compile(r"</?s>|<sil>|\+\+\w+\+\+")
_LINE = re.compile(r"(?P<text>.*?)\((?P<id>[^()\s]+)\)\s*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this corpus."""
    parser.add_argument(
        "source",
        type=absolute_path,
        metavar="SOURCE",
        help="the extracted folder an4, or the one around it",
    )
    parser.add_argument(
        "--no-validation", action="store_true", help="keep every training speaker in train"
    )


def prepare(options: argparse.Namespace, folder: Path) -> dict[str, Sequence[Utterance]]:
    """The published train and test, and validation speakers held out of train."""
    root = locate(
        options.source,
        inside=["an4"],
        markers=["etc/an4_train.transcription"],
        remedy="Fetch an4_sphere.tar.gz from CMU, extract it and name the folder an4.",
    )
    splits = {}
    for split in ("train", "test"):
        clips = [_readable(clip, root, folder) for clip in track(_clips(root, split), split)]
        splits[split] = to_utterances(
            clips, jobs=options.jobs, skip_unreadable=options.skip_unreadable
        )
    if options.no_validation:
        return {**splits}
    held_out = set(sorted({utterance.speaker for utterance in splits["train"]})[::10])
    return {
        "train": [utterance for utterance in splits["train"] if utterance.speaker not in held_out],
        "validation": [utterance for utterance in splits["train"] if utterance.speaker in held_out],
        "test": splits["test"],
    }


def _clips(root: Path, split: str) -> list[Clip]:
    """The lines of a split's transcription, each joined with its file by the id."""
    lists = root / "etc"
    paths = {Path(line).name: line for line in _lines(lists / f"an4_{split}.fileids")}
    clips = []
    for line in _lines(lists / f"an4_{split}.transcription"):
        match = _LINE.fullmatch(line)
        if match is None or match["id"] not in paths:
            raise InputError(
                str(lists / f"an4_{split}.transcription"),
                expected="lines that end in (id), each id named in the .fileids beside it",
                got=repr(line),
                remedy="Extract the archive again.",
            )
        stem = root / "wav" / paths[match["id"]]
        text = " ".join(_MARKUP.sub(" ", match["text"]).split())
        clips.append(Clip(_audio(stem), text, speaker=stem.parent.name))
    return clips


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise InputError(
            str(path),
            expected="a list of AN4",
            got="no such file",
            remedy="Extract the archive again.",
        )
    return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]


def _audio(stem: Path) -> str:
    """The file of an id, in whichever format the user has; SPHERE's name if there is none."""
    candidates = [stem.with_name(stem.name + suffix) for suffix in (".sph", ".raw", ".wav")]
    return str(next((path for path in candidates if path.is_file()), candidates[0]))


def _readable(clip: Clip, root: Path, folder: Path) -> Clip:
    """The clip itself, or for headerless audio its FLAC, written if it is not there yet."""
    source = Path(clip.audio)
    if source.suffix != ".raw":
        return clip
    target = (folder / "audio" / source.relative_to(root / "wav")).with_suffix(".flac")
    if not target.exists():
        samples, _ = soundfile.read(
            source,
            dtype="int16",
            samplerate=_RATE,
            channels=1,
            format="RAW",
            subtype="PCM_16",
            endian="BIG",
        )
        with atomic_write(target, "wb") as file:
            soundfile.write(file, samples, _RATE, format="FLAC")
    return replace(clip, audio=str(target))
