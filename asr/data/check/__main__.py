"""`python -m asr.data.check MANIFEST...`: what training would trip over, before it starts.

Name the manifests that are used together, the training manifest first; what stands in two of them
is found too. The exit code is 1 if something must be fixed:

  bad line                  of a manifest; the others are checked all the same
  unreadable, empty audio   missing, damaged, no audio, NaN; no samples
  silent audio              RMS below -60 dBFS
  wrong duration            over 0.1 s from the file's, or beyond its end
  empty text                nothing is left after normalisation
  outside the vocabulary    characters that no label stands for, after normalisation
  not alignable             CTC needs more output frames for the labels and repeats
  same audio in two splits  equal samples, or the same part of a file

It is 0 if there are only notes, which may be meant, or are left out and counted by training:

  clipped audio             over 0.1 % of the samples in runs of 3 or more at an extreme value
  mixed sample rates        training resamples them
  too short, too long       see --data, --min-seconds and --max-seconds
  same text in two splits   after normalisation
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from asr.arguments import count, positive_seconds
from asr.checkpoint import TrainedModel, load_trained
from asr.data.check.findings import MUST_BE_FIXED, Finding, Report
from asr.data.check.preflight import preflight, read_lines
from asr.data.manifest import Utterance
from asr.data.presets import preset, untrained
from asr.errors import InputError, report_input_errors
from asr.files import atomic_write, require_writable
from asr.text import BasicNormaliser

_EXAMPLES = 3
_WIDTH = 120  # of the table where there is no terminal
_DEFAULTS = {"model": "small", "features": "log_mel", "vocabulary": "english", "language": "en"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, print a table, write the report; the exit code is 1 if something must be fixed."""
    given = _parser().parse_args(arguments)
    if given.json:
        require_writable(given.json)
    bounds = preset("data", given.data)
    for name in ("min_seconds", "max_seconds"):
        if getattr(given, name) is None:
            setattr(given, name, bounds[name])
    manifests, bad_lines = read_lines(given.manifests)
    report = preflight(
        manifests,
        bad_lines,
        _target(given, next(iter(manifests.values()))),
        min_seconds=given.min_seconds,
        max_seconds=given.max_seconds,
        jobs=given.jobs,
    )
    console = Console()
    show(report, console if console.is_terminal else Console(width=_WIDTH))
    if given.json:
        with atomic_write(given.json) as file:
            # In ASCII, since a text may hold what UTF-8 cannot.
            json.dump({"arguments": vars(given), **report.plain()}, file, indent=1)
    return 1 if report.must_be_fixed else 0


def _target(given: argparse.Namespace, train: Sequence[Utterance]) -> TrainedModel:
    """The trained model of --run, or what a run of the chosen presets would begin with."""
    chosen = {name: value for name in _DEFAULTS if (value := getattr(given, name)) is not None}
    if given.run is None:
        names = _DEFAULTS | chosen
        normaliser = BasicNormaliser(names.pop("language"))
        return untrained(**names, normaliser=normaliser, texts=[normaliser(u.text) for u in train])
    if chosen:
        raise InputError(
            "choices",
            expected="--run alone, whose model, features, vocabulary and language are known",
            got=", ".join(f"--{name} {value}" for name, value in chosen.items()),
            remedy="Leave out one or the other.",
        )
    return load_trained(given.run)


def show(report: Report, console: Console) -> None:
    """Print one row a kind of finding."""
    table = Table("finding", "must be fixed")
    table.add_column("count", justify="right")
    table.add_column("seconds", justify="right")
    table.add_column("examples", overflow="fold")
    for kind, findings in report.by_kind().items():
        examples = [_example(found) for found in findings[:_EXAMPLES]]
        table.add_row(
            kind,
            "yes" if MUST_BE_FIXED[kind] else "no",
            f"{len(findings):,}",
            f"{sum(found.seconds for found in findings):,.1f}",
            # Text, since brackets in a path would be read as markup.
            Text(_printable("\n".join(examples + ["..."] * (len(findings) > _EXAMPLES)))),
        )
    if table.row_count:
        console.print(table)
    if report.unknown:
        counts = (f"{character!r} x{count:,}" for character, count in report.unknown.most_common())
        console.print(Text(_printable(f"outside the vocabulary: {', '.join(counts)}")))
    utterances, hours = sum(report.utterances.values()), report.seconds / 3600
    verdict = "some of it must be fixed" if report.must_be_fixed else "nothing must be fixed"
    console.print(f"{utterances:,} utterances, {hours:.2f} h: {verdict}")


def _example(found: Finding) -> str:
    """In the width of a table: the name of a file without its folder."""
    names = (found.manifest, os.path.basename(found.subject), found.detail)
    return ": ".join(name for name in names if name)


def _printable(text: str) -> str:
    """Lone surrogates, which JSON can hold, as escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _parser() -> argparse.ArgumentParser:
    about, notes = (__doc__ or "").split(": ", 1)[1].split("\n\n", 1)
    parser = argparse.ArgumentParser(
        prog="python -m asr.data.check",
        description=f"{about[0].upper()}{about[1:]}",
        epilog=notes,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("manifests", metavar="MANIFEST", nargs="+", help="JSONL or CSV")
    parser.add_argument("--run", help="check for the model of this run folder or .ckpt file")
    for name, default in _DEFAULTS.items():
        where = "of the normaliser" if name == "language" else f"a file of conf/{name}"
        parser.add_argument(f"--{name}", help=f"{where} (default: {default})")
    parser.add_argument(
        "--data",
        default="manifests",
        help="a file of conf/data, whose bounds on the length hold (default: %(default)s)",
    )
    for bound, of_what in (("min", "shortest"), ("max", "longest")):
        parser.add_argument(
            f"--{bound}-seconds",
            type=positive_seconds,
            help=f"of the {of_what} utterance that is trained on (default: that of --data)",
        )
    parser.add_argument(
        "--jobs",
        type=count,
        default=min(8, os.cpu_count() or 1),
        help="files read at once (default: %(default)s)",
    )
    parser.add_argument("--json", metavar="FILE", help="write every finding to this file")
    return parser


if __name__ == "__main__":
    sys.exit(report_input_errors(main)())
