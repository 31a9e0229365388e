"""Processes without the seconds that imports take: a test's functions, and the entry files.

A server process has imported all that a training imports and has computed nothing; what `WARM`
starts is forked from it. Every command has its own session, standard streams, arguments and
environment.
"""

import contextlib
import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

from tests.commands import ENVIRONMENT, REPOSITORY

WARM = multiprocessing.get_context("forkserver")
# The commands, and what they import on their way.
WARM.set_forkserver_preload(
    ["train", "evaluate", "asr.transcribe", "num2words", "hydra._internal.hydra"]
)


_STARTED: list["Command"] = []


def end_all() -> None:
    """Kill what a test that failed has left running, with its workers and services."""
    while _STARTED:
        command = _STARTED.pop()
        if command.running():
            with contextlib.suppress(ProcessLookupError):  # too young for a group of its own
                os.killpg(command.pid, signal.SIGKILL)
            command.process.kill()
            command.process.join()


class Command:
    """A command that runs.

    Args:
        arguments: as for the shell, the entry file first, or `asr.transcribe`.
        log: file for standard output and error.
        prepare: called in the process before the command; a function of a module.
        environment: changes to that of the tests; None takes a variable away.
    """

    def __init__(
        self,
        arguments: list[str],
        log: Path,
        prepare: Callable[[], None] | None = None,
        environment: dict[str, str | None] | None = None,
    ) -> None:
        self.log = log
        log.write_bytes(b"")  # of the last command's there is nothing left
        changed = {**ENVIRONMENT, **(environment or {})}
        kept = {name: value for name, value in changed.items() if value is not None}
        # Not a daemon: those may have no children, and loaders have workers.
        self.process: ForkServerProcess = WARM.Process(
            target=_main, args=(arguments, str(log), prepare, kept)
        )
        self.process.start()
        assert self.process.pid is not None
        self.pid: int = self.process.pid
        _STARTED.append(self)

    def signal(self, signum: int) -> None:
        """Send a signal to the process alone, if it still runs."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signum)

    def wait(self, seconds: float = 120) -> int:
        """Its exit code, or minus the signal that ended it."""
        self.process.join(seconds)
        code = self.process.exitcode
        if code is None:
            self.process.kill()
            raise TimeoutError(f"still running after {seconds} s: {self.said()[-2000:]}")
        return code

    def running(self) -> bool:
        return self.process.is_alive()

    def wait_until(self, condition: Callable[[], bool], seconds: float = 60) -> None:
        """Poll for a condition until the command ends; an assertion says if it did first."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.running(), f"ended with {self.process.exitcode}: {self.said()[-2000:]}"
            assert time.monotonic() < deadline, f"not in {seconds} s: {self.said()[-2000:]}"
            time.sleep(0.001)

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace")


def run(
    arguments: list[str], log: Path, *, seconds: float = 120, **options: Any
) -> tuple[int, str]:
    """Run to the end, in so many seconds at the most: exit code and all that was said."""
    command = Command(arguments, log, **options)
    return command.wait(seconds), command.said()


def slow_reading() -> None:
    """A `prepare` that gives tests the time to strike: a tenth of a second more an utterance."""
    dataset = importlib.import_module("asr.data.dataset")
    real = dataset.read
    dataset.read = lambda *part: (time.sleep(0.1), real(*part))[1]  # type: ignore[attr-defined]


def _main(
    arguments: list[str], log: str, prepare: Callable[[], None] | None, environment: dict[str, str]
) -> None:
    os.setsid()
    stream = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for standard in (1, 2):
        os.dup2(stream, standard)
    sys.stdin = open(os.devnull)  # noqa: SIM115 - for as long as the process lives
    os.chdir(REPOSITORY)
    os.environ.clear()
    os.environ.update(environment)
    multiprocessing.set_start_method(None, force=True)  # the platform's own, as for a user
    name = arguments[0].removesuffix(".py")
    assert name in sys.modules, "the server has not imported it, and every run would take seconds"
    sys.argv = arguments
    if prepare is not None:
        prepare()
    sys.exit(sys.modules[name].main())
