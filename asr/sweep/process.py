"""A run as a process of this machine: started, asked to stop, and what is said when it ended."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from asr.errors import InputError
from asr.sweep.interruption import STOPPING
from asr.sweep.job import PLANNED, Job, arguments
from asr.training import telling
from asr.training.run_folder import OUTPUT, State, owned_elsewhere, read_status, restate

_LAST_BYTES = 65536  # of its output: an error ends a run, so it stands in these


class RunProcess:
    """The process that trains the run of a folder; its output goes to `output.log` there.

    Args:
        folder: of the run.
        environment: of the process.
        cores: to pin it to; empty for those of this process.
        descriptors: open files that it inherits.
    """

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        cores: Sequence[int] = (),
        descriptors: Sequence[int] = (),
    ) -> None:
        self.folder = folder
        self._before = status_of(folder)
        self._asked = False
        with open(folder / OUTPUT, "ab") as log, _pinned(cores):
            self._output_from = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, *arguments(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**environment, "PYTHONUNBUFFERED": "1", PLANNED: str(folder.resolve())},
                pass_fds=tuple(descriptors),
                # A Ctrl-C or a lost terminal is the sweep's to pass on: a run that is told twice
                # does not save.
                start_new_session=True,
            )
        self.pid = self._process.pid

    def stop(self) -> None:
        """Ask it to save and end."""
        self._asked = True
        self._process.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it, its loader's workers and its further ranks, at once."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def ended(self) -> bool:
        """Whether it has; then its status says how, whether it could say so itself or not."""
        code = self._process.poll()
        if code is None:
            return False
        if code < 0:
            self.kill()  # what it could not take along
        status = status_of(self.folder)
        state = status.get("state")
        silent = state in ("queued", "running") or (status == self._before and state != "done")
        if silent:
            conclude(self.folder, *self._fate(code))
        else:
            tell(self.folder)
        return True

    def _fate(self, code: int) -> tuple[State, str]:
        said = self._said()
        last = said[-1] if said else "it said nothing"
        if code >= 0:
            return "failed", f"exit code {code}: {last}"
        name = signal.Signals(-code).name
        if self._asked or -code in STOPPING:
            return "preempted", f"ended by {name} before it could save; submit again to continue"
        # Of several processes, one that ends with an error has Lightning kill the first.
        errors = [line for line in said if line.startswith("error: ")]
        short = name == "SIGKILL" and not errors
        hint = ", as the kernel does when memory is short" if short else ""
        return "failed", f"ended by {name}{hint}: {errors[-1] if errors else last}"

    def _said(self) -> list[str]:
        """The last lines of what it has printed: most errors are told there."""
        with open(self.folder / OUTPUT, "rb") as log:
            log.seek(max(self._output_from, log.seek(0, os.SEEK_END) - _LAST_BYTES))
            lines = log.read().decode("utf-8", errors="replace").split("\n")
        return [line.strip() for line in lines if line.strip()]


def conclude(folder: Path, state: State, reason: str) -> None:
    """Say for a run how it ended, in its status and to the user; not if another process has it."""
    if owned_elsewhere(folder):
        say("left", f"{folder.name}: another process has it")
        return
    say(state, f"{folder.name}: {reason}")
    correct(folder, state, reason)


def correct(folder: Path, state: State, reason: str) -> None:
    """Correct a run's status; where that cannot be, such as on a full disk, the others go on."""
    try:
        restate(folder, state, reason)
    except (InputError, OSError) as error:
        say("warning", f"{folder}: its status could not be corrected: {error}")


def tell(folder: Path) -> None:
    """Say to the user how a run ended, in its own words."""
    status = status_of(folder)
    reason = status.get("reason")
    say(str(status.get("state")), folder.name + (f": {reason}" if reason else ""))


def name_of(pid: int) -> str:
    """Host, pid and start of a process: no later process has the same name."""
    return f"{socket.gethostname()}:{pid}:{_stat(pid)[19]}"


def living_pid(name: str) -> int | None:
    """The pid of a process by its `name_of`, if it lives, on this host."""
    host, _, rest = name.rpartition(":")[0].rpartition(":")
    if host != socket.gethostname() or not rest.isdecimal():
        return None
    try:
        stat = _stat(int(rest))
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(rest) if name == f"{host}:{rest}:{stat[19]}" and stat[0] not in "ZX" else None


def still_running(handed: Mapping[Job, str]) -> dict[Job, str]:
    """Those of a launcher's jobs whose processes live, on this host."""
    return {job: name for job, name in handed.items() if living_pid(name) is not None}


def ask_to_end(names: Iterable[str]) -> None:
    """Have processes save and end, those that live."""
    for name in names:
        if (pid := living_pid(name)) is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third, the state, on; the 22nd is the start (proc(5))."""
    # The second is the command in parentheses, which may hold any character.
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def status_of(folder: Path) -> dict[str, Any]:
    """Its status; a damaged one is that of a run that failed."""
    try:
        return read_status(folder)
    except InputError as error:
        return {"state": "failed", "reason": str(error)}


def say(word: str, line: str) -> None:
    """Tell the user, if one is left: a terminal that was closed must not end what still runs."""
    telling.say(f"{word:9} {line}")


@contextmanager
def _pinned(cores: Sequence[int]) -> Iterator[None]:
    """This thread on some cores for a moment: what it starts inherits them from its first step."""
    before = os.sched_getaffinity(0)
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
