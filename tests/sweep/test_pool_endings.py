"""How a run ended is said, and nothing is lost when the sweep ends first."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from asr.sweep.job import Job
from asr.sweep.lease import lease
from asr.sweep.pool import Pool
from asr.training.run_folder import owned_elsewhere
from tests.sweep.fake_runs import (
    DONE,
    LONG,
    STUBBORN,
    events,
    make_run,
    make_runs,
    run_pool,
    state_of,
    sweep,
    wait_until,
)

pytestmark = pytest.mark.usefixtures("cores")


# ---- how runs end ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("script", "state", "reason"),
    [
        ("sys.exit('error: no such manifest')", "failed", "exit code 1: error: no such manifest"),
        ("os._exit(3)", "failed", "exit code 3: it said nothing"),
        ("print('bye')", "failed", "exit code 0: bye"),
        ("status('running'); 1 / 0", "failed", "exit code 1: ZeroDivisionError: division by zero"),
        ("status('failed', reason='InputError: x'); sys.exit(1)", "failed", "InputError: x"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "failed", "ended by SIGSEGV: it said nothing"),
        (
            "status('running'); print('epoch 1', flush=True); os.kill(os.getpid(), signal.SIGKILL)",
            "failed",
            "ended by SIGKILL, as the kernel does when memory is short: epoch 1",
        ),
        (  # as Lightning does with the first of several processes when another one has failed
            "print('error: x.jsonl: no', 'Child process 7 terminated', sep='\\n', flush=True)\n"
            "os.kill(os.getpid(), signal.SIGKILL)",
            "failed",
            "ended by SIGKILL: error: x.jsonl: no",
        ),
        (
            "os.kill(os.getpid(), signal.SIGTERM)",
            "preempted",
            "ended by SIGTERM before it could save; submit again to continue",
        ),
        ("save_and_end(signal.SIGUSR1, None)", "preempted", "saved"),
    ],
)
def test_how_a_run_ended(tmp_path: Path, script: str, state: str, reason: str) -> None:
    bad = make_run(tmp_path / "x" / "bad", script)
    good = make_run(tmp_path / "x" / "good", DONE)
    run_pool([bad, good], cores_per_run=2)
    assert state_of(bad) == (state, reason)
    assert state_of(good)[0] == "done"


def test_the_word_of_an_earlier_attempt_is_not_taken_for_this_ones(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "x" / "a", "os._exit(1)", state="preempted")
    run_pool([folder])
    assert state_of(folder) == ("failed", "exit code 1: it said nothing")


def test_a_run_that_cannot_be_started_or_told_of(tmp_path: Path) -> None:
    unwritable = make_run(tmp_path / "x" / "a", DONE)
    (unwritable / "output.log").mkdir()
    damaged = make_run(tmp_path / "x" / "b", "os._exit(1)")
    (damaged / "status.json").write_text("{")
    good = make_run(tmp_path / "x" / "c", DONE)
    run_pool([unwritable, damaged, good])
    assert state_of(unwritable)[0] == "failed"
    assert "could not be started" in state_of(unwritable)[1]
    assert (damaged / "status.json").read_text() == "{"
    assert state_of(good)[0] == "done"


def test_what_a_killed_run_leaves_is_ended(tmp_path: Path) -> None:
    script = """
if os.fork() == 0:
    (folder / "child").write_text(str(os.getpid()))
    time.sleep(60)
while not (folder / "child").exists(): time.sleep(0.01)
os.kill(os.getpid(), signal.SIGKILL)"""
    run_pool([make_run(tmp_path / "x" / "a", script), make_run(tmp_path / "x" / "b", DONE)])
    child = int((tmp_path / "x" / "a" / "child").read_text())
    wait_until(lambda: not Path(f"/proc/{child}/cmdline").exists() or not cmdline(child))
    assert state_of(tmp_path / "x" / "b")[0] == "done"


def cmdline(pid: int) -> bytes:
    """Of a process that lives: a zombie has none."""
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_run_of_another_process_is_left_to_it(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "x" / "a", LONG)
    other = subprocess.Popen([sys.executable, "-S", str(folder / "run.py")])
    wait_until(lambda: state_of(folder)[0] == "running")
    run_pool([folder])
    assert state_of(folder)[0] == "running"
    (tmp_path / "x" / "go").touch()
    other.wait()
    assert state_of(folder) == ("done", "")


# ---- when the sweep ends before its runs -------------------------------------------------------


def test_a_killed_sweep_leaves_its_run_and_the_lease(tmp_path: Path, cores: list[int]) -> None:
    folder = make_run(tmp_path / "x" / "a", LONG)
    killed = sweep([folder], cores=cores[:1])
    wait_until(lambda: state_of(folder)[0] == "running")
    killed.kill()
    out, _ = killed.communicate()
    (name,) = (line.split()[1] for line in out.splitlines() if line.startswith("id "))
    ours = Pool(None, None, 1, 0)
    names = (name, name + "0", "elsewhere:1:2", "12")
    handed = {Job(folder / str(number)): each for number, each in enumerate(names)}
    assert list(ours.settle(handed).values()) == [name]
    assert owned_elsewhere(folder)
    assert lease(cores[:1], 1, [], 0) is None
    later = make_run(tmp_path / "x" / "b", DONE)
    waiting = sweep([later], cores=cores[:1])
    assert waiting.stdout is not None
    assert f"that others have: {folder}, pid" in waiting.stdout.readline()
    ours.cancel([name])
    wait_until(lambda: state_of(folder) == ("preempted", "saved"))
    assert waiting.wait(20) == 0
    waiting.stdout.close()
    assert state_of(later)[0] == "done"
    assert ours.settle({Job(folder): name}) == {}


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_saves_what_runs_and_starts_no_more(tmp_path: Path, signum: int) -> None:
    folders = make_runs(tmp_path / "x", LONG, 3)
    stopped = sweep(folders)
    wait_until(lambda: [e.event for e in events(tmp_path / "x")].count("ready") == 2)
    assert stopped.stdout is not None
    if signum == signal.SIGHUP:
        stopped.stdout.close()  # as the terminal is: nobody is there to be told
    os.killpg(stopped.pid, signum)  # a terminal's Ctrl-C reaches the whole group
    assert stopped.wait(20) == 128 + signum
    stopped.stdout.close()
    assert [state_of(folder) for folder in folders] == [
        ("preempted", "saved"),
        ("preempted", "saved"),
        ("preempted", "the sweep was stopped before its turn"),
    ]
    assert [e.event for e in events(tmp_path / "x")].count("told") == 2  # once each


def test_a_second_signal_kills(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "x" / "a", STUBBORN)
    stopped = sweep([folder])
    wait_until(lambda: events(tmp_path / "x")[-1:] and events(tmp_path / "x")[-1].event == "ready")
    stopped.send_signal(signal.SIGTERM)
    wait_until(lambda: events(tmp_path / "x")[-1].event == "told")
    stopped.send_signal(signal.SIGTERM)
    out, _ = stopped.communicate(timeout=20)
    assert stopped.returncode == 128 + signal.SIGTERM
    assert "once more to kill" in out
    assert state_of(folder)[0] == "preempted"
    assert "ended by SIGKILL before it could save" in state_of(folder)[1]


def test_a_detached_sweep_does_not_hear_a_lost_terminal(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "x" / "a", LONG)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup: it is inherited
    detached = sweep([folder])
    signal.signal(signal.SIGHUP, before)
    wait_until(lambda: state_of(folder)[0] == "running")
    detached.send_signal(signal.SIGHUP)
    (tmp_path / "x" / "go").touch()
    detached.communicate(timeout=20)
    assert detached.returncode == 0
    assert state_of(folder)[0] == "done"


def test_an_error_of_the_sweep_leaves_no_run_alone(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "x" / "a", LONG)

    def no_record(_: Path, __: str) -> None:
        wait_until(lambda: state_of(folder)[0] == "running")
        wait_until(lambda: any(event.event == "ready" for event in events(tmp_path / "x")))
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space left"):
        Pool(None, None, 1, 0).run([Job(folder)], no_record)
    assert state_of(folder) == ("preempted", "saved")
