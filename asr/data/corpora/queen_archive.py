"""The game archive `queen.1c` of Flight of the Amazon Queen, alone or in its Debian package."""

import io
import struct
import tarfile
from pathlib import Path

from asr.errors import InputError

PACKAGE = "flight-of-the-amazon-queen"
_VERSION = b"QTBLCEM"  # of the CD, in English, voices as MP3; the text's layout is this version's
_HEADER_BYTES = 13
_ENTRY = struct.Struct(">12sBII")  # name, bundle, offset, size
_AR_MAGIC, _AR_HEADER_BYTES = b"!<arch>\n", 60
_REMEDY = f"Fetch it with `apt-get download {PACKAGE}` and give the .deb, or queen.1c from inside."


def read_archive(path: Path) -> dict[str, bytes]:
    """Name in upper case -> content of every file in the archive.

    Args:
        path: `queen.1c`, or the .deb that holds it.

    Raises:
        InputError: it is neither, of another version of the game, or cut short.
    """
    if not path.is_file():
        raise _unusable(path, "no such file")
    content = path.read_bytes()
    if content.startswith(_AR_MAGIC):
        content = _of_package(content, path)
    if not content.startswith(_VERSION):
        raise _unusable(path, f"a file that begins with {content[: len(_VERSION)]!r}")
    try:
        (count,) = struct.unpack_from(">H", content, _HEADER_BYTES)
        start = _HEADER_BYTES + 2
        entries = list(_ENTRY.iter_unpack(content[start : start + count * _ENTRY.size]))
    except struct.error as error:
        raise _unusable(path, f"{len(content):,} bytes, cut off in the table of files") from error
    end = max((offset + size for _, _, offset, size in entries), default=0)
    if len(entries) < count or end > len(content):
        raise _unusable(path, f"{len(content):,} bytes of {end:,}")
    return {
        name.rstrip(b"\0").decode("latin-1").upper(): content[offset : offset + size]
        for name, _, offset, size in entries
    }


def _of_package(package: bytes, path: Path) -> bytes:
    """The archive inside a .deb, which is an `ar` file that holds a tar file of the content."""
    position = len(_AR_MAGIC)
    while position + _AR_HEADER_BYTES <= len(package):
        header = package[position : position + _AR_HEADER_BYTES]
        position += _AR_HEADER_BYTES
        size = int(header[48:58])
        if header.startswith(b"data.tar"):
            return _of_tar(package[position : position + size], path)
        position += size + size % 2
    raise _unusable(path, "a package without content")


def _of_tar(content: bytes, path: Path) -> bytes:
    try:
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.name.endswith("/queen.1c") else None
                if file is not None:
                    return file.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise _unusable(path, f"a damaged package ({error})") from error
    raise _unusable(path, "a package without queen.1c")


def _unusable(path: Path, got: str) -> InputError:
    return InputError(
        str(path),
        expected="queen.1c of the English CD with MP3 voices, or its Debian package",
        got=got,
        remedy=_REMEDY,
    )
