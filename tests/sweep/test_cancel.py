"""`cancel` says of each run what came of it: stopped, or out of reach from this host."""

import json
import socket
from pathlib import Path

import pytest

from asr.sweep.cancel import cancel
from asr.sweep.record import Entry, changing
from asr.training.run_folder import RunFolder
from tests.training.test_run_folder import hold
from tests.warm import WARM


def test_only_what_is_stopped_is_called_cancelled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    elsewhere, queued, here = (tmp_path / name for name in ("elsewhere", "queued", "here"))
    for folder in (elsewhere, queued, here):
        RunFolder(folder, {}).queue()
    status = {"state": "running", "host": "node7", "pid": 5}
    (elsewhere / "status.json").write_text(json.dumps(status))
    with changing(tmp_path) as record:
        record.runs[record.name(queued)] = Entry([], controller="node7:4:9")
    # Looked at last; its status has neither host nor pid yet.
    ready, release = WARM.Event(), WARM.Event()
    owner = WARM.Process(target=hold, args=(here, ready, release))
    owner.start()
    assert ready.wait(30)
    assert cancel(tmp_path) == 1
    owner.join(10)
    assert not owner.is_alive()
    host = socket.gethostname()
    assert capsys.readouterr().out.splitlines() == [
        f"cancelled here: it was running on {host}, pid {owner.pid}",
        f"out of reach from {host}: the sweep of node7:4:9; end it there",
        f"out of reach from {host}: {elsewhere} on node7, pid 5; end it there",
    ]


def test_a_run_is_left_to_the_host_that_its_lock_names(tmp_path: Path) -> None:
    """The kernel's word for the owner is a pid, and on another host that is another process."""
    folder = tmp_path / "a"
    RunFolder(folder, {}).queue()
    ready, release = WARM.Event(), WARM.Event()
    owner = WARM.Process(target=hold, args=(folder, ready, release))
    owner.start()
    assert ready.wait(30)
    (folder / "lock").write_text(f"host node7, pid {owner.pid}")
    assert cancel(tmp_path) == 1
    assert owner.is_alive()
    release.set()
    owner.join(30)
    assert owner.exitcode == 0
