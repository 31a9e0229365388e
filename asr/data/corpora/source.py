"""Where a user's copy of a corpus lies: a folder that was named, or one to be downloaded."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from asr.data.corpora.archive import Archive, fetch
from asr.errors import InputError


def absolute_path(text: str) -> Path:
    """An argument that is a path."""
    return Path(text).expanduser().absolute()


def add_source(parser: argparse.ArgumentParser, holds: str, size: str) -> None:
    """`SOURCE` or `--download`, one of the two."""
    group = parser.add_mutually_exclusive_group(required=True)
    group.add_argument("source", nargs="?", type=absolute_path, metavar="SOURCE", help=holds)
    group.add_argument(
        "--download",
        action="store_true",
        help=f"fetch it from its publisher into the corpus folder ({size}), checksums compared",
    )


def add_mirror(parser: argparse.ArgumentParser) -> None:
    """`--mirror`, for the corpora of openslr.org."""
    parser.add_argument(
        "--mirror",
        default="https://www.openslr.org/resources",
        metavar="URL",
        help="where OpenSLR's resources are fetched from (default: %(default)s)",
    )


def source_or_download(
    options: argparse.Namespace, folder: Path, archives: Sequence[Archive]
) -> Path:
    """The folder the user named, or `folder` after `archives` were extracted there."""
    if not options.download:
        source: Path = options.source
        return source
    for archive in archives:
        fetch(archive, folder)
    return folder


def locate(source: Path, inside: Sequence[str], markers: Sequence[str], remedy: str) -> Path:
    """`source` or one of the folders `inside` it: the first that holds one of `markers`.

    So a user may name a corpus's own folder or the one it was extracted into.
    """
    for folder in [source, *(source / name for name in inside)]:
        if any((folder / marker).exists() for marker in markers):
            return folder
    raise InputError(
        str(source),
        expected=f"a folder that holds {' or '.join(markers)}",
        got=_content(source),
        remedy=remedy,
    )


def _content(source: Path) -> str:
    if not source.exists():
        return "nothing at that path"
    if not source.is_dir():
        return "a file (extract an archive first)"
    names = sorted(path.name for path in source.iterdir())
    shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
    return f"one that holds {shown}" if names else "an empty folder"
