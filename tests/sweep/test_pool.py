"""Real processes: what each is given, in which order, and what is refused."""

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from asr.configuration import CONFIGURATION
from asr.errors import InputError
from asr.sweep.job import PLANNED, Job
from asr.sweep.lease import lease
from asr.sweep.pool import Pool
from asr.sweep.record import Entry, changing
from tests.sweep.fake_runs import (
    DONE,
    LONG,
    PAIRED,
    SHORT,
    events,
    make_run,
    make_runs,
    most_at_once,
    run_pool,
    state_of,
    sweep,
    wait_until,
)

pytestmark = pytest.mark.usefixtures("cores")


# ---- what a run is given -----------------------------------------------------------------------


def test_a_run_has_its_core_its_threads_and_its_log(tmp_path: Path, cores: list[int]) -> None:
    script = f"""
print(json.dumps([dict(os.environ), os.getcwd(), os.getsid(0) == os.getpid()]), flush=True)
print(sys.stdin.read() + "and this", file=sys.stderr)
{DONE}"""
    folder = make_run(tmp_path / "x" / "a", script)
    (folder / "output.log").write_text("of an earlier attempt\n")
    ids = run_pool([folder])
    first, told, last = (folder / "output.log").read_text().splitlines()
    environment, directory, alone = json.loads(told)
    assert (first, last) == ("of an earlier attempt", "and this")
    assert environment["OMP_NUM_THREADS"] == environment["MKL_NUM_THREADS"] == "1"
    assert environment["CUDA_VISIBLE_DEVICES"] == ""
    assert environment[PLANNED] == str(folder)
    assert directory == os.getcwd()
    assert alone
    assert events(tmp_path / "x")[0].cores == (cores[0],)
    assert sorted(os.sched_getaffinity(0)) == cores  # ours is as it was
    assert state_of(folder) == ("done", "")
    assert Pool(None, None, 1, 0).settle({Job(folder): ids[folder]}) == {}


def test_as_many_at_once_as_there_are_cores(tmp_path: Path) -> None:
    run_pool(make_runs(tmp_path / "x", PAIRED, 4))
    noted = events(tmp_path / "x")
    assert most_at_once(noted) == 2
    assert most_at_once(noted, lambda event: event.cores) == 1
    assert [e.run for e in noted if e.event == "enter"][:2] != ["run2", "run3"]


def test_two_cores_per_run(tmp_path: Path, cores: list[int]) -> None:
    run_pool(make_runs(tmp_path / "x", SHORT, 2), cores_per_run=2)
    noted = events(tmp_path / "x")
    assert {event.cores for event in noted} == {tuple(cores)}
    assert most_at_once(noted) == 1


def test_gpus_are_shared_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")  # no nvidia-smi: names are taken as given
    run_pool(
        make_runs(tmp_path / "x", PAIRED, 4),
        gpus=["GPU-a", "GPU-b", "GPU-c", "GPU-d"],
        gpus_per_run=2,
    )
    noted = events(tmp_path / "x")
    assert {event.gpus for event in noted} == {"GPU-a,GPU-b", "GPU-c,GPU-d"}
    assert most_at_once(noted, lambda event: event.gpus) == 1


def test_one_after_the_other_with_nothing_pinned(
    tmp_path: Path, cores: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    others = lease(cores, 2, [], 0)  # does not matter to who leases nothing
    assert others is not None
    run_pool(make_runs(tmp_path / "x", SHORT, 3), cores_per_run=None, gpus_per_run=None)
    others.close()
    noted = events(tmp_path / "x")
    assert [event.run for event in noted if event.event == "enter"] == ["run0", "run1", "run2"]
    assert most_at_once(noted) == 1
    assert {(event.cores, event.gpus) for event in noted} == {(tuple(cores), "7")}


def test_two_sweeps_share_nothing(tmp_path: Path, cores: list[int]) -> None:
    first = sweep([make_run(tmp_path / "x" / f"a{index}", SHORT) for index in range(5)])
    second = sweep([make_run(tmp_path / "x" / f"b{index}", SHORT) for index in range(5)])
    assert (first.wait(30), second.wait(30)) == (0, 0)
    noted = events(tmp_path / "x")
    assert len(noted) == 20
    assert most_at_once(noted, lambda event: event.cores) == 1
    assert {event.cores for event in noted} == {(core,) for core in cores}
    for each in (first, second):
        assert each.stdout is not None
        each.stdout.close()


# ---- dense runs first --------------------------------------------------------------------------


def test_a_job_waits_for_its_dense_run_and_others_do_not(tmp_path: Path) -> None:
    home = tmp_path / "x"
    script = (
        f"while 'other' not in (folder.parent / 'events').read_text(): time.sleep(0.01)\n{DONE}"
    )
    dense = make_run(home / "dense", script)
    sparse = [Job(make_run(home / f"sparse{index}", SHORT), after=dense) for index in range(2)]
    other = make_run(home / "other", SHORT)
    run_pool([sparse[0], Job(dense), sparse[1], Job(other)])
    when = {(event.event, event.run): event.time for event in events(home)}
    assert when["enter", "other"] < when["leave", "dense"]
    assert when["leave", "dense"] < min(when["enter", "sparse0"], when["enter", "sparse1"])


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (
            "sys.exit('out of memory')",
            ("failed", "its dense run D failed: exit code 1: out of memory"),
        ),
        (
            "save_and_end(signal.SIGTERM, None)",
            ("preempted", "its dense run D is not done: saved"),
        ),
    ],
)
def test_a_dense_run_that_is_not_done(
    tmp_path: Path, script: str, expected: tuple[str, str]
) -> None:
    home = tmp_path / "x"
    dense = make_run(home / "D", script)
    sparse, other = make_run(home / "sparse", DONE), make_run(home / "other", DONE)
    with changing(home) as record:  # as the launcher does; the sweep that has it lives
        record.runs[str(dense)] = Entry([], controller=f"{os.uname().nodename}:{os.getpid()}")
    run_pool([Job(dense), Job(sparse, after=dense), Job(other)])
    assert state_of(sparse) == expected
    assert state_of(other)[0] == "done"
    assert "enter" not in [event.event for event in events(home) if event.run == "sparse"]


def test_a_dense_run_that_another_process_has(tmp_path: Path) -> None:
    home = tmp_path / "x"
    dense = make_run(home / "dense", LONG)
    elsewhere = subprocess.Popen([sys.executable, "-S", str(dense / "run.py")])
    wait_until(lambda: state_of(dense)[0] == "running")
    sparse = make_run(home / "sparse", DONE)
    other = make_run(home / "other", f"(folder.parent / 'go').touch(); {DONE}")
    run_pool([Job(sparse, after=dense), Job(other)])
    elsewhere.wait()
    when = {(event.event, event.run): event.time for event in events(home)}
    assert when["enter", "other"] < when["leave", "dense"] < when["enter", "sparse"]


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_dense_run_that_nobody_has_any_more(tmp_path: Path, state: str) -> None:
    dense = make_run(tmp_path / "x" / "dense", DONE, state=state)
    sparse = make_run(tmp_path / "x" / "sparse", DONE)
    run_pool([Job(sparse, after=dense)])
    assert state_of(sparse)[0] == "preempted"
    assert "its dense run dense is not done" in state_of(sparse)[1]


# ---- what is refused ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hardware", "options", "message"),
    [
        ({"threads": 2}, {}, r"a: threads of all.*at most hydra.launcher.cores_per_run=1, got 2"),
        ({"devices": 2}, {}, r"a: threads of all.*got 2. Set hydra.launcher.cores_per_run=2"),
        ({"nodes": 2}, {}, r"a: hardware.nodes: expected 1"),
        ({"accelerator": "gpu"}, {}, r"a: GPUs of all.*gpus_per_run=0, got 1"),
        ({}, {"cores_per_run": 3}, r"cores_per_run: expected at most 2"),
        ({}, {"gpus_per_run": 1}, r"gpus_per_run: expected at most 0"),
        ({}, {"cores": [4096]}, r"cores: expected some of the cores.*got \[4096\]"),
        ({}, {"cores": 2}, r"cores: expected numbers of the cores, as \[0,1\].*cores_per_run"),
        ({}, {"cores": ["a"]}, r"cores: expected numbers of the cores.*got \['a'\]"),
        ({}, {"gpus": 2}, r"gpus: expected numbers of the gpus.*got 2.*gpus_per_run"),
        ({}, {"gpus": "GPU-a"}, r"gpus: expected numbers of the gpus.*got 'GPU-a'"),
        ({}, {"cores_per_run": "two"}, r"cores_per_run: expected a whole number from 1, or null"),
        ({}, {"cores_per_run": 0}, r"cores_per_run: expected a whole number from 1, or null"),
        ({}, {"cores_per_run": True}, r"cores_per_run: expected a whole number from 1.*got True"),
        ({}, {"cores": [0], "cores_per_run": None}, r"cores=\[0\]: expected.*cores_per_run"),
        ({}, {"gpus": [0]}, r"gpus=\[0\]: expected.*gpus_per_run to say"),
    ],
)
def test_what_does_not_fit(
    tmp_path: Path,
    hardware: dict[str, object],
    options: dict[str, Any],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    good = make_run(tmp_path / "x" / "b", DONE)
    with pytest.raises(InputError, match=message):
        run_pool([good, make_run(tmp_path / "x" / "a", DONE, **hardware)], **options)
    assert events(tmp_path / "x") == []  # none was started


@pytest.mark.parametrize("name", ["basic", "pool"])
def test_the_launchers_keys_are_the_constructors_arguments(name: str) -> None:
    node = yaml.safe_load((CONFIGURATION / "hydra" / "launcher" / f"{name}.yaml").read_text())
    ours = {key: node.pop(key) for key in inspect.signature(Pool).parameters}
    Pool(**ours)
    assert set(node) == {"_target_", "retry_failed", "baselines"}
