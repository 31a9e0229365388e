"""Paths that no file can have, and content that cannot be told from what was there before."""

import errno
import os
import re
from pathlib import Path

import pytest
import yaml

from asr.errors import InputError
from asr.files import atomic_write, files_below, parse_yaml, require_writable, walk
from asr.leaderboard.run_folder import describe_model

# Whether a file can be there, and what is told of where not; the last name is too long only with
# what is added to it while it is written.
_PLACES = {
    "taken": "Is a directory",
    "file/below": "one below the file file",
    "file/below/deeper": "one below the file file",
    "n" * 300: "File name too long",
    "n" * 252: "File name too long",
    ".": "Is a directory",
    "": "Is a directory",
    "/": "Is a directory",
}


@pytest.mark.parametrize(("place", "why"), _PLACES.items())
def test_a_path_that_no_file_can_have_is_told(
    tmp_path: Path, place: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    told = re.escape(f"{Path(place)}: expected a file that can be written, got {why}.")
    with pytest.raises(InputError, match=told), atomic_write(place) as file:
        file.write("content")
    with pytest.raises(InputError, match=told):  # before the work, too
        require_writable(place)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_path_that_a_file_can_have_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("before")
    for name in ("old", "new/below/name"):
        require_writable(tmp_path / name)
    assert [one.name for one in tmp_path.rglob("*")] == ["old"]
    assert (tmp_path / "old").read_text() == "before"


def test_what_is_not_the_path_s_fault_is_not_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(*_: object, **__: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("builtins.open", busy)
    with pytest.raises(OSError, match="Too many open files"), atomic_write(tmp_path / "name"):
        pass


def test_an_error_of_the_writer_stays_what_it_is(tmp_path: Path) -> None:
    """Only the path's own troubles are the path's: another file's is not told as this one's."""
    path = tmp_path / "kept"
    path.write_text("before")
    absent = tmp_path / "absent"
    with pytest.raises(FileNotFoundError), atomic_write(path) as file:
        file.write(f"half {absent.read_text()}")
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_links_are_followed_and_each_folder_is_seen_once(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    for name in ("top/b/deep", "top/a", "elsewhere/inner"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").touch()
    top = tmp_path / "top"
    (top / "a" / "back").symlink_to(top)  # a circle
    (top / "a" / "again").symlink_to(top / "b")  # sorts before the folder itself
    (top / "away").symlink_to(elsewhere)
    (top / "away too").symlink_to(elsewhere / "inner")
    found = [str(path.relative_to(top)) for path in files_below(top)]
    assert sorted(found) == ["a/file", "away/inner/file", "b/deep/file"]


def test_what_a_caller_takes_out_is_not_entered(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "large").mkdir()
    (tmp_path / "linked").symlink_to(tmp_path / "large")
    entered = []
    for folder, folders, _ in walk(tmp_path):
        entered.append(Path(folder).name)
        folders[:] = [name for name in folders if name == "kept"]
    assert entered == [tmp_path.name, "kept"]


def test_a_folder_that_cannot_be_read_is_not_left_out_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("closed", "open", "removed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    scandir = os.scandir

    def refusing(path: str) -> object:
        if Path(path).name == "removed":
            raise FileNotFoundError(errno.ENOENT, "No such file or directory", path)
        if Path(path).name == closed:
            raise PermissionError(errno.EACCES, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    closed = "none"
    assert [path.parent.name for path in files_below(tmp_path)] == ["closed", "open"]
    closed = "closed"
    with pytest.raises(InputError, match=r"closed: expected a folder that can be read, got Perm"):
        list(files_below(tmp_path))


def test_yaml_is_read_without_libyaml_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "model: {cell: gru, layers: 2, hidden: 96, directions: one}"
    (tmp_path / "config.yaml").write_text(text)
    fast = parse_yaml(text)
    monkeypatch.delattr(yaml, "CSafeLoader", raising=False)  # as where PyYAML was built without
    assert parse_yaml(text) == fast == {"model": fast["model"]}
    assert describe_model(tmp_path) == "gru 2x96, forward only"
