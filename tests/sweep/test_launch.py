"""What a sweep starts, skips and reports, with runs that end as told."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import yaml

import asr.sweep.launch
import asr.sweep.resubmit
import train
from asr.errors import InputError
from asr.sweep.job import Job
from asr.sweep.launch import build_launcher, handed_since
from asr.sweep.overview import look
from asr.sweep.record import Entry, Record, changing, read_record
from asr.sweep.resubmit import retry
from asr.training.run_folder import restate
from tests.commands import tiny_run
from tests.sweep.fake_engine import FakeEngine

BLOCKS = "sparsity.block=[4,4],[8,8]"


@pytest.fixture
def sweep(tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Submit a sweep; returns the folders of the runs that were started, and its exit message."""
    fake = {"engine": "tests.sweep.fake_engine.FakeEngine", "arguments": {}}
    build = asr.sweep.launch.build_launcher
    monkeypatch.setattr(asr.sweep.launch, "build_launcher", lambda _: build(fake))

    def submit(*overrides: str, **endings: str) -> tuple[list[Path], str]:
        command = tiny_run(tones, tmp_path, "sparsity=gradual_block", *overrides)
        monkeypatch.setattr(sys, "argv", [*command[1:2], "-m", *command[2:]])
        FakeEngine.fresh(endings)
        message = ""
        try:
            train.main()
        except SystemExit as exit_:
            message = str(exit_.code)
        return [job.folder for job in FakeEngine.started], message

    return submit


def config(folder: Path) -> dict:  # type: ignore[type-arg]
    return yaml.safe_load((folder / "config.yaml").read_text())  # type: ignore[no-any-return]


def test_again_runs_only_what_is_left(sweep, tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    started, message = sweep(BLOCKS)
    assert message == ""
    assert [config(folder)["sparsity"].get("block") for folder in started] == [None, [4, 4], [8, 8]]
    capsys.readouterr()
    assert sweep(BLOCKS) == ([], "")
    assert capsys.readouterr().out.count(": done") == 3
    more, _ = sweep(BLOCKS.replace("[8,8]", "[8,8],[12,2]"))
    assert [config(folder)["sparsity"]["block"] for folder in more] == [[12, 2]]
    record = read_record(tmp_path / "default")
    assert len(record.runs) == 4
    assert all(entry.controller is None for entry in record.runs.values())


def test_what_failed_stops_nothing_and_is_retried_when_asked(sweep, capsys) -> None:  # type: ignore[no-untyped-def]
    started, _ = sweep(BLOCKS)
    dense, small, large = (folder.name for folder in started)
    for folder in started:
        (folder / "status.json").unlink()
    again, message = sweep(BLOCKS, **{small: "failed"})
    assert [folder.name for folder in again] == [dense, small, large]
    assert "1 failed" in message
    assert f"{small}: as told" in message
    assert "asr.sweep retry" in message
    skipped, message = sweep(BLOCKS)
    assert skipped == []
    assert "1 failed" in message, "a sweep that is not complete does not end well"
    assert "failed before (as told)" in capsys.readouterr().out
    retried, message = sweep(BLOCKS, "hydra.launcher.retry_failed=true")
    assert [folder.name for folder in retried] == [small]
    assert message == ""


def test_a_run_whose_folder_was_removed_stops_no_other(  # type: ignore[no-untyped-def]
    sweep, tmp_path, monkeypatch, capsys
) -> None:
    started, _ = sweep(BLOCKS)
    dense, small, large = started
    for folder in started:
        restate(folder, "failed", "a full disk")
    shutil.rmtree(small)
    # asr.sweep.launch's has been replaced by one that builds the fake engine.
    monkeypatch.setattr(asr.sweep.resubmit, "build_launcher", asr.sweep.launch.build_launcher)
    FakeEngine.fresh()
    assert retry(tmp_path / "default", wait=True) == 1
    assert {job.folder.name for job in FakeEngine.started} == {dense.name, large.name}
    said = capsys.readouterr().out
    assert f"{small.name}: no config.yaml, submit the sweep again" in said
    assert not small.exists()


def test_jobs_that_another_sweep_has_just_handed_over_live() -> None:
    asked = Record(Path("x"), runs={"a": Entry([], job="1"), "b": Entry([])})
    later = Record(
        Path("x"), runs={"a": Entry([], job="1"), "b": Entry([], job="2"), "c": Entry([])}
    )
    assert handed_since(asked, later) == {"2"}


def test_a_baseline_that_failed_is_a_failure(sweep) -> None:  # type: ignore[no-untyped-def]
    started, _ = sweep(BLOCKS)
    for folder in started:
        (folder / "status.json").unlink()
    _, message = sweep(BLOCKS, **{started[0].name: "failed"})
    assert f"{started[0].name}: as told" in message


def test_threshold_methods_wait_for_their_dense_run(sweep) -> None:  # type: ignore[no-untyped-def]
    sweep("sparsity=block_pruning", "hydra.launcher.baselines=needed", "seed=1,2")
    jobs = FakeEngine.started
    assert [job.after for job in jobs] == [None, None, jobs[0].folder, jobs[1].folder]
    assert config(jobs[2].folder)["sparsity"]["dense_run"] == str(jobs[0].folder)


def test_what_cannot_be_is_told_and_the_others_run(sweep, capsys) -> None:  # type: ignore[no-untyped-def]
    started, message = sweep("training.epochs=3,three", "sparsity=dense")
    assert len(started) == 1
    assert "training.epochs" in message
    assert "1 failed" in message
    assert "refused" in capsys.readouterr().out


def test_a_run_of_changed_data_is_another_run(sweep, tones, tmp_path) -> None:  # type: ignore[no-untyped-def]
    manifest = tmp_path / "train.jsonl"
    text = (tones / "train.jsonl").read_text()
    rows = [json.loads(line) for line in text.splitlines()]
    for row in rows:
        row["audio_filepath"] = str(tones / row["audio_filepath"])
    manifest.write_text("\n".join(map(json.dumps, rows)))
    first, _ = sweep("sparsity=dense", f"data.train=[{manifest}]")
    assert sweep("sparsity=dense", f"data.train=[{manifest}]")[0] == []
    manifest.write_text("\n".join(map(json.dumps, rows[:-1])))
    second, _ = sweep("sparsity=dense", f"data.train=[{manifest}]")
    assert len(second) == 1
    assert second != first


RATE = """
# @package _global_
optimizer:
  lr: {}
"""


def test_another_value_of_the_environment_is_another_run(  # type: ignore[no-untyped-def]
    sweep, tmp_path, monkeypatch
) -> None:
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    rate = "${oc.decode:${oc.env:ASR_RATE,1e-3}}"
    (tmp_path / "mine" / "experiment" / "rate.yaml").write_text(RATE.format(rate).lstrip())
    command = ("sparsity=dense", "+experiment=rate", "--config-dir", str(tmp_path / "mine"))
    rates = []
    for value in (None, "2e-3", "3e-3"):
        if value is not None:
            monkeypatch.setenv("ASR_RATE", value)
        (started,), _ = sweep(*command)
        rates.append(config(started)["optimizer"]["lr"])
    assert rates == [1e-3, 2e-3, 3e-3]
    assert sweep(*command) == ([], "")


@pytest.mark.parametrize("path", ["file://{}/mine", "mine", "pkg://mine"])
def test_a_file_below_hydras_search_path_is_read_again(  # type: ignore[no-untyped-def]
    sweep, tmp_path, monkeypatch, path
) -> None:
    (tmp_path / "mine" / "experiment").mkdir(parents=True)
    (tmp_path / "mine" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    command = ("sparsity=dense", "+experiment=rate", f"hydra.searchpath=[{path.format(tmp_path)}]")
    for rate in (1e-3, 2e-3):
        (tmp_path / "mine" / "experiment" / "rate.yaml").write_text(RATE.format(rate).lstrip())
        (started,), _ = sweep(*command)
        assert config(started)["optimizer"]["lr"] == rate


def test_what_names_no_run_is_not_remembered(sweep, tmp_path) -> None:  # type: ignore[no-untyped-def]
    for threads in (1, 4, 1):
        started, _ = sweep("sparsity=dense", f"hardware.threads={threads}")
        assert config(started[0])["hardware"]["threads"] == threads
        (started[0] / "status.json").write_text(
            (started[0] / "status.json").read_text().replace('"done"', '"preempted"')
        )


def test_a_damaged_status_stops_no_other_run(sweep, capsys) -> None:  # type: ignore[no-untyped-def]
    started, _ = sweep("sparsity=dense", "seed=1,2")
    (started[0] / "status.json").write_text("{")
    (started[1] / "status.json").unlink()
    again, message = sweep("sparsity=dense", "seed=1,2")
    assert again == started[1:]
    assert "remove it" in message
    again, message = sweep("sparsity=dense", "seed=1,2", "hydra.launcher.retry_failed=true")
    assert (again, message) == (started[:1], "")


def test_a_sweep_has_one_folder(sweep) -> None:  # type: ignore[no-untyped-def]
    started, message = sweep("sparsity=dense", "experiment_name=a,b")
    assert started == []
    assert "one sweep for each experiment" in message


def test_what_ends_before_it_is_done_is_no_success(sweep) -> None:  # type: ignore[no-untyped-def]
    started, _ = sweep("sparsity=dense")
    (started[0] / "status.json").unlink()
    _, message = sweep("sparsity=dense", **{started[0].name: "preempted"})
    assert f"{started[0].name}: preempted, " in message


def test_a_run_that_only_its_dense_run_stopped_is_tried_again(sweep) -> None:  # type: ignore[no-untyped-def]
    command = ("sparsity=block_pruning", "hydra.launcher.baselines=needed")
    (_, sparse), _ = sweep(*command)
    restate(sparse, "failed", "its dense run abc failed: why")
    again, message = sweep(*command)
    assert (again, message) == ([sparse], "")


def test_runs_are_the_same_from_another_directory(sweep, tmp_path, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    sweep("sparsity=dense", "seed=1,2")
    monkeypatch.chdir(tmp_path)
    views = look(Path("default"))
    assert [view.state for view in views] == ["done", "done"]


@pytest.mark.parametrize("absolute", [False, True])
def test_a_moved_experiment_has_its_runs_once(  # type: ignore[no-untyped-def]
    sweep, tmp_path, monkeypatch, capsys, absolute
) -> None:
    """Also by a record of before, which names runs by where they were."""
    (dense, sparse), _ = sweep("sparsity=block_pruning", "hydra.launcher.baselines=needed")
    record = json.loads((tmp_path / "default" / "sweep.json").read_text())
    assert record["runs"].keys() == {dense.name, sparse.name}
    assert record["runs"][sparse.name]["after"] == dense.name
    if absolute:
        record["runs"] = {str(tmp_path / "default" / n): e for n, e in record["runs"].items()}
        record["runs"][str(sparse)]["after"] = str(dense)
        (tmp_path / "default" / "sweep.json").write_text(json.dumps(record))
    home = (tmp_path / "default").rename(tmp_path / "kept")
    assert [(view.folder, view.state) for view in look(home)] == [
        (str(home / dense.name), "done"),
        (str(home / sparse.name), "done"),
    ]
    assert retry(home, wait=True) == 0
    assert "left out" not in capsys.readouterr().out
    restate(home / sparse.name, "failed", "a full disk")
    monkeypatch.setattr(asr.sweep.resubmit, "build_launcher", asr.sweep.launch.build_launcher)
    FakeEngine.fresh()
    assert retry(home, wait=True) == 0
    assert FakeEngine.started == [Job(home / sparse.name, home / dense.name)]
    assert read_record(home).runs.keys() == {dense.name, sparse.name}


def test_a_dense_run_of_another_experiment_is_named_from_here(tmp_path) -> None:  # type: ignore[no-untyped-def]
    record = Record(tmp_path / "a")
    assert record.name(tmp_path / "b" / "key") == "../b/key"
    assert record.folder("../b/key") == tmp_path / "b" / "key"


@pytest.mark.parametrize("engine", ["slurm.Submitit", "local_submitit.LocalSubmitit"])
def test_a_launcher_without_its_extra_says_so(  # type: ignore[no-untyped-def]
    tmp_path, monkeypatch, engine
) -> None:
    module = f"asr.sweep.{engine}".rpartition(".")[0]
    monkeypatch.setitem(sys.modules, "submitit", None)  # as if it were not installed
    monkeypatch.delitem(sys.modules, module, raising=False)
    with changing(tmp_path) as record:
        record.launchers["S"] = {"engine": f"asr.sweep.{engine}", "arguments": {}}
        record.runs["a"] = Entry([], launcher="S", job="5")
    with pytest.raises(InputError, match=r"pip install -e '\.\[cluster\]'"):
        look(tmp_path)


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        ({"engine": "asr.sweep.pool.Pool", "arguments": {"threads": 1}}, "argument: 'cores'"),
        ({"engine": "asr.sweep.pool.Swarm", "arguments": {}}, "no attribute 'Swarm'"),
        ({"engine": "asr.sweep.swarm.Swarm", "arguments": {}}, "No module named 'asr.sweep.swarm'"),
    ],
)
def test_a_launcher_of_another_version_is_told(recipe, told) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="another version") as refused:
        build_launcher(recipe)
    assert told in str(refused.value)


def test_a_word_is_no_switch(sweep) -> None:  # type: ignore[no-untyped-def]
    started, message = sweep("sparsity=dense", "hydra.launcher.retry_failed=no")
    assert started == []
    assert message.startswith(
        "error: hydra.launcher.retry_failed: expected true or false, got 'no'"
    )
