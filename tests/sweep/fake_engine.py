"""An engine without processes: runs end at once, as told."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from asr.sweep.job import Job
from asr.training.run_folder import restate


class FakeEngine:
    """Every job ends `done` but those whose folder's name `endings` has another state of."""

    endings: ClassVar[dict[str, str]] = {}
    started: ClassVar[list[Job]] = []

    def __init__(self, **arguments: Any) -> None: ...

    @classmethod
    def fresh(cls, endings: Mapping[str, str] | None = None) -> None:
        cls.endings, cls.started = dict(endings or {}), []

    def run(self, jobs: Sequence[Job], submitted: Callable[[Path, str], None]) -> None:
        for job in jobs:
            submitted(job.folder, str(len(self.started)))
            self.started.append(job)
            state = self.endings.get(job.folder.name, "done")
            restate(job.folder, state, "as told")  # type: ignore[arg-type]

    def settle(self, handed: Mapping[Job, str]) -> dict[Job, str]:
        return {}

    def cancel(self, ids: Sequence[str]) -> None: ...
