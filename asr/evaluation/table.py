"""Scores as one table for people."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from asr.evaluation.result import Result


def table(results: Sequence[Result]) -> Table:
    """One row a run and test set.

    zeros are of the pruned matrices, weights those of the whole model that are not zero; S/D/I
    are words substituted, deleted and inserted.
    """
    shown = Table()
    for heading in ("run", "method", "test set", "decoder"):
        shown.add_column(heading, overflow="fold")
    for heading in ("zeros %", "weights", "WER %", "CER %", "S/D/I", "lines", "rtf"):
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("device", overflow="fold")
    for result in results:
        names = (
            f"{result.experiment}/{result.run_key}",
            " ".join(filter(None, (result.method, result.block)))
            + ", collapsed" * result.collapsed,
            f"{result.corpus}-{result.split}",
            result.decoder,
        )
        shown.add_row(
            *map(escape, names),
            f"{100 * result.sparsity:.1f}",
            f"{result.nonzero:,}",
            f"{100 * result.wer:.2f}",
            f"{100 * result.cer:.2f}",
            f"{result.substitutions}/{result.deletions}/{result.insertions}",
            f"{result.utterances}",
            f"{result.rtf:.4f}",
            escape(result.device),
        )
    return shown
