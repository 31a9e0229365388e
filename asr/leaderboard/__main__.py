"""Results of any number of runs as one table: python -m asr.leaderboard RUNS... (--help)."""

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from asr.arguments import count
from asr.errors import report_input_errors
from asr.files import atomic_write, require_writable
from asr.leaderboard.export import as_csv, as_json
from asr.leaderboard.reading import Found, Located, find_results
from asr.leaderboard.rows import Board, adjusted, build
from asr.leaderboard.selection import OF_ROWS, OF_SETS, main_set, ordered, select
from asr.leaderboard.text import markdown, terminal

_TERMINAL_WIDTH = 200  # of a pipe, which has none


@report_input_errors
def main() -> None:
    """Read, select, order, and write what was asked for; on the terminal if nothing was."""
    given = _arguments()
    for path in (given.csv, given.json, given.markdown, given.html):
        if path not in (None, "-"):
            require_writable(path)
    found = find_results(given.runs)
    board = adjusted(select(build(found), given.where))
    given.sort = given.sort or f"{main_set(board).name}/wer"
    board = ordered(board, given.sort, descending=given.descending)
    for error in found.broken:
        print(f"skipped: {error}", file=sys.stderr)
    for note in board.notes:
        print(f"note: {note}", file=sys.stderr)
    outputs: list[tuple[str | None, Callable[[], str]]] = [
        (given.csv, lambda: as_csv(board)),
        (given.json, lambda: as_json(board, found.broken)),
        (given.markdown, lambda: markdown(board)),
        (given.html, lambda: _page(board, found, given)),
    ]
    for path, text in outputs:
        if path is not None:
            _write(path, text())
    if given.wandb is not None:
        _to_wandb(board, given.wandb, report=given.wandb_report)
    elif not any(path for path, _ in outputs):
        console = Console(width=None if sys.stdout.isatty() else _TERMINAL_WIDTH)
        console.print(terminal(board))


def _page(board: Board, found: Found, given: argparse.Namespace) -> str:
    from asr.leaderboard.page import render
    from asr.leaderboard.showcase import chosen_runs, shown_run

    by_run: dict[str, list[Located]] = {}
    for one in found.located:
        by_run.setdefault(one.result.run_key, []).append(one)
    notes: list[str] = []
    keys = chosen_runs(board, given.show, given.show_best)
    shown = [shown_run(by_run[key], notes) for key in keys]
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    return render(
        board,
        shown,
        [*map(str, found.broken), *board.notes, *notes],
        column=given.sort,
        descending=given.descending,
        made=f"Made {datetime.now(UTC):%Y-%m-%d %H:%M} UTC.",
    )


def _write(path: str, text: str) -> None:
    if path == "-":
        sys.stdout.write(text)
        return
    with atomic_write(path) as file:
        file.write(text)
    print(f"wrote {path} ({os.path.getsize(path):,} bytes)", file=sys.stderr)


def _to_wandb(board: Board, project: str, *, report: bool) -> None:
    from asr.leaderboard.wandb_table import log_table, save_report

    print(f"wandb: the table is in {log_table(board, project, Path.cwd())}", file=sys.stderr)
    if report:
        print(f"wandb: the report is {save_report(board, project)}", file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = _parser()
    given = parser.parse_args()
    if (given.show or given.show_best) and given.html is None:
        parser.error("--show and --show-best are of a page: give --html FILE too")
    if given.wandb_report and given.wandb is None:
        parser.error("--wandb-report is of a project: give --wandb PROJECT too")
    return given


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m asr.leaderboard",
        description="Results of any number of runs as one table: a row a setting, its seeds "
        "together, a column a test set. Broken results are told and skipped.",
    )
    parser.add_argument(
        "runs", metavar="RUNS", nargs="+",
        help="run folders, folders of them, or result.json files; exported models below them "
        "give a run's bytes on disk",
    )  # fmt: skip
    parser.add_argument(
        "--where", metavar="NAME=VALUE", nargs="+", action="extend", default=[],
        help=f"only these: {', '.join(OF_SETS + OF_ROWS)}; several values by commas, * is allowed",
    )  # fmt: skip
    parser.add_argument(
        "--sort", metavar="COLUMN", help="of the CSV; otherwise the WER of the main set"
    )
    parser.add_argument("--descending", action="store_true")
    for name in ("csv", "json", "markdown"):
        parser.add_argument(f"--{name}", metavar="FILE", help="write it; - is standard output")
    parser.add_argument("--html", metavar="FILE", help="write a page that needs no network")
    parser.add_argument(
        "--show", metavar="RUN_KEY", nargs="+", action="extend", default=[],
        help="runs whose curves, masks and worst utterances the page holds, 50 at most",
    )  # fmt: skip
    parser.add_argument(
        "--show-best", metavar="N", type=count, default=0,
        help="the same for the first run of the N first rows",
    )  # fmt: skip
    parser.add_argument("--wandb", metavar="PROJECT", help="log the table, offline without a key")
    parser.add_argument(
        "--wandb-report", action="store_true",
        help="with --wandb: also make a report that shows it (needs an account)",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
