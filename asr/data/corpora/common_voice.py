"""Mozilla Common Voice: read sentences in over 100 languages, 48 kHz MP3, CC0.

Layout: `cv-corpus-<version>/<language>/{train,dev,test,validated,...}.tsv` and `clips/*.mp3`;
newer releases add `clip_durations.tsv` (clip, duration[ms]), which spares measuring every clip:
such clips are only looked for. `sentence` is taken as it stands, case and punctuation included.

torchaudio's `COMMONVOICE` is not used: it has no way to metadata without audio, and reads the TSV
as if `"` quoted fields, so one sentence that opens with a quotation mark swallows those after it.
"""

import argparse
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from asr.data.corpora.clips import Clip, Problem, measure, report_problems
from asr.data.corpora.source import absolute_path, locate
from asr.data.manifest import Utterance, missing_audio
from asr.errors import InputError

NAME = "common_voice"
HELP = "read sentences in 100+ languages, any size, 48 kHz MP3; commonvoice.mozilla.org; CC0"

_SPLITS = ("train", "dev", "test", "validated", "other", "invalidated")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this corpus."""
    parser.add_argument(
        "source",
        type=absolute_path,
        metavar="SOURCE",
        help="the folder of one language, which holds train.tsv and clips",
    )
    parser.add_argument(
        "--splits",
        nargs="+",
        choices=_SPLITS,
        default=["train", "dev", "test"],
        help="TSV files to take; validated holds train, dev and test and more "
        "(default: train dev test)",
    )


def prepare(options: argparse.Namespace, folder: Path) -> dict[str, Sequence[Utterance]]:
    """One split a TSV file."""
    languages = sorted(path.parent.name for path in options.source.glob("*/validated.tsv"))
    example = f": {', '.join(languages)} are here" if languages else ""
    root = locate(
        options.source,
        inside=[],
        markers=[f"{split}.tsv" for split in options.splits],
        remedy=f"Name the folder of one language, cv-corpus-.../LANGUAGE{example}.",
    )
    durations = _durations(root / "clip_durations.tsv")
    return {split: _split(root, split, durations, options) for split in options.splits}


def _split(
    root: Path, split: str, durations: dict[str, float], options: argparse.Namespace
) -> list[Utterance]:
    clips = [
        Clip(str(root / "clips" / _file_name(row["path"])), row["sentence"], row["client_id"])
        for _, row in _rows(root / f"{split}.tsv", ("client_id", "path", "sentence"))
    ]
    stated = {clip.audio: durations.get(Path(clip.audio).name, 0.0) for clip in clips}
    measured, problems = measure(
        [audio for audio, seconds in stated.items() if not seconds], jobs=options.jobs
    )
    seconds = {**stated, **measured}
    utterances = [
        Utterance(clip.audio, clip.audio, seconds[clip.audio], clip.text, speaker=clip.speaker)
        for clip in clips
        if seconds[clip.audio]
    ]
    absent = {utterance.audio for utterance in missing_audio(utterances)}
    problems += [Problem(audio, "No such file") for audio in sorted(absent)]
    report_problems(problems, len(clips), skip_unreadable=options.skip_unreadable)
    return [utterance for utterance in utterances if utterance.audio not in absent]


def _file_name(path: str) -> str:
    return path if path.endswith(".mp3") else f"{path}.mp3"  # the first releases left it out


def _durations(path: Path) -> dict[str, float]:
    """File name -> seconds; empty where the release has no such file."""
    if not path.exists():
        return {}
    durations = {}
    for line, row in _rows(path, ("clip", "duration[ms]")):
        try:
            seconds = float(row["duration[ms]"]) / 1000
        except ValueError:
            seconds = -1.0
        if not 0 <= seconds < float("inf"):
            raise InputError(
                f"{path}, line {line}",
                expected="a duration in milliseconds",
                got=repr(row["duration[ms]"]),
                remedy="Extract the release again, or remove the file: then clips are measured.",
            )
        durations[row["clip"]] = seconds
    return durations


def _rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
    """Number and fields of every line behind the header; all have the `columns`."""
    if not path.is_file():
        raise InputError(
            str(path),
            expected="a TSV file of Common Voice",
            got="no such file",
            remedy="Extract the release again, or leave the split out with --splits.",
        )
    with open(path, encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        try:
            header = reader.fieldnames or ()
            if missing := [name for name in columns if name not in header]:
                raise InputError(
                    str(path),
                    expected=f"the columns {', '.join(columns)}",
                    got=f"none called {', '.join(missing)}",
                    remedy="The release may be of a newer layout: rename the header's columns.",
                )
            for row in reader:
                if any(row.get(None) or ()) or any(row[name] is None for name in columns):
                    fields = sum(value is not None for name, value in row.items() if name)
                    raise InputError(
                        f"{path}, line {reader.line_num}",
                        expected=f"{len(header)} fields, as there are columns",
                        got=str(fields + len(row.get(None) or ())),
                        remedy="The file is torn: extract the release again, or mend the line.",
                    )
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise InputError(
                f"{path}, after line {reader.line_num}",
                expected="a TSV file in UTF-8",
                got=str(error),
                remedy="Extract the release again.",
            ) from error
