"""Publishers' archives: download that resumes, checksum, extraction that can be killed.

torchaudio's own download and extraction are not used: they start again from zero after a break,
and a file that was half extracted when the process died counts as done the next time.
"""

import hashlib
import os
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from asr.data.corpora.progress import note
from asr.errors import InputError

_CHUNK = 1 << 20  # bytes
_TIMEOUT = 60.0  # seconds without a byte


@dataclass(frozen=True, slots=True)
class Archive:
    """A tar file at its publisher."""

    url: str
    checksum: str  # "md5:..." or "sha256:...", as the publisher or torchaudio gives it
    holds: str  # the folder in it that is wanted; others may share the ones above

    @property
    def name(self) -> str:
        return self.url.rsplit("/", 1)[-1]


def fetch(archive: Archive, folder: Path) -> None:
    """Download `archive` to `folder`/downloads, verify it and extract it to `folder`.

    What an earlier, killed run has done is kept; a finished archive costs nothing, unless what
    was extracted has been deleted since.
    """
    done = folder / f".{archive.name}.extracted"
    if done.exists() and (folder / archive.holds).is_dir():
        return
    done.unlink(missing_ok=True)  # or it would vouch for half of the next extraction
    path = folder / "downloads" / archive.name
    download(archive, path)
    extract(path, folder)
    os.sync()
    done.touch()
    note(f"extracted {archive.name}; {path} is no longer needed and may be deleted")


def download(archive: Archive, path: Path) -> None:
    """Fetch `archive` to `path`, which exists only once its checksum has been found right.

    A broken download stays as `path`.part and is resumed where the server allows it.

    Raises:
        InputError: no connection, a broken one, or bytes other than the publisher's.
    """
    if path.exists():
        if error := _mismatch(path, archive, "Remove the file and run the command again."):
            raise error
        return
    part = path.with_name(path.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        _receive(archive.url, part)
    except (OSError, ValueError) as error:  # ValueError: not a URL
        raise InputError(
            archive.url,
            expected="to download it",
            got=str(error),
            remedy="Run the same command again to go on where it broke, or fetch the file "
            f"in another way and put it at {path}.",
        ) from error
    remedy = "It was damaged on its way and has been deleted: run the command again."
    if mismatch := _mismatch(part, archive, remedy):
        part.unlink()
        raise mismatch
    os.replace(part, path)


def _receive(url: str, part: Path) -> None:
    """Append to `part` what `url` has more, or write it anew where the server cannot resume."""
    start = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code == 416 and start:  # nothing beyond `start`: the part is the whole
            return
        raise
    with response:
        resumed = response.status == 206
        start = start if resumed else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        bar = tqdm(
            desc=f"download {part.stem}",
            total=total,
            initial=start,
            unit="B",
            unit_scale=True,
            delay=1.0,
            file=sys.stderr,
        )
        with bar, open(part, "ab" if resumed else "wb") as file:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
            file.flush()
            os.fsync(file.fileno())
    if total is not None and part.stat().st_size != total:
        raise ConnectionError(f"the connection ended at byte {part.stat().st_size} of {total}")


def _mismatch(path: Path, archive: Archive, remedy: str) -> InputError | None:
    """The error for a file that is not `archive`, None if it is."""
    algorithm, expected = archive.checksum.split(":")
    with open(path, "rb") as file:
        got = hashlib.file_digest(file, algorithm).hexdigest()
    if got == expected:
        return None
    return InputError(
        str(path), expected=f"the {algorithm} {expected} of {archive.url}", got=got, remedy=remedy
    )


def extract(path: Path, folder: Path) -> None:
    """Extract a tar file below `folder`; each file is whole or absent, present ones are kept.

    Raises:
        InputError: the archive is damaged, or names a path outside `folder`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with tarfile.open(path) as tar:
            for member in tqdm(tar, desc=f"extract {path.name}", delay=1.0, file=sys.stderr):
                _extract_member(tar, member, folder)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise InputError(
            str(path),
            expected="a whole tar archive",
            got=f"{type(error).__name__}: {error}",
            remedy="If the disk is full, make room and run again; else fetch the archive again.",
        ) from error


def _extract_member(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    target = _inside(folder, folder / member.name)
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
    elif member.issym():
        _inside(folder, target.parent / member.linkname)
        if not target.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(member.linkname)
    elif member.isfile() or member.islnk():
        _extract_file(tar, tar.getmember(member.linkname) if member.islnk() else member, target)
    else:
        raise tarfile.ExtractError(f"{member.name} is a device or pipe")


def _inside(folder: Path, path: Path) -> Path:
    # tarfile's own filters came with Python 3.11.4, and this must hold on 3.11.0.
    if not path.resolve().is_relative_to(folder.resolve()):
        raise tarfile.ExtractError(f"{path} lies outside {folder}")
    return path


def _extract_file(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    if target.is_file() and target.stat().st_size == member.size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    # No fsync for each of 300,000 files, as atomic_write does: `fetch` syncs once, at the end.
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    content = tar.extractfile(member)
    assert content is not None
    try:
        with content, open(temporary, "wb") as file:
            shutil.copyfileobj(content, file)
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
