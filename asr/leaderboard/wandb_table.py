"""The same rows in wandb: one run of a project holds the table, and a report shows it."""

import hashlib
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from asr import wandb_account
from asr.errors import InputError
from asr.leaderboard.columns import RATES, column_names, records
from asr.leaderboard.rows import Board

TABLE = "leaderboard"


def run_id(project: str) -> str:
    """Of the project's leaderboard: always the same, so that a repeat updates that run."""
    return hashlib.sha256(f"{project}/{TABLE}".encode()).hexdigest()[:12]


def log_table(board: Board, project: str, folder: Path) -> str:
    """Log the rows as a table, online where there is a key; returns where they went.

    It never asks. Without a key, or without an answer within half a minute, the run is written
    below `folder`, for a later `wandb sync`.
    """
    import wandb  # several seconds to import, for those who ask for it

    def start(mode: str) -> Any:
        return wandb.init(
            project=project,
            id=run_id(project),
            name=TABLE,
            job_type=TABLE,
            dir=folder,
            resume="allow",
            mode=mode,  # type: ignore[arg-type]
            settings=wandb.Settings(init_timeout=30, silent=True),
        )

    mode = wandb_account.mode()
    try:
        run = start(mode)
    except Exception as error:  # beside its own, wandb raises those of the disk and the network
        if mode in wandb_account.WITHOUT_KEY:
            raise
        print(f"warning: wandb is out of reach, writing an offline run ({error})", file=sys.stderr)
        run = start("offline")
    columns: list[Any] = column_names(board.sets)
    rows: list[Any] = [list(record.values()) for record in records(board)]
    # A column may hold nothing at all, or numbers and nothing.
    run.log({TABLE: wandb.Table(columns=columns, data=rows, allow_mixed_types=True)})
    run.summary.update(_best(board) | {"settings": len(board.rows)})
    where = run.url or f"{Path(run.dir).parent}, for `wandb sync`"
    if mode == "disabled":
        where = "nowhere, as WANDB_MODE says"
    run.finish()
    return str(where)


def save_report(board: Board, project: str, entity: str | None = None) -> str:
    """Make a report of the project that shows the table; returns its address.

    Raises:
        InputError: no wandb-workspaces, or no account.
    """
    if not wandb_account.has_key():
        raise InputError(
            "--wandb-report",
            expected="an account of wandb, which keeps reports on its server",
            got="no API key",
            remedy="wandb login, then wandb sync the offline run, then the same command again.",
        )
    report = build_report(board, project, entity)
    report.save()
    return str(report.url)


def build_report(board: Board, project: str, entity: str | None = None) -> Any:
    """The report itself: the table, and what it holds in words. Nothing is sent."""
    try:
        reports: Any = import_module("wandb_workspaces.reports.v2")  # exports nothing by type
    except ImportError as error:
        raise InputError(
            "--wandb-report",
            expected="the package wandb-workspaces, which writes reports",
            got=str(error),
            remedy="pip install -e '.[leaderboard]'",
        ) from error
    known = {"entity": entity} if entity else {}
    sets = ", ".join(f"{one.name} ({one.utterances} utterances)" for one in board.sets)
    runs = reports.Runset(project=project, name=TABLE, query=TABLE, **known)
    return reports.Report(
        project=project,
        title="Leaderboard",
        description=f"{len(board.rows)} settings on {sets}",
        blocks=[
            reports.H1("Leaderboard"),
            reports.P("Rates are fractions, differences are from each row's dense baseline."),
            reports.PanelGrid(
                runsets=[runs], panels=[reports.WeavePanelSummaryTable(table_name=TABLE)]
            ),
        ],
        **known,
    )


def _best(board: Board) -> dict[str, float]:
    """The lowest rates of each test set, which wandb can plot over time."""
    lowest: dict[str, float] = {}
    for one in board.sets:
        for rate in RATES:
            name = f"{one.name}/{rate}"
            known = [v for record in records(board) if isinstance(v := record[name], float)]
            if known:
                lowest[f"lowest/{name}"] = min(known)
    return lowest
