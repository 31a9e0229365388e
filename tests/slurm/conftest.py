"""SLURM for tests: its commands as scripts that remember what they were given, and a real one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import ENVIRONMENT, tiny_run, train_here
from tests.slurm import cluster
from tests.slurm.trainings import LENGTH


class Commands:
    """A folder in front of PATH whose commands answer as told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def answer(self, name: str, script: str) -> None:
        """What a command does from now on, in the language of sh."""
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def submissions(self) -> list[str]:
        """The batch scripts that sbatch was given."""
        paths = sorted(self.folder.glob("batch-*"))
        return [path.read_text(encoding="utf-8") for path in paths]


@pytest.fixture(scope="session")
def undisturbed(tones: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dense run of seed 1 that most of these tests disturb."""
    return train_here(tiny_run(tones, tmp_path_factory.mktemp("undisturbed"), LENGTH))


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """sbatch that accepts everything as job 101, 102, ..., and an empty queue."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    made = Commands(folder)
    count = f"n=$(ls {folder} | grep -c batch-); n=$((n + 101))"
    made.answer("sbatch", f'{count}; cat "$1" > {folder}/batch-$n; echo Submitted batch job $n')
    made.answer("srun", "exit 1")
    made.answer("squeue", "exit 0")
    made.answer("sacct", "exit 1")
    return made


@pytest.fixture(scope="module")
def slurm() -> Iterator[cluster.Cluster]:
    """A real cluster with accounting."""
    yield from _real(accounting=True)


@pytest.fixture(scope="module")
def slurm_without_accounting() -> Iterator[cluster.Cluster]:
    """A real cluster that forgets jobs some minutes after their end."""
    yield from _real(accounting=False)


def _real(accounting: bool) -> Iterator[cluster.Cluster]:
    if why := cluster.missing(accounting):
        pytest.skip(why)
    with cluster.running(accounting) as running, pytest.MonkeyPatch.context() as patch:
        patch.setitem(ENVIRONMENT, "SLURM_CONF", os.environ["SLURM_CONF"])
        yield running
