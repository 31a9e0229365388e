"""The benchmark of the command and its page, small."""

import sys

import pytest

from asr.leaderboard.browser import is_installed
from tests.commands import run

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not is_installed(), reason="needs Debian's chromium and chromium-driver"),
]


def test_the_benchmark_measures_both_parts() -> None:
    command = [sys.executable, "-m", "asr.leaderboard.benchmark"]
    told = run([*command, "--results", "12", "--utterances", "5", "--show-best", "1"])
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("12 results of 5 utterances into a page of ")
    assert told.stdout.count("charts drawn after") == 2
