"""Run the entry files as a user does: in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "WANDB_MODE": "offline"}


def tiny_run(data: Path, runs: Path, *overrides: str) -> list[str]:
    """A training command that takes seconds."""
    return [
        sys.executable,
        "train.py",
        f"data.train=[{data}/train.jsonl]",
        f"data.validation=[{data}/validation.jsonl]",
        f"data.test=[{data}/test.jsonl]",
        "data.batch_seconds=4",
        "model=tiny",
        "model.dropout=0.3",
        "training.epochs=3",
        "hardware.workers=0",
        f"runs={runs}",
        *overrides,
    ]


def train_here(command: list[str]) -> Path:
    """Train in this process; returns the run folder that this made or went on with."""
    import train  # Lightning takes seconds to import

    used: list[Path] = []
    run_folder = train.run_folder

    def remembered(cfg: Any) -> Any:
        folder = run_folder(cfg)
        used.append(folder.path)
        return folder

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(REPOSITORY)
        patch.setattr(sys, "argv", command[1:])
        patch.setattr(train, "run_folder", remembered)
        train.main()
    return used[-1]


def run(
    command: list[str], cwd: Path = REPOSITORY, **options: object
) -> subprocess.CompletedProcess[str]:
    """Run to the end, with the output as text."""
    return subprocess.run(  # type: ignore[call-overload, no-any-return]
        command,
        cwd=cwd,
        env=ENVIRONMENT,
        text=True,
        capture_output=True,
        timeout=600,
        **options,
    )


def start(command: list[str], log: Path) -> subprocess.Popen[str]:
    """Start in the background, with the output in a file."""
    with open(log, "w", encoding="utf-8") as file:
        return subprocess.Popen(
            command,
            cwd=REPOSITORY,
            env=ENVIRONMENT,
            text=True,
            stdout=file,
            stderr=file,
            start_new_session=True,  # so that a test can signal the whole group
        )
