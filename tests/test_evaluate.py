import json
import subprocess
import sys
from pathlib import Path

import pytest

import evaluate as entry
from asr.data.manifest import Utterance, write_manifest
from tests.commands import run
from tests.finished_run import REPOSITORY, write_audio, write_run


def evaluate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run([sys.executable, "evaluate.py", *arguments])


@pytest.fixture
def manifests(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / "corpus" / f"{split}.jsonl" for split in ("test", "other")]
    audio = write_audio(tmp_path / "corpus" / "a.wav", 1.2)
    for path in paths:
        write_manifest(path, [Utterance("", str(audio), 1.2, f"hello {path.stem}")])
    return paths


def test_two_runs_on_two_test_sets_and_one_run_that_is_missing(tmp_path: Path, manifests):
    write_run(tmp_path / "r1", key="key1")
    write_run(tmp_path / "r2", key="key2", seed=1)
    runs = ",".join(str(tmp_path / name) for name in ("r1", "absent", "r2"))
    listed = ",".join(map(str, manifests))
    ended = evaluate(f"runs=[{runs}]", f"manifests=[{listed}]", "batch=2")
    assert ended.returncode == 1
    assert "absent: expected a run folder" in ended.stderr
    assert "Traceback" not in ended.stderr
    rows = [line for line in ended.stdout.splitlines() if "tiny/key" in line]
    assert [[part in row for part in ("key1", "-other")] for row in rows] == [
        [True, False],
        [True, True],
        [False, False],
        [False, True],
    ]
    for name in ("r1", "r2"):
        for split in ("test", "other"):
            path = tmp_path / name / "eval" / f"corpus-{split}-greedy" / "result.json"
            result = json.loads(path.read_text())
            assert (result["split"], result["batch"], result["threads"]) == (split, 2, 1)


def test_one_run_needs_no_brackets_and_success_is_zero(tmp_path: Path, manifests):
    write_run(tmp_path / "r1")
    ended = evaluate(f"runs={tmp_path / 'r1'}", f"manifests={manifests[0]}")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "corpus-test" in ended.stdout
    assert not list(REPOSITORY.glob("outputs"))


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("threads=0", "threads: expected 1 or more"),
        ("threads=-1", "threads: expected 1 or more"),
        ("threads=3000000000", "threads: expected 1 or more"),
        ("threads=two", "threads: expected int"),
        ("batch=0", "batch: expected a whole number of utterances"),
        ("batch_seconds=0", "batch: expected a whole number of utterances"),
        ("batch_seconds=nan", "batch_seconds: expected a finite number"),
        ("batch_seconds=inf", "batch_seconds: expected a finite number"),
    ],
)
def test_numbers_that_cannot_be(
    tmp_path: Path, manifests, monkeypatch: pytest.MonkeyPatch, override: str, told: str
):
    write_run(tmp_path / "r1")
    arguments = [f"runs={tmp_path / 'r1'}", f"manifests={manifests[0]}", override]
    monkeypatch.chdir(REPOSITORY)
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *arguments])
    with pytest.raises(SystemExit, match=told):
        entry.main()
    assert not (tmp_path / "r1/eval").exists()


def test_of_several_tasks_one_that_fails_stops_no_other(tmp_path: Path, manifests):
    write_run(tmp_path / "r1", key="key1")
    runs = f"runs=[{tmp_path / 'absent'}],[{tmp_path / 'r1'}]"
    ended = evaluate("-m", f"hydra.sweep.dir={tmp_path}", runs, f"manifests=[{manifests[0]}]")
    assert ended.returncode == 1
    assert "absent: expected a run folder" in ended.stderr
    assert "a task of the sweep: expected all to end well" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "tiny/key1" in ended.stdout


def test_a_misspelt_override_names_the_legal_ones():
    ended = evaluate("run=[a]")
    assert ended.returncode == 1
    assert "runs" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_pattern_stands_for_the_runs_among_what_it_matches(tmp_path: Path) -> None:
    for name in ("b1", "a1", "submitit"):
        (tmp_path / name).mkdir()
    for name in ("a1/status.json", "b1/status.json", "sweep.json"):
        (tmp_path / name).touch()
    assert entry._matching([f"{tmp_path}/*"]) == [f"{tmp_path}/a1", f"{tmp_path}/b1"]
    assert entry._matching(["nothing/*"]) == ["nothing/*"], "stays, to be told"
