"""What a training prints: it goes on, saves and ends as it would, whether or not somebody reads."""

import os
import sys
from contextlib import suppress


def say(line: str) -> None:
    """Print a line, if a reader is left: Ctrl-C under `| tee log` ends tee at the same moment."""
    with suppress(OSError):
        try:
            print(line, flush=True)
        except BrokenPipeError:
            # Python flushes what is left of the line once more as it ends, and would exit with 120.
            with open(os.devnull, "wb") as nowhere:
                os.dup2(nowhere.fileno(), sys.stdout.fileno())
