"""`python -m asr.data.prepare CORPUS`: a corpus to one manifest a split, data/CORPUS/SPLIT.jsonl.

Run it again after a break: what is done is kept. The manifests appear together, at the end, and
one that exists and differs is replaced only with --force.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from asr.arguments import count
from asr.data.corpora import (
    amazon_queen,
    an4,
    common_voice,
    folder,
    fsdd,
    librispeech,
    ljspeech,
    synthetic,
    tedlium,
)
from asr.data.corpora.progress import note
from asr.data.corpora.source import absolute_path
from asr.data.manifest import Utterance, write_manifest
from asr.errors import InputError, report_input_errors
from asr.files import sha256


class Corpus(Protocol):
    """What each module of `asr.data.corpora` that is a corpus defines."""

    NAME: str
    HELP: str  # what, hours, rate; where a user gets it; licence

    def add_arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def prepare(
        self, options: argparse.Namespace, folder: Path
    ) -> Mapping[str, Sequence[Utterance]]:
        """The utterances of each split; work done before a kill is found again."""


CORPORA: tuple[Corpus, ...] = (
    synthetic,
    amazon_queen,
    fsdd,
    librispeech,
    an4,
    common_voice,
    tedlium,
    ljspeech,
    folder,
)


@dataclass(frozen=True, slots=True)
class Prepared:
    """One split, as printed."""

    split: str
    manifest: str
    written: bool  # False: it was there already, the same
    lines: int
    hours: float
    words: int
    speakers: int  # 0 where the corpus names none
    sha256: str


def publish(
    folder: Path, splits: Mapping[str, Sequence[Utterance]], *, force: bool = False
) -> list[Prepared]:
    """Write `folder`/SPLIT.jsonl for every split; none takes its place before all are whole.

    Raises:
        InputError: a split is empty or has impossible lines, or, without `force`, a manifest that
            exists differs; nothing has been written then.
    """
    for split, utterances in splits.items():
        _validate(split, utterances)
    targets = {split: folder / f"{split}.jsonl" for split in splits}
    staged = {split: folder / f".{split}.jsonl.{os.getpid()}.staged" for split in splits}
    try:
        for split, utterances in splits.items():
            write_manifest(staged[split], utterances)
        hashes = {split: sha256(path) for split, path in staged.items()}
        changed = [
            split
            for split, path in targets.items()
            if not path.exists() or sha256(path) != hashes[split]
        ]
        replaced = [targets[split] for split in changed if targets[split].exists()]
        if replaced and not force:
            raise _conflict(replaced, splits)
        for split in changed:
            os.replace(staged[split], targets[split])
    finally:
        for path in staged.values():
            path.unlink(missing_ok=True)
    for path in replaced:
        note(f"replaced {path} (--force)")
    return [
        _summary(split, targets[split], split in changed, splits[split], hashes[split])
        for split in splits
    ]


def _validate(split: str, utterances: Sequence[Utterance]) -> None:
    """What `read_manifest` would refuse later is a fault of the corpus now."""
    ids = {utterance.id for utterance in utterances}
    bad = [utterance.id for utterance in utterances if not utterance.seconds > 0]
    if not utterances or bad or len(ids) < len(utterances):
        raise InputError(
            f"split {split}",
            expected="utterances, each above 0 s and none twice",
            got=f"{len(utterances)}, {len(utterances) - len(ids)} of them twice"
            + (f", without length {', '.join(bad[:5])}" if bad else ""),
            remedy="The corpus is incomplete: fetch it again, or choose other splits.",
        )


def _conflict(paths: Sequence[Path], splits: Mapping[str, Sequence[Utterance]]) -> InputError:
    found = []
    for path in paths:
        with open(path, "rb") as file:
            lines = sum(1 for _ in file)
        found.append(f"{path} with {lines} lines (new: {len(splits[path.stem])})")
    return InputError(
        "manifests",
        expected="none there yet, or the same",
        got=f"different ones: {'; '.join(found)}",
        remedy="Runs may depend on them: write elsewhere with --folder, or replace with --force.",
    )


def _summary(
    split: str, path: Path, written: bool, utterances: Sequence[Utterance], digest: str
) -> Prepared:
    return Prepared(
        split=split,
        manifest=str(path),
        written=written,
        lines=len(utterances),
        hours=sum(utterance.seconds for utterance in utterances) / 3600,
        words=sum(len(utterance.text.split()) for utterance in utterances),
        speakers=len({utterance.speaker for utterance in utterances} - {""}),
        sha256=digest,
    )


def build_parser() -> argparse.ArgumentParser:
    """One sub-command a corpus, with the options all share."""
    parser = argparse.ArgumentParser(
        prog="python -m asr.data.prepare",
        description="Make a corpus into one manifest a split, FOLDER/SPLIT.jsonl. Run it again "
        "after a break: what is done is kept. Manifests that exist and differ stay, unless "
        "--force is given.",
    )
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument(
        "--folder", type=absolute_path, help="where the manifests go (default: data/CORPUS)"
    )
    shared.add_argument(
        "--jobs",
        type=count,
        default=min(8, os.cpu_count() or 1),
        help="files worked on at once (default: %(default)s)",
    )
    shared.add_argument(
        "--skip-unreadable",
        action="store_true",
        help="list files that cannot be used and go on without them",
    )
    shared.add_argument("--force", action="store_true", help="replace manifests that differ")
    shared.add_argument("--json", action="store_true", help="print the result as JSON")
    commands = parser.add_subparsers(dest="corpus", required=True, metavar="CORPUS")
    for corpus in CORPORA:
        text = corpus.HELP.replace("%", "%%")
        corpus.add_arguments(
            commands.add_parser(corpus.NAME, help=text, description=text, parents=[shared])
        )
    return parser


def show(folder: Path, prepared: Sequence[Prepared]) -> None:
    """Print the splits as a table."""
    table = Table("split", "manifest", title=escape(str(folder)))
    for column in ("lines", "hours", "words", "speakers"):
        table.add_column(column, justify="right")
    for row in prepared:
        table.add_row(
            row.split,
            f"{row.split}.jsonl" if row.written else "unchanged",
            f"{row.lines:,}",
            f"{row.hours:.2f}",
            f"{row.words:,}",
            f"{row.speakers:,}" if row.speakers else "-",
        )
    Console().print(table)


@report_input_errors
def main(arguments: Sequence[str] | None = None) -> None:
    """The command; exits with 0 only when every manifest is in place."""
    options = build_parser().parse_args(arguments)
    corpus = next(corpus for corpus in CORPORA if options.corpus == corpus.NAME)
    target = options.folder or absolute_path(f"data/{corpus.NAME}")
    try:
        prepared = publish(target, corpus.prepare(options, target), force=options.force)
    except KeyboardInterrupt:
        note("interrupted; nothing half written is left. The same command goes on from here.")
        sys.exit(130)
    if options.json:
        splits = [asdict(row) for row in prepared]
        print(json.dumps({"corpus": corpus.NAME, "folder": str(target), "splits": splits}))
    else:
        show(target, prepared)


if __name__ == "__main__":
    main()
