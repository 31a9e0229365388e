"""Scores as one table for people."""

from collections.abc import Sequence

from rich.table import Table

from asr.evaluation.result import Result


def table(results: Sequence[Result]) -> Table:
    """One row a run and test set; S/D/I are words substituted, deleted and inserted."""
    shown = Table()
    for heading in ("run", "test set", "decoder"):
        shown.add_column(heading, overflow="fold")
    for heading in ("WER %", "CER %", "S/D/I", "lines", "rtf"):
        shown.add_column(heading, justify="right", no_wrap=True)
    for result in results:
        shown.add_row(
            f"{result.experiment}/{result.run_key}",
            f"{result.corpus}-{result.split}",
            result.decoder,
            f"{100 * result.wer:.2f}",
            f"{100 * result.cer:.2f}",
            f"{result.substitutions}/{result.deletions}/{result.insertions}",
            f"{result.utterances}",
            f"{result.rtf:.4f}",
        )
    return shown
