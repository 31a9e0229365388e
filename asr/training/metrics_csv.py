"""`metrics.csv`: every metric of a run, kept through resumes."""

import csv
from argparse import Namespace
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from asr.files import atomic_write, writing


class MetricsCsv(Logger):
    """Appends a row a step. Lightning's own CSVLogger deletes the file when a run resumes.

    Args:
        path: of the file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self._columns: list[str] = []
        if path.is_file():
            with open(path, newline="", encoding="utf-8") as file:
                self._columns = next(csv.reader(file), [])

    @property
    def name(self) -> str:
        return "csv"

    @property
    def version(self) -> str:
        return ""

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *_: Any, **__: Any) -> None:
        """The configuration has a file of its own."""

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        row = {"step": step, **metrics}
        if new := [name for name in row if name not in self._columns]:
            self._rewrite(self._columns + new, self.rows())
        with writing(self.path), open(self.path, "a", newline="", encoding="utf-8") as file:
            csv.DictWriter(file, self._columns).writerow(row)

    def rows(self) -> list[dict[str, str]]:
        """All rows so far, without the one that a full disk cut off."""
        if not self.path.is_file():
            return []
        with open(self.path, newline="", encoding="utf-8") as file:
            return list(csv.DictReader(line for line in file if line.endswith("\n")))

    @rank_zero_only
    def forget_after(self, step: int) -> None:
        """Drop what an interrupted run wrote after the checkpoint that it resumes from."""
        if self._columns:
            self._rewrite(self._columns, [row for row in self.rows() if int(row["step"]) < step])

    def _rewrite(self, columns: list[str], rows: list[dict[str, str]]) -> None:
        with atomic_write(self.path) as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(rows)
        self._columns = columns
