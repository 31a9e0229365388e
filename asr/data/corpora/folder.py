"""The user's own audio: a folder of recordings beside same-named .txt, or a CSV or TSV of them.

A table needs the columns `audio` and `text` and may have `speaker` and `split`; relative paths
resolve against the table's folder. A `.txt` is UTF-8; its line breaks become spaces.

Splits, in this order: `--split NAME` puts everything into one; a column `split` is followed; else
the shares of `--shares` are filled with whole speakers where speakers are known and with single
files where not, in the order of the SHA-256 of their names, so that the same audio always gets the
same split. Adding audio may move a speaker: a column `split` fixes it.
"""

import argparse
import csv
import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path

from asr.data.corpora.clips import Clip, Problem, to_utterances
from asr.data.corpora.source import absolute_path
from asr.data.manifest import Utterance
from asr.errors import InputError

NAME = "folder"
HELP = "your own audio: a folder with a .txt beside each recording, or a CSV/TSV of audio and text"

_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".sph", ".aif", ".aiff")
_SPLIT = re.compile(r"\w[\w.-]*")  # becomes a file name
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        type=absolute_path,
        metavar="SOURCE",
        help="a folder, searched to the bottom, or a .csv or .tsv file with the columns audio, "
        "text and if you like speaker and split",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--split", type=_split_name, metavar="NAME", help="put everything there")
    where.add_argument(
        "--shares",
        nargs="+",
        type=_share,
        default=[("train", 0.8), ("validation", 0.1), ("test", 0.1)],
        metavar="NAME=SHARE",
        help="shares of the hours (default: train=0.8 validation=0.1 test=0.1)",
    )
    parser.add_argument(
        "--speaker-folders",
        action="store_true",
        help="the first folder below SOURCE is the speaker",
    )


def prepare(options: argparse.Namespace, folder: Path) -> dict[str, Sequence[Utterance]]:
    source: Path = options.source
    given: dict[str, str] = {}
    problems: list[Problem] = []
    if source.suffix in _DELIMITERS and source.is_file():
        clips, given = _read_table(source)
        root = source.parent
    elif source.is_dir():
        clips, problems = _scan(source, options.speaker_folders)
        root = source
    else:
        raise InputError(
            str(source),
            expected="a folder, or a file that ends in .csv or .tsv",
            got="another file" if source.exists() else "nothing at that path",
            remedy="Check the path.",
        )
    utterances = to_utterances(
        clips, jobs=options.jobs, skip_unreadable=options.skip_unreadable, problems=problems
    )
    if options.split:
        return {options.split: utterances}
    if given:
        return _grouped(utterances, given)
    return _shared(utterances, root, dict(options.shares))


def assign(hours: Mapping[str, float], shares: Mapping[str, float]) -> dict[str, str]:
    """Group -> split: groups in the order of their hash fill the shares one after the other.

    A group belongs to the split in which its middle falls.

    Args:
        hours: the size of each group, in any unit.
        shares: fractions that sum to 1.
    """
    bounds = list(zip(shares, accumulate(shares.values()), strict=True))
    total, before = sum(hours.values()), 0.0
    splits = {}
    for group in sorted(hours, key=lambda name: hashlib.sha256(name.encode()).digest()):
        middle = (before + hours[group] / 2) / total
        splits[group] = next((name for name, bound in bounds if middle < bound), bounds[-1][0])
        before += hours[group]
    return splits


def _shared(
    utterances: Sequence[Utterance], root: Path, shares: Mapping[str, float]
) -> dict[str, Sequence[Utterance]]:
    if abs(sum(shares.values()) - 1) > 1e-6:
        raise InputError(
            "--shares",
            expected="shares that sum to 1",
            got=" + ".join(f"{share:g}" for share in shares.values()),
            remedy="Give them as fractions, train=0.9 validation=0.1.",
        )
    # The path below the source: the split must not depend on where the audio lies.
    group = {
        utterance.id: utterance.speaker or os.path.relpath(utterance.audio, root)
        for utterance in utterances
    }
    seconds: dict[str, float] = {}
    for utterance in utterances:
        name = group[utterance.id]
        seconds[name] = seconds.get(name, 0.0) + utterance.seconds
    split_of = assign(seconds, shares) if utterances else {}
    empty = [name for name in shares if name not in split_of.values()]
    if empty:
        kind = "speakers" if any(utterance.speaker for utterance in utterances) else "files"
        raise InputError(
            f"--shares {' '.join(f'{name}={share:g}' for name, share in shares.items())}",
            expected="audio for every split",
            got=f"none for {', '.join(empty)}: {len(seconds)} {kind} of uneven size",
            remedy="Give other shares, a column split, or --split NAME.",
        )
    splits = _grouped(utterances, {name: split_of[where] for name, where in group.items()})
    return {name: splits[name] for name in shares}


def _grouped(
    utterances: Sequence[Utterance], split_of: Mapping[str, str]
) -> dict[str, Sequence[Utterance]]:
    splits: dict[str, list[Utterance]] = {}
    for utterance in utterances:
        splits.setdefault(split_of[utterance.id], []).append(utterance)
    return {**splits}


def _scan(source: Path, speaker_folders: bool) -> tuple[list[Clip], list[Problem]]:
    """Recordings with their text, and those of either kind that lack the other."""
    files = [path for path in sorted(source.rglob("*")) if path.is_file()]
    recordings = [path for path in files if path.suffix.lower() in _SUFFIXES]
    audio = {path.with_suffix(""): path for path in reversed(recordings)}
    texts = {path.with_suffix(""): path for path in files if path.suffix.lower() == ".txt"}
    if not audio:
        found = sorted({path.suffix for path in files if path.suffix})
        raise InputError(
            str(source),
            expected=f"recordings that end in {', '.join(_SUFFIXES)}",
            got=f"files that end in {', '.join(found)}" if found else "none",
            remedy="Convert the recordings to FLAC, WAV, OGG or MP3.",
        )
    clips = [
        Clip(
            str(path),
            " ".join(texts[stem].read_text("utf-8-sig").split()),
            speaker=stem.relative_to(source).parts[0]
            if speaker_folders and stem.parent != source
            else "",
        )
        for stem, path in sorted(audio.items())
        if stem in texts
    ]
    return clips, _unpaired(recordings, audio, texts)


def _unpaired(
    recordings: Sequence[Path], audio: Mapping[Path, Path], texts: Mapping[Path, Path]
) -> list[Problem]:
    """Recordings without text, text without a recording, and second recordings of one name."""
    problems = []
    for path in recordings:
        stem = path.with_suffix("")
        if stem not in texts:
            problems.append(Problem(str(path), f"no {path.stem}.txt beside it"))
        elif audio[stem] != path:
            problems.append(Problem(str(path), f"same name as {audio[stem].name}"))
    silent = [path for stem, path in texts.items() if stem not in audio]
    return problems + [Problem(str(path), "no recording of that name") for path in silent]


def _read_table(path: Path) -> tuple[list[Clip], dict[str, str]]:
    """The clips, and audio -> split where the table has a column `split`."""
    clips: list[Clip] = []
    given: dict[str, str] = {}
    lines: dict[str, int] = {}
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=_DELIMITERS[path.suffix], strict=True)
        columns = reader.fieldnames or ()
        if missing := [name for name in ("audio", "text") if name not in columns]:
            raise InputError(
                str(path),
                expected="the columns audio and text",
                got=f"{', '.join(columns) or 'an empty file'}: no {' and no '.join(missing)}",
                remedy="Name them in the first line.",
            )
        for row in reader:
            where = f"{path}, line {reader.line_num}"
            if not row["audio"] or row["text"] is None:
                raise InputError(
                    where,
                    expected="audio and text",
                    got=f"{row['audio']!r} and {row['text']!r}",
                    remedy="Complete or remove the line.",
                )
            audio = os.path.normpath(path.parent / row["audio"])
            if audio in lines:
                raise InputError(
                    where,
                    expected="each recording once",
                    got=f"{row['audio']} again, first on line {lines[audio]}",
                    remedy="Remove one of the two lines.",
                )
            lines[audio] = reader.line_num
            clips.append(Clip(audio, row["text"], speaker=row.get("speaker") or ""))
            if "split" in columns:
                given[audio] = _legal_split(row["split"], where)
    if not clips:
        raise InputError(
            str(path), expected="at least one recording", got="none", remedy="Add lines."
        )
    return clips, given


def _legal_split(name: str, where: str) -> str:
    if not _SPLIT.fullmatch(name or ""):
        raise InputError(
            where,
            expected="a split's name of letters, digits, dots and hyphens",
            got=repr(name),
            remedy="It becomes a file name; train, validation and test are usual.",
        )
    return name


def _split_name(text: str) -> str:
    if not _SPLIT.fullmatch(text):
        raise argparse.ArgumentTypeError(f"{text!r} cannot be a file name")
    return text


def _share(text: str) -> tuple[str, float]:
    name, _, share = text.partition("=")
    try:
        fraction = float(share)
    except ValueError:
        fraction = 0.0
    if not 0 < fraction <= 1:
        raise argparse.ArgumentTypeError(f"expected NAME=SHARE, such as train=0.8, got {text!r}")
    return _split_name(name), fraction
