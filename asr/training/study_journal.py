"""The journal of a study: one file that its sweep and its runs append to.

Optuna's SQLite storage relies on locks that many NFS servers do not keep, and other databases on
somebody who runs them. A journal needs a file, and exclusive creation of another (NFS 3 and later).
"""

import os
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from asr.errors import InputError

NAME = "study.journal"  # in the experiment's folder, beside the runs
STUDY = "study"  # its name within the journal, which holds no other
# User attributes of the study: names of what it minimises; class and arguments of its pruner.
OBJECTIVES, PRUNER = "objectives", "pruner"


def open_journal(path: Path) -> JournalStorage:
    """The storage in a journal, made if it is not there."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return JournalStorage(_WholeLines(path))


class _WholeLines(JournalFileBackend):
    """Cuts off the half line of a writer that was killed or had no disk left.

    Optuna appends to such a line, and then cannot read the journal any more.
    """

    def __init__(self, path: Path) -> None:
        # Not the library's default, a symbolic link: waiting for one beside a relative path, it
        # never sleeps and never finds that its owner is dead.
        self._exclusive = JournalFileOpenLock(str(path))
        super().__init__(str(path), self._exclusive)
        self._cut()

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        try:
            super().append_logs(logs)
        except OSError:
            self._cut()
            raise

    def _cut(self) -> None:
        self._exclusive.acquire()
        try:
            with open(self._file_path, "rb+") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - (1 << 20)))  # a line holds one operation
                tail = file.read()
                if tail and not tail.endswith(b"\n"):
                    file.truncate(size - len(tail) + tail.rfind(b"\n") + 1)
        finally:
            self._exclusive.release()


def trial_of(study: optuna.Study, storage: JournalStorage, number: int) -> optuna.Trial:
    """A trial that this or another process began.

    Raises:
        InputError: the study has none of this number.
    """
    try:
        identifier = storage.get_trial_id_from_study_id_trial_number(
            storage.get_study_id_from_name(STUDY), number
        )
    except KeyError as error:
        raise InputError(
            f"trial={number}",
            expected="the number of a trial in the study of the experiment",
            got=f"one that is not among its {len(study.trials)}",
            remedy="Leave `trial` to hydra/sweeper=optuna_pruned.",
        ) from error
    return optuna.Trial(study, identifier)


def pruner_from(settings: dict[str, Any]) -> optuna.pruners.BasePruner:
    """The pruner of `{"_target_": "optuna.pruners.CLASS", ...arguments}`."""
    package, _, name = str(settings.get("_target_")).rpartition(".")
    kinds = [kind for kind in optuna.pruners.__all__ if kind.endswith("Pruner")]
    if package != "optuna.pruners" or name not in kinds:
        raise InputError(
            "hydra.sweeper.pruner",
            expected=f"one of optuna.pruners: {', '.join(kinds)}",
            got=str(settings.get("_target_")),
            remedy="See conf/hydra/sweeper/pruner.",
        )
    arguments = {key: value for key, value in settings.items() if not key.startswith("_")}
    try:
        made: optuna.pruners.BasePruner = getattr(optuna.pruners, name)(**arguments)
    except (TypeError, ValueError) as error:
        raise InputError(
            "hydra.sweeper.pruner",
            expected=f"arguments of optuna.pruners.{name}",
            got=str(error),
            remedy="See conf/hydra/sweeper/pruner.",
        ) from error
    return made
