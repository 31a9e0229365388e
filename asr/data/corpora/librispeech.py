"""LibriSpeech and Mini LibriSpeech: read English audiobooks (https://www.openslr.org/12, /31).

Layout: `LibriSpeech/<subset>/<reader>/<chapter>/<reader>-<chapter>-<number>.flac`, and beside
them `<reader>-<chapter>.trans.txt` with one `<id> <TEXT>` a line. Each subset is one split, the
FLAC stays where and as it is.

torchaudio's `LIBRISPEECH.get_metadata` would do without decoding, but refuses Mini's subsets and
opens and searches the chapter's transcript anew for every utterance; the five lines are here.
Checksums are those of the publisher's md5sum.txt.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from asr.data.corpora.archive import Archive
from asr.data.corpora.clips import Clip, Problem, to_utterances
from asr.data.corpora.progress import track
from asr.data.corpora.source import add_mirror, add_source, locate, source_or_download
from asr.data.manifest import Utterance
from asr.errors import InputError

NAME = "librispeech"
HELP = "read audiobooks, 5 h (Mini) to 960 h, 16 kHz; openslr.org/12 and /31; CC BY 4.0"

# Subset -> OpenSLR's number of the corpus, and the MD5 of <subset>.tar.gz.
SUBSETS = {
    "train-clean-100": (12, "2a93770f6d5c6c964bc36631d331a522"),
    "train-clean-360": (12, "c0e676e450a7ff2f54aeade5171606fa"),
    "train-other-500": (12, "d1a0fd59409feb2c614ce4d30c387708"),
    "dev-clean": (12, "42e2234ba48799c1f50f24a7926300a1"),
    "dev-other": (12, "c8d0bcc9cca99d4f8b62fcc847357931"),
    "test-clean": (12, "32fa31d27d2e1cad72775fee3f4849a9"),
    "test-other": (12, "fb5a50374b501bb3bac4815ee91d3135"),
    "train-clean-5": (31, "5df7d4e78065366204ca6845bb08f490"),
    "dev-clean-2": (31, "6d7ab67ac6a1d2c993d050e16d61080d"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of this corpus."""
    add_source(
        parser,
        holds="the folder LibriSpeech, or the one it was extracted into",
        size="0.1 GB for dev-clean-2 to 30 GB for train-other-500",
    )
    parser.add_argument(
        "--subsets",
        nargs="+",
        choices=SUBSETS,
        metavar="SUBSET",
        help=f"of {', '.join(SUBSETS)}; needed by --download (default: those in SOURCE)",
    )
    add_mirror(parser)


def prepare(options: argparse.Namespace, folder: Path) -> dict[str, Sequence[Utterance]]:
    """One split a subset."""
    if options.download and not options.subsets:
        raise InputError(
            "librispeech --download",
            expected="the subsets to fetch",
            got="none",
            remedy="Add for example --subsets train-clean-5 dev-clean-2 (0.5 GB).",
        )
    archives = [_archive(subset, options.mirror) for subset in options.subsets or ()]
    source = source_or_download(options, folder, archives)
    root = locate(
        source,
        inside=["LibriSpeech"],
        markers=options.subsets or list(SUBSETS),
        remedy="Name the folder LibriSpeech, or fetch it with --download --subsets ...",
    )
    subsets = options.subsets or [name for name in SUBSETS if (root / name).is_dir()]
    return {subset: _subset(root / subset, options) for subset in subsets}


def _archive(subset: str, mirror: str) -> Archive:
    number, md5 = SUBSETS[subset]
    return Archive(f"{mirror}/{number}/{subset}.tar.gz", f"md5:{md5}", f"LibriSpeech/{subset}")


def _subset(path: Path, options: argparse.Namespace) -> list[Utterance]:
    if not path.is_dir():
        raise InputError(
            str(path),
            expected="the folder of the subset",
            got="no such folder",
            remedy="Extract its archive there, fetch it with --download, or leave it out of "
            "--subsets.",
        )
    clips: list[Clip] = []
    for transcript in track(sorted(path.glob("*/*/*.trans.txt")), f"transcripts of {path.name}"):
        clips += _chapter(transcript)
    spare = {str(file) for file in path.glob("*/*/*.flac")} - {clip.audio for clip in clips}
    problems = [Problem(audio, "no line in a .trans.txt beside it") for audio in sorted(spare)]
    return to_utterances(
        clips, jobs=options.jobs, skip_unreadable=options.skip_unreadable, problems=problems
    )


def _chapter(transcript: Path) -> list[Clip]:
    """The clips of one `.trans.txt`."""
    lines = [line.partition(" ") for line in transcript.read_text("utf-8").splitlines() if line]
    return [
        Clip(str(transcript.with_name(f"{name}.flac")), text.strip(), name.split("-")[0])
        for name, _, text in lines
    ]
