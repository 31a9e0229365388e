"""All runs of an experiment at a glance."""

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from asr.sweep.launch import living_jobs
from asr.sweep.plan import describe, shared_words
from asr.sweep.record import Record, read_record
from asr.sweep.state import RunView, view_run


def look(home: Path) -> list[RunView]:
    """Every run that sweeps recorded, and every other run folder, in the order of the sweeps."""
    record = read_record(home)
    return views_of(home, record, living_jobs(record))


def views_of(home: Path, record: Record, living: Collection[str]) -> list[RunView]:
    """The same, of a record and its jobs that live, where these are known."""
    folders = [record.folder(name) for name in record.runs]
    known = {folder.resolve() for folder in folders}
    by_hand = (status.parent for status in sorted(home.glob("*/status.json")))
    folders += [folder for folder in by_hand if folder.resolve() not in known]
    return [view_run(folder, record.entry(folder), living) for folder in folders]


def table(views: Sequence[RunView]) -> Table:
    """A row a run; the states counted in the title."""
    counts = Counter(view.state for view in views)
    title = ", ".join(f"{count} {state}" for state, count in counts.most_common())
    shown = Table(title=f"{len(views)} runs: {title}", title_justify="left")
    for name in ("run", "overrides", "state", "step", "CER", "WER", "left", "where, why"):
        shown.add_column(name, overflow="fold")
    shared = shared_words([view.overrides for view in views if view.overrides])
    for view in views:
        steps = str(view.step) if view.total_steps is None else f"{view.step}/{view.total_steps}"
        cells = (
            Path(view.folder).name,
            describe(view.overrides, shared, view.baseline),
            view.state,
            steps,
            _percent(view.cer),
            _percent(view.wer),
            _duration(view.seconds_left),
            view.reason or view.where,
        )
        shown.add_row(*map(Text, cells))
    return shown


def _percent(rate: float | None) -> str:
    return "" if rate is None else f"{100 * rate:.2f} %"


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"
