"""Memory stays where it is: 50 epochs, in this process and in a loader's worker."""

import os
import time
from pathlib import Path

import pytest

from tests.commands import tiny_run
from tests.faults.ended_run import status
from tests.warm import Command

pytestmark = pytest.mark.faults

GROWTH = 0.05  # from the end of epoch 10 to the end of epoch 50


def held(pid: int) -> int:
    """Bytes of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("hardware.workers=1", "augmentation=all"),
        ("sparsity=gradual_block", "sparsity.block=[4,4]", "training.ema_decay=0.9"),
    ],
    ids=["alone", "worker", "sparse"],
)
def test_fifty_epochs(settings: tuple[str, ...], tones: Path, tmp_path: Path) -> None:
    command = tiny_run(tones, tmp_path / "runs", "training.epochs=50", *settings)[1:]
    training = Command(command, tmp_path / "log")
    held_after: dict[int, int] = {}
    while training.running():
        epochs = training.said().count("\nepoch ")
        if epochs not in held_after:
            try:
                held_after[epochs] = held(training.pid)
            except (FileNotFoundError, ProcessLookupError, ValueError):
                break
        time.sleep(0.002)
    assert training.wait() == 0, training.said()
    assert status(tmp_path / "runs")["epoch"] == 50
    tenth = min(epoch for epoch in held_after if epoch >= 10)  # one may pass between two looks
    assert tenth <= 12
    early, late = held_after[tenth], held_after[max(held_after)]
    print(f"epoch {tenth}: {early / 1e6:.1f} MB, epoch {max(held_after)}: {late / 1e6:.1f} MB")
    assert max(held_after) >= 48
    assert late < (1 + GROWTH) * early
