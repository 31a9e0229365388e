"""Fixtures of the tests with processes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr.sweep import pool, process
from asr.sweep.lease import VARIABLE


@pytest.fixture
def cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Two cores, even for a test that was pinned to one, and leases of the test's own."""
    monkeypatch.setenv(VARIABLE, str(tmp_path / "leases"))
    monkeypatch.setattr(process, "arguments", lambda folder: ["-S", str(folder / "run.py")])
    monkeypatch.setattr(pool, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(pool, "_POLL_SECONDS", 0.02)
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, range(os.cpu_count() or 1))
    two = sorted(os.sched_getaffinity(0))[:2]
    if len(two) < 2:
        pytest.skip("needs two cores")
    os.sched_setaffinity(0, two)
    yield two
    os.sched_setaffinity(0, before)
