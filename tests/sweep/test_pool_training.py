"""The pool with real trainings: stopped, killed, continued."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir

from asr.configuration import CONFIGURATION, plain
from asr.sweep.lease import VARIABLE
from asr.training.run_folder import RunFolder, read_status
from asr.training.run_identity import identify
from tests.commands import ENVIRONMENT, REPOSITORY, run, tiny_run
from tests.sweep.fake_runs import wait_until

pytestmark = pytest.mark.flow

_SWEEP = """
import sys
from pathlib import Path
from asr.sweep.interruption import SweepInterruptedError
from asr.sweep.job import Job
from asr.sweep.pool import Pool
pool = Pool(cores=None, gpus=None, cores_per_run=1, gpus_per_run=0)
try:
    pool.run([Job(Path(folder)) for folder in sys.argv[1:]], lambda folder, job: None)
except SweepInterruptedError as interruption:
    sys.exit(interruption.exit_code)
"""


def planned(tones: Path, runs: Path, *overrides: str) -> Path:
    """The folder of a tiny run, as the launcher leaves it to the engine."""
    with initialize_config_dir(str(CONFIGURATION), version_base="1.3"):
        settings = plain(compose("train", tiny_run(tones, runs, *overrides)[2:]))
    identity = identify(settings, needs_dense_run=False)
    folder = RunFolder(identity.folder, {"run_key": identity.keys.run_key})
    folder.queue()
    (folder.path / "config.yaml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return folder.path


def start(folders: list[Path], leases: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _SWEEP, *map(str, folders)],
        cwd=REPOSITORY,
        env={**ENVIRONMENT, VARIABLE: str(leases)},
        text=True,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def step(folder: Path) -> int:
    return int(read_status(folder).get("step", 0))


def state(folder: Path) -> str:
    return str(read_status(folder)["state"])


def weights(folder: Path) -> dict[str, torch.Tensor]:
    checkpoint = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return dict(checkpoint["state_dict"])


def test_stopped_and_killed_and_continued(tones: Path, tmp_path: Path) -> None:
    runs, often = tmp_path / "runs", "hardware.checkpoint_minutes=0"
    ours = planned(tones, runs, often)
    # It cannot end before it is stopped, however late the other one begins.
    long = planned(tones, runs, often, "training.epochs=400")
    undisturbed = planned(tones, tmp_path / "undisturbed", often)
    assert run(tiny_run(tones, tmp_path / "undisturbed", often)).returncode == 0

    sweep = start([ours, long], tmp_path / "leases")
    wait_until(lambda: state(ours) == "running" and step(ours) >= 2, 90)
    os.killpg(sweep.pid, signal.SIGINT)
    out, _ = sweep.communicate(timeout=90)
    assert sweep.returncode == 128 + signal.SIGINT, out
    assert [state(ours), state(long)] == ["preempted", "preempted"]
    assert "TrainingInterruptedError: SIGTERM" in read_status(ours)["reason"]
    stopped_at = step(ours)

    sweep = start([ours], tmp_path / "leases")
    wait_until(lambda: state(ours) == "running" and step(ours) > stopped_at, 90)
    sweep.kill()  # the run goes on
    sweep.communicate()
    wait_until(lambda: state(ours) == "done", 90)

    sweep = start([ours], tmp_path / "leases")
    out, _ = sweep.communicate(timeout=150)
    assert sweep.returncode == 0, out
    assert "continuing from" in (ours / "output.log").read_text()
    stopped, never = weights(ours), weights(undisturbed)
    assert stopped.keys() == never.keys()
    assert all(torch.equal(stopped[name], never[name]) for name in never)
