"""A process that outlives the shell that started it."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def send_off(command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Start `python COMMAND...` in a session of its own, deaf to a lost terminal.

    Args:
        command: what follows `python`.
        log: file that its output is appended to.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # inherited; nohup does the same
    try:
        with open(log, "ab") as output:
            return subprocess.Popen(
                [sys.executable, *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    finally:
        signal.signal(signal.SIGHUP, before)
