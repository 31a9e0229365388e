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
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from asr.data.corpora.clips import Clip, Problem, to_utterances
from asr.data.corpora.shares import by_name, by_shares
from asr.data.corpora.source import absolute_path
from asr.data.manifest import Utterance
from asr.errors import InputError
from asr.files import files_below

NAME = "folder"
HELP = "your own audio: a folder with a .txt beside each recording, or a CSV/TSV of audio and text"

_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".sph", ".aif", ".aiff")
_SPLIT = re.compile(r"\w[\w.-]*")  # becomes a file name
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this corpus."""
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
    """The splits the user gave, or shares."""
    source: Path = options.source
    given: dict[str, str] = {}
    problems: list[Problem] = []
    if source.suffix in _DELIMITERS and source.is_file():
        if options.speaker_folders:
            raise InputError(
                "--speaker-folders",
                expected="a folder of recordings",
                got=f"the table {source}",
                remedy="Give the table a column `speaker`.",
            )
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
        return by_name(utterances, given)
    return by_shares(utterances, root, dict(options.shares))


def _scan(source: Path, speaker_folders: bool) -> tuple[list[Clip], list[Problem]]:
    """Recordings with their text, and those of either kind that lack the other."""
    files = sorted(path for path in files_below(source) if path.is_file())
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
    problems = _unpaired(recordings, audio, texts)
    clips = []
    for stem in sorted(audio.keys() & texts.keys()):
        below = stem.relative_to(source).parts
        speaker = below[0] if speaker_folders and len(below) > 1 else ""
        try:
            text = " ".join(texts[stem].read_text("utf-8-sig").split())
        except UnicodeDecodeError as error:
            problems.append(Problem(str(texts[stem]), f"not UTF-8: {error}"))
        else:
            clips.append(Clip(str(audio[stem]), text, speaker))
    return clips, problems


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
    for line, row in _rows(path):
        where = f"{path}, line {line}"
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
        lines[audio] = line
        clips.append(Clip(audio, row["text"], speaker=row.get("speaker") or ""))
        if "split" in row:
            given[audio] = _legal_split(row["split"], where)
    if not clips:
        raise InputError(
            str(path), expected="at least one recording", got="none", remedy="Add lines."
        )
    return clips, given


def _rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, delimiter=_DELIMITERS[path.suffix], strict=True)
        try:
            columns = reader.fieldnames or ()
            if missing := [name for name in ("audio", "text") if name not in columns]:
                raise InputError(
                    str(path),
                    expected="the columns audio and text",
                    got=f"{', '.join(columns) or 'an empty file'}: no {' and no '.join(missing)}",
                    remedy="Name them in the first line.",
                )
            for row in reader:
                # Where a comma of the text is not quoted, its end is elsewhere.
                if any(row.get(None) or ()):
                    raise InputError(
                        f"{path}, line {reader.line_num}",
                        expected=f"{len(columns)} fields, as there are columns",
                        got=f"{len(columns) + len(row[None])}",
                        remedy="Put a text that holds the delimiter into quotation marks.",
                    )
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(
                f"{path}, after line {reader.line_num}",
                expected=f"a {path.suffix[1:].upper()} file in UTF-8",
                got=str(error),
                remedy="Save it again as UTF-8, fields with quotation marks or breaks quoted.",
            ) from error


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
