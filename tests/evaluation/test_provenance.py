import subprocess
from pathlib import Path

from asr.evaluation.provenance import commit, versions


def git(folder: Path, *command: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    ended = subprocess.run(
        ["git", *identity, *command], cwd=folder, check=True, capture_output=True, text=True
    )
    return ended.stdout.strip()


def test_commit_of_a_repository(tmp_path: Path):
    assert commit(tmp_path) == "unknown"
    git(tmp_path, "init")
    (tmp_path / "a.py").write_text("1")
    assert commit(tmp_path) == "unknown"
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "first")
    head = git(tmp_path, "rev-parse", "HEAD")
    assert commit(tmp_path) == head
    (tmp_path / "a.py").write_text("2")
    assert commit(tmp_path) == f"{head}-dirty"
    # An environment installed below somebody else's repository is not their commit.
    (tmp_path / "environment").mkdir()
    assert commit(tmp_path / "environment") == "unknown"


def test_versions_name_what_numbers_depend_on():
    named = dict(entry.split(" ") for entry in versions().split(", "))
    assert {"python", "torch", "jiwer"} <= set(named)
