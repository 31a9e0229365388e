from dataclasses import replace

from rich.console import Console

from asr.evaluation.table import table
from tests.evaluation.test_result import EXAMPLE


def test_names_in_brackets_are_names_and_no_markup() -> None:
    names = {"experiment": "try[red]", "method": "mag[b]", "corpus": "fisher[clean]"}
    console = Console(width=160)
    with console.capture() as captured:
        console.print(table([replace(EXAMPLE, **names, decoder="beam[/x]")]))
    for name in ("try[red]/name", "mag[b]", "fisher[clean]-name", "beam[/x]"):
        assert name in captured.get()
