"""How a sweep hears that it shall stop, and how it says that it did."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from asr.training import run_folder

# What its runs stop on, and the loss of a terminal.
STOPPING = (*run_folder.STOPPING, signal.SIGHUP)


class SweepInterruptedError(Exception):
    """A signal ended the sweep; its runs have saved, and the same command continues them."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.exit_code = 128 + signum


@contextmanager
def stop_signals() -> Iterator[list[int]]:
    """Collect signals to stop, but for those that are ignored already: nohup and the like."""
    received: list[int] = []
    handlers = {
        signum: signal.signal(signum, lambda number, _: received.append(number))
        for signum in STOPPING
        if signal.getsignal(signum) is not signal.SIG_IGN
    }
    try:
        yield received
    finally:
        for signum, handler in handlers.items():
            signal.signal(signum, handler)
