"""Pages as the command writes them, made in this process."""

import sys
from pathlib import Path

import pytest

from asr.leaderboard.__main__ import main


def write_page(path: Path, *arguments: str | Path) -> Path:
    """A page with one run of the sweep, and the hostile one if that is among the arguments."""
    options = ["--show-best", "1", "--where", "group_key=*"]
    if any(Path(argument).name == "run" for argument in arguments):
        options += ["--show", "hostile"]
    run_main(*arguments, "--html", path, *options)
    return path


def run_main(*arguments: str | Path) -> None:
    """`python -m asr.leaderboard ...`"""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["leaderboard", *map(str, arguments)])
        main()
