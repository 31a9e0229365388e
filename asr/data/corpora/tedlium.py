"""TED-LIUM 2 and 3: English talks with their segments (https://www.openslr.org/19 and /51).

Layout: `stm/<talk>.stm` beside `sph/<talk>.sph` (NIST SPHERE, which libsndfile reads), in
`TEDLIUM_release2/{train,dev,test}` and `TEDLIUM_release-3/legacy/{train,dev,test}`; where release 3
has no legacy/train, its `data` is taken less the talks of dev and test. A line of an STM file is
`talk channel speaker start end <label> text`; the segments stay in the talk's file, by offset.

Rules for the text, each counted on stderr where it leaves something out:
- a segment `ignore_time_segment_in_scoring` is no utterance, nor one whose text is only markup;
- `<unk>`, `<sil>`, `{NOISE}` and all else in such brackets, a variant's number as in `the(2)` and
  a name in brackets at the end are removed;
- clitics that were split off are joined again, `i 'm` to `i'm`, as in published recipes.

torchaudio's `TEDLIUM` has no way to the segments without decoding and takes the ignored ones too;
the checksums are those it carries.
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from asr.data.corpora.archive import Archive
from asr.data.corpora.clips import measure, report_problems
from asr.data.corpora.progress import note
from asr.data.corpora.source import add_mirror, add_source, locate, source_or_download
from asr.data.manifest import Utterance
from asr.errors import InputError

NAME = "tedlium"
HELP = "TED talks, 207 h (release 2) or 452 h (3), 16 kHz; openslr.org/19, /51; CC BY-NC-ND 3.0"

# Release -> where OpenSLR has it, and torchaudio's checksum.
RELEASES = {
    2: (
        "19/TEDLIUM_release2.tar.gz",
        "sha256:93281b5fcaaae5c88671c9d000b443cb3c7ea3499ad12010b3934ca41a7b9c58",
    ),
    3: (
        "51/TEDLIUM_release-3.tgz",
        "sha256:ad1e454d14d1ad550bc2564c462d87c7a7ec83d4dc2b9210f22ab4973b9eccdb",
    ),
}
_INSIDE = {2: "TEDLIUM_release2", 3: "TEDLIUM_release-3/legacy"}  # of the archives
_IGNORED = "ignore_time_segment_in_scoring"
_MARKUP = re.compile(r"<[^>\s]*>|\{[^}\s]*\}|\([^()\s]*\)(?=\s*$)|\(\d+\)")
_CLITIC = re.compile(r" +(?='(?:s|m|re|ve|ll|d|t)\b)", re.IGNORECASE)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this corpus."""
    add_source(parser, holds="the folder TEDLIUM_release-3 or TEDLIUM_release2", size="34 or 51 GB")
    parser.add_argument(
        "--release", type=int, choices=RELEASES, default=3, help="for --download (default: 3)"
    )
    add_mirror(parser)


def prepare(options: argparse.Namespace, folder: Path) -> dict[str, Sequence[Utterance]]:
    """train, dev and test as published."""
    path, checksum = RELEASES[options.release]
    archive = Archive(f"{options.mirror}/{path}", checksum, _INSIDE[options.release])
    source = source_or_download(options, folder, [archive])
    fetched = [archive.holds] if options.download else []
    root = locate(
        source,
        inside=fetched or ["legacy", *_INSIDE.values()],
        markers=["dev/stm", "test/stm"],
        remedy="Name the folder TEDLIUM_release-3 or TEDLIUM_release2, or use --download.",
    )
    talks = {split: sorted((root / split / "stm").glob("*.stm")) for split in ("dev", "test")}
    held_out = {path.name for paths in talks.values() for path in paths}
    training = root / "train" if (root / "train").is_dir() else root.parent / "data"
    talks["train"] = [
        path for path in sorted((training / "stm").glob("*.stm")) if path.name not in held_out
    ]
    return {
        split: _split(talks[split], split, options.jobs, options.skip_unreadable)
        for split in ("train", "dev", "test")
    }


def _split(
    transcripts: Sequence[Path], split: str, jobs: int, skip_unreadable: bool
) -> list[Utterance]:
    audio = {path: str(path.parent.parent / "sph" / f"{path.stem}.sph") for path in transcripts}
    seconds, problems = measure(list(audio.values()), jobs=jobs)
    report_problems(problems, len(audio), skip_unreadable=skip_unreadable)
    counts: Counter[str] = Counter()
    utterances = [
        utterance
        for path in transcripts
        if audio[path] in seconds
        for utterance in _segments(path, audio[path], seconds[audio[path]], counts)
    ]
    for what, count in sorted(counts.items()):
        note(f"{split}: {what}: {count}")
    return utterances


def _segments(path: Path, audio: str, length: float, counts: Counter[str]) -> Iterator[Utterance]:
    """The utterances of one talk of `length` seconds; what is left out goes into `counts`."""
    lines = path.read_text("utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith(";;"):
            continue
        speaker, start, end, raw = _fields(line, path, number)
        if raw.strip() == _IGNORED:
            counts["segments marked to be ignored, left out"] += 1
            continue
        text = _clean(raw, counts)
        if not text:
            counts["segments without words, left out"] += 1
        elif start >= min(end, length):
            counts["segments that end before they start or lie past the audio, left out"] += 1
        else:
            if end > length:
                counts["segments that ran past the audio, cut to its end"] += 1
            yield Utterance(
                id=f"{audio}@{start:g}",
                audio=audio,
                seconds=min(end, length) - start,
                text=text,
                offset=start,
                speaker=speaker,
            )


def _fields(line: str, path: Path, number: int) -> tuple[str, float, float, str]:
    """Speaker, start and end in seconds, and the text of an STM line."""
    try:
        _, _, speaker, start, end, _, *text = line.split(maxsplit=6)
        return speaker, float(start), float(end), text[0] if text else ""
    except ValueError as error:
        raise InputError(
            f"{path}, line {number}",
            expected="talk channel speaker start end <label> text",
            got=repr(line),
            remedy="Extract the archive again.",
        ) from error


def _clean(text: str, counts: Counter[str]) -> str:
    for token, count in _tokens(text).items():
        counts[f"{token} removed from the text"] += count
    return _CLITIC.sub("", " ".join(_MARKUP.sub(" ", text).split()))


def _tokens(text: str) -> Mapping[str, int]:
    return Counter(token for token in _MARKUP.findall(text) if not token.startswith("("))
