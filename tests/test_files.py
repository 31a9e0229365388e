"""Paths that no file can have, and content that cannot be told from what was there before."""

from pathlib import Path

import pytest

from asr.errors import InputError
from asr.files import atomic_write, files_below, require_writable, walk


@pytest.mark.parametrize("place", ["taken", "file/below", "n" * 300])
def test_a_path_that_no_file_can_have_is_told(tmp_path: Path, place: str) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").touch()
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError) as told, atomic_write(tmp_path / place) as file:
        file.write("content")
    assert "expected a file that can be written" in str(told.value)
    assert str(tmp_path / place) in str(told.value)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("place", ["taken", "file/below"])
def test_it_is_told_before_the_work_too(tmp_path: Path, place: str) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="a file that can be written"):
        require_writable(tmp_path / place)
    require_writable(tmp_path / "new" / "name")
    assert not (tmp_path / "new" / "name").exists()


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
