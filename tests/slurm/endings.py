"""In the place of train.py: does what its folder is called, with the real run folder.

Imports nothing slow: until this file is loaded a signal ends the job.
"""

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from asr.sweep.submitted_run import SubmittedRun
from asr.training.run_folder import TRAIN, RunFolder, TrainingInterruptedError


class ToldRun(SubmittedRun):
    """A job that finds this module where it looks for train.py."""

    def __call__(self) -> None:
        sys.modules[TRAIN.stem] = sys.modules[__name__]
        super().__call__()


class HopelessTrialError(TrainingInterruptedError):
    """As a study raises it."""

    def __init__(self) -> None:
        Exception.__init__(self, "pruned by the study: it is behind")
        self.exit_code = 0


def main() -> None:
    path = Path(sys.argv[sys.argv.index("--config-path") + 1])
    name = path.name
    if name == "refused":
        sys.exit("error: data.train: expected a manifest, got none. Make one.")
    folder = RunFolder(path, {"run_key": name})
    starts = len(list(path.glob("start-*"))) + 1
    (path / f"start-{starts}").touch()
    print(f"start {starts}", flush=True)
    try:
        with folder.owned(lambda: (starts, 0)):
            folder.write_status("running", starts, 0)
            if name == "done":
                (path / "planned").write_text(os.environ["ASR_PLANNED_RUN"])
            if name == "bug":
                raise ZeroDivisionError("a bug")
            if name == "pruned":
                raise HopelessTrialError
            if name == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            if name == "cancelled":
                os.kill(os.getppid(), signal.SIGTERM)  # submitit passes it on
            saved: list[int] = []
            if name == "long batch":  # a second signal would be not to wait for it
                signal.signal(signal.SIGTERM, lambda number, _: saved.append(number))
                while not saved:
                    time.sleep(0.02)
                time.sleep(2)
                (path / "told").write_text(str(len(saved)))
                raise TrainingInterruptedError(saved[0])
            before: Any = None
            if name == "saves":  # as in training: notes the signal, and stops between two steps
                before = signal.signal(signal.SIGUSR2, lambda number, _: saved.append(number))
            if name != "done" and (starts == 1 or name == "endless"):
                while not saved:
                    time.sleep(0.02)
                signal.signal(signal.SIGUSR2, before)
                raise TrainingInterruptedError(saved[0])
    except TrainingInterruptedError as interruption:
        sys.exit(interruption.exit_code)
