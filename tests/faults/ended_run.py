"""What a finished run holds, all of it, to be compared with an undisturbed one's."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

CLOCK = {"seconds", "audio_seconds_per_second", "data_wait"}  # of the wall: no two runs agree


def only_run(runs: Path) -> Path:
    """The one folder that a training has made below `runs`."""
    (folder,) = runs.glob("*/*/")
    return folder


def status(runs: Path) -> dict[str, Any]:
    """The status of the one run below `runs`; empty while there is none."""
    files = list(runs.glob("*/*/status.json"))
    return json.loads(files[0].read_text()) if files else {}


def values(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every number, string and tensor of nested data with its place, but for clocks."""
    if isinstance(node, dict):
        for key, inner in node.items():
            if key not in CLOCK:
                yield from values(inner, f"{path}/{key}")
    elif isinstance(node, list | tuple):
        for index, inner in enumerate(node):
            yield from values(inner, f"{path}/{index}")
    else:
        yield path, node


def table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file, but for clocks and empty cells.

    A file whose only row of a step was lost has not even the columns of it.
    """
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [
        {name: value for name, value in row.items() if value and name not in CLOCK} for row in rows
    ]


def assert_same(runs: Path, undisturbed: Path, *, killed: bool = False) -> None:
    """Done, with the same bits in checkpoints and tables, and with no leftovers.

    A `killed` run may lack rows of steps in metrics.csv: Lightning writes a step's row after the
    hook that saves the step. Those of validation are written before.
    """
    ours, theirs = only_run(runs), only_run(undisturbed)
    assert status(runs)["state"] == "done"
    assert ours.name == theirs.name
    for name in ("last.ckpt", "best.ckpt"):
        found, expected = (
            dict(values(torch.load(folder / "checkpoints" / name, weights_only=True)))
            for folder in (ours, theirs)
        )
        assert found.keys() == expected.keys()
        assert any("exp_avg_sq" in place for place in found), "the moments are compared too"
        different = [place for place in found if not _equal(found[place], expected[place])]
        assert not different, f"{name}: {different[:10]}"
    found, expected = table(ours / "metrics.csv"), table(theirs / "metrics.csv")
    lost = [row for row in expected if row not in found] if killed else []
    assert all("train_loss" in row for row in lost), lost
    assert found == [row for row in expected if row not in lost]
    updates = "masks/updates.csv"
    if (theirs / updates).exists():
        assert table(ours / updates) == table(theirs / updates)
    assert not list(ours.rglob(".*.tmp"))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    return bool(one == other)
