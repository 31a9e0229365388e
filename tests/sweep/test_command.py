"""`python -m asr.sweep` as a user runs it, with real trainings."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from asr.training.run_folder import read_status
from tests.commands import REPOSITORY, run, start, tiny_run
from tests.sweep import fake_runs

pytestmark = pytest.mark.flow

SWEEP = [sys.executable, "-m", "asr.sweep"]


@pytest.fixture
def overrides(tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Of a sweep on one core, whoever else sweeps on this machine."""
    monkeypatch.setitem(run.__globals__["ENVIRONMENT"], "ASR_LEASES", str(tmp_path / "leases"))
    return [
        *tiny_run(tones, tmp_path / "runs")[2:],
        "sparsity=gradual_block",
        "hydra/launcher=pool",
    ]


def views(home: Path) -> dict[str, dict[str, Any]]:
    """What `status --json` says of every run."""
    looked = run([*SWEEP, "status", str(home), "--json"])
    assert looked.returncode == 0, looked.stderr
    listed = [json.loads(line) for line in looked.stdout.splitlines()]
    return {Path(view["folder"]).name: view for view in listed}


def wait_until(home: Path, reached: Any) -> dict[str, dict[str, Any]]:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if reached(found := views(home)):
            return found
        time.sleep(1)
    raise AssertionError(f"never reached: {views(home)}")


def test_send_off_look_try_again(overrides: list[str], tmp_path: Path) -> None:
    home = tmp_path / "runs" / "default"
    # 16-mixed is for GPUs: that run and its baseline fail, after the sweep was sent off.
    began = time.monotonic()
    sent = run([*SWEEP, "submit", *overrides, "training.precision=16-mixed,32-true"])
    assert sent.returncode == 0, sent.stdout + sent.stderr
    assert "sent off as process" in sent.stdout
    assert "4 to run, 0 skipped" in sent.stdout
    assert time.monotonic() - began < 60
    ended = wait_until(
        home, lambda v: len(v) == 4 and {x["state"] for x in v.values()} <= {"done", "failed"}
    )
    assert sorted(view["state"] for view in ended.values()) == ["done", "done", "failed", "failed"]
    failed = [view for view in ended.values() if view["state"] == "failed"]
    assert all("expected bf16-mixed on a CPU" in view["last_lines"][-1] for view in failed)
    assert all(v["step"] == v["total_steps"] > 0 for v in ended.values() if v["state"] == "done")

    shown = run([*SWEEP, "status", str(home)])
    assert "2 done" in shown.stdout
    assert "2 failed" in shown.stdout
    assert "dense baseline" in shown.stdout
    assert "Set training.precision=bf16-mixed" in shown.stdout

    again = run([*SWEEP, "retry", "--wait", str(home)])
    assert again.returncode == 1
    assert again.stdout.count("again ") == 2
    assert "2 failed" in again.stderr
    whole = run([sys.executable, "train.py", "-m", *overrides, "training.precision=32-true"])
    assert whole.returncode == 0, whole.stderr
    assert "0 to run, 2 skipped" in whole.stdout


def test_cancel_saves_and_submitting_again_goes_on(overrides: list[str], tmp_path: Path) -> None:
    home = tmp_path / "runs" / "default"
    long = [*overrides, "training.epochs=400", "seed=1,2"]
    sent = run([*SWEEP, "submit", *long])
    assert sent.returncode == 0, sent.stdout + sent.stderr
    wait_until(home, lambda v: any(x["state"] == "running" and x["step"] > 0 for x in v.values()))
    cancelled = run([*SWEEP, "cancel", str(home)])
    assert cancelled.returncode == 0, cancelled.stderr
    assert cancelled.stdout.count("cancelled") == 4
    stopped = wait_until(home, lambda v: {x["state"] for x in v.values()} == {"preempted"})
    assert any(view["step"] > 0 for view in stopped.values())
    assert "nothing waits or runs" in run([*SWEEP, "cancel", str(home)]).stdout
    again = run([*SWEEP, "submit", *long])
    assert "(from step" in again.stdout, again.stdout + again.stderr
    run([*SWEEP, "cancel", str(home)])
    wait_until(home, lambda v: {x["state"] for x in v.values()} == {"preempted"})


def test_stayed_for_and_interrupted(overrides: list[str], tmp_path: Path) -> None:
    """Ctrl-C is the sweep's own: it has the time to have its run saved before it ends."""
    home, log = tmp_path / "runs" / "default", tmp_path / "log"
    words = [*overrides, "sparsity=dense", "training.epochs=400"]
    with start([*SWEEP, "submit", "--wait", *words], log) as staying:

        def one_trains() -> bool:
            assert staying.poll() is None, f"it ended before: {log.read_text()}"
            return any(read_status(one.parent).get("step") for one in home.glob("*/status.json"))

        try:
            fake_runs.wait_until(one_trains, 120)
            os.killpg(staying.pid, signal.SIGINT)  # as a terminal does
            assert staying.wait(120) == 128 + signal.SIGINT, log.read_text()
        finally:
            staying.kill()
            run([*SWEEP, "cancel", str(home)])  # what a sweep leaves if it is not as it should be
    (ended,) = views(home).values()
    assert ended["state"] == "preempted"
    assert "TrainingInterruptedError: SIGTERM" in ended["reason"]
    saved = torch.load(next(home.glob("*/checkpoints/last.ckpt")), weights_only=True)
    assert saved["global_step"] == ended["step"] > 0


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, str(REPOSITORY / "train.py"), "-m", "hydra/launcher=pool"],
        [*SWEEP, "submit", "--wait", "hydra/launcher=local"],
    ],
    ids=["train.py, a pool", "submit, jobs of submitit"],
)
def test_from_another_folder(
    command: list[str], tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That folder's own train.py is nobody's; paths are relative to it."""
    monkeypatch.setitem(run.__globals__["ENVIRONMENT"], "ASR_LEASES", str(tmp_path / "leases"))
    (tmp_path / "train.py").write_text("raise SystemExit('another program')")
    (tmp_path / "tones").symlink_to(tones)
    words = tiny_run(Path("tones"), Path("runs"), "training.epochs=1", "seed=1,2")[2:]
    ended = run([*command, *words], cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    statuses = list((tmp_path / "runs" / "default").glob("*/status.json"))
    assert [read_status(path.parent)["state"] for path in statuses] == ["done", "done"]


def test_what_cannot_be_is_told(tmp_path: Path) -> None:
    nothing = run([*SWEEP, "status", str(tmp_path)])
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "no run in it" in nothing.stderr
    slip = run([*SWEEP, "submit", "model=tinny"])
    assert slip.returncode == 1
    assert "tiny" in slip.stderr
    assert "nothing to retry" in run([*SWEEP, "retry", str(tmp_path)]).stdout
