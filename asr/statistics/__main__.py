"""`python -m asr.statistics A B`: two systems on one test set, and how sure their difference is.

A and B are run folders or eval folders, each a shell pattern in quotes for the seeds of one
setting, such as 'runs/dense/*', or several with commas between; A is the baseline. Where a folder
holds several settings, --group-a and --group-b choose. docs/statistics.md explains each number.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence

from rich.console import Console

from asr.arguments import count, fraction
from asr.errors import report_input_errors
from asr.files import atomic_write, require_writable
from asr.statistics.pairing import Side, pair
from asr.statistics.report import plain, report
from asr.statistics.tables import show
from asr.statistics.training_words import training_words

_WIDTH = 160  # where there is no terminal


def main(arguments: Sequence[str] | None = None) -> None:
    """Compare, print the tables, write the report."""
    given = _parser().parse_args(arguments)
    if given.json:
        require_writable(given.json)
    side_a = Side("--group-a", given.a, given.group_a)
    side_b = Side("--group-b", given.b, given.group_b)
    a, b, notices = pair(side_a, side_b, given.manifest)
    for notice in notices:
        print(f"note: {notice}", file=sys.stderr)
    normaliser = a.results[0].normaliser
    counted = [training_words(manifest, normaliser) for manifest in given.train]
    trained_on = sum(counted, Counter()) if counted else None
    found = report(
        a,
        b,
        unit="characters" if given.characters else "words",
        margin=given.margin,
        trained_on=trained_on,
        shown=given.worst,
    )
    console = Console(highlight=False)
    show(found, console if console.is_terminal else Console(highlight=False, width=_WIDTH))
    if given.json:
        with atomic_write(given.json) as file:
            content = {"arguments": vars(given), **plain(found)}
            # In ASCII, since a text may hold what UTF-8 cannot.
            json.dump(content, file, indent=1, allow_nan=False)


def _parser() -> argparse.ArgumentParser:
    about, notes = (__doc__ or "").split(": ", 1)[1].split("\n\n", 1)
    parser = argparse.ArgumentParser(
        prog="python -m asr.statistics",
        description=f"{about[0].upper()}{about[1:]}",
        epilog=notes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("a", metavar="A", help="the baseline's folders")
    parser.add_argument("b", metavar="B", help="what is compared with it")
    for side in "ab":
        parser.add_argument(
            f"--group-{side}",
            metavar="KEY",
            help=f"the setting of {side.upper()}: first letters of its group key, which the error "
            "without it lists",
        )
    parser.add_argument(
        "--manifest",
        metavar="CORPUS-SPLIT",
        help="test set where the runs were scored on several; CORPUS-SPLIT-DECODER for one decoder",
    )
    parser.add_argument(
        "--margin",
        type=fraction,
        default=0.05,
        help="of the non-inferiority test, a fraction of A's rate (default: %(default)s)",
    )
    parser.add_argument("--characters", action="store_true", help="compare the CER, not the WER")
    parser.add_argument(
        "--train",
        nargs="+",
        default=[],
        metavar="MANIFEST",
        help="training manifests: who pays by word frequency; after A and B",
    )
    parser.add_argument(
        "--worst", type=count, default=5, help="utterances side by side (default: %(default)s)"
    )
    parser.add_argument("--json", metavar="FILE", help="write everything to this file")
    return parser


if __name__ == "__main__":
    report_input_errors(main)()
