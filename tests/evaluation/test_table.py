from dataclasses import replace

from rich.console import Console

from asr.evaluation.table import table
from tests.evaluation.test_result import EXAMPLE


def test_each_number_stands_in_its_column() -> None:
    own = {"sparsity": 0.9, "nonzero": 12345, "wer": 0.125, "cer": 0.0625, "utterances": 7}
    own |= {"substitutions": 3, "deletions": 4, "insertions": 5, "rtf": 0.0123, "collapsed": True}
    console = Console(width=200)
    with console.capture() as captured:
        console.print(table([replace(EXAMPLE, method="gradual_block", block="16x4", **own)]))
    cells = [cell.strip() for cell in captured.get().splitlines()[-2].split("\u2502")]
    assert [cell for cell in cells if cell] == [
        *("name/name", "gradual_block 16x4, collapsed", "name-name", "name"),
        *("90.0", "12,345", "12.50", "6.25", "3/4/5", "7", "0.0123", "cpu"),
    ]


def test_names_in_brackets_are_names_and_no_markup() -> None:
    names = {"experiment": "try[red]", "method": "mag[b]", "corpus": "fisher[clean]"}
    console = Console(width=160)
    with console.capture() as captured:
        console.print(table([replace(EXAMPLE, **names, decoder="beam[/x]")]))
    for name in ("try[red]/name", "mag[b]", "fisher[clean]-name", "beam[/x]"):
        assert name in captured.get()
