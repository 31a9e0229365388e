"""Extraction and checksums: what a kill or a hostile archive may leave behind."""

import hashlib
import io
import shutil
import tarfile

import pytest

from asr.data.corpora.archive import Archive, download, extract, fetch
from asr.errors import InputError


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "publisher" / "corpus.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as tar:
        for name, content in {"corpus/a.txt": b"first", "corpus/deep/b.txt": b"second"}.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("corpus/link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "deep/b.txt"
        tar.addfile(link)
    return path


def test_a_half_extracted_file_is_written_again_and_a_whole_one_kept(archive, tmp_path):
    out = tmp_path / "out"
    extract(archive, out)
    kept = (out / "corpus/deep/b.txt").stat()
    (out / "corpus/a.txt").write_text("fir")
    extract(archive, out)
    assert (out / "corpus/a.txt").read_text() == "first"
    assert (out / "corpus/link.txt").read_text() == "second"
    assert (out / "corpus/deep/b.txt").stat().st_mtime_ns == kept.st_mtime_ns
    assert (out / "corpus/deep/b.txt").stat().st_ino == kept.st_ino


def test_a_truncated_archive_is_refused(archive, tmp_path):
    archive.write_bytes(archive.read_bytes()[:100])
    with pytest.raises(InputError, match="expected a whole tar archive"):
        extract(archive, tmp_path / "out")


def _member(name, kind=tarfile.REGTYPE, linkname=""):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, linkname
    return member


@pytest.mark.parametrize(
    "members",
    [
        [_member("../escaped.txt")],
        [_member("/escaped.txt")],
        [_member("link", tarfile.SYMTYPE, ".."), _member("link/escaped.txt")],
        [_member("pipe", tarfile.FIFOTYPE)],
    ],
)
def test_a_hostile_archive_is_refused(tmp_path, members):
    path = tmp_path / "hostile.tar"
    with tarfile.open(path, "w") as tar:
        for member in members:
            tar.addfile(member)
    with pytest.raises(InputError, match=r"outside|device or pipe"):
        extract(path, tmp_path / "out")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["hostile.tar", "out"]


def test_a_hard_link_becomes_a_file(tmp_path):
    path = tmp_path / "linked.tar"
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo("a.txt")
        member.size = 5
        tar.addfile(member, io.BytesIO(b"first"))
        tar.addfile(_member("b.txt", tarfile.LNKTYPE, "a.txt"))
    extract(path, tmp_path / "out")
    assert (tmp_path / "out/b.txt").read_text() == "first"


def test_fetch_from_a_file_url_and_again_from_nothing(archive, tmp_path):
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    source = Archive(archive.as_uri(), f"sha256:{digest}", "corpus")
    fetch(source, tmp_path / "out")
    assert (tmp_path / "out/corpus/a.txt").read_text() == "first"
    (tmp_path / "out/downloads/corpus.tar.gz").unlink()
    archive.unlink()
    fetch(source, tmp_path / "out")


def test_what_was_deleted_and_half_extracted_again_is_not_taken_for_done(
    archive, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    source = Archive(archive.as_uri(), f"sha256:{digest}", "corpus/deep")
    fetch(source, out)
    shutil.rmtree(out / "corpus/deep")

    def killed(_, folder):
        (folder / "corpus/deep").mkdir()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("asr.data.corpora.archive.extract", killed)
        with pytest.raises(KeyboardInterrupt):
            fetch(source, out)
    fetch(source, out)
    assert (out / "corpus/deep/b.txt").read_text() == "second"


def test_a_file_the_user_put_there_is_verified_too(archive, tmp_path):
    path = tmp_path / "corpus.tar.gz"
    path.write_bytes(b"something else")
    with pytest.raises(InputError, match="expected the sha256"):
        download(Archive(archive.as_uri(), "sha256:" + "0" * 64, "corpus"), path)
    assert path.read_bytes() == b"something else"
