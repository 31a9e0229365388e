"""LibriSpeech: the published tree, and a publisher on loopback."""

import hashlib
import http.server
import io
import shutil
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from asr.data.corpora import librispeech
from asr.errors import InputError


@pytest.fixture
def corpus(tmp_path, tone) -> Path:
    """Two subsets of one and two chapters, as extracted."""
    root = tmp_path / "LibriSpeech"
    chapters = {
        ("dev-clean-2", "84", "121123"): ["GO DO YOU HEAR", "BUT IN LESS THAN FIVE MINUTES"],
        ("test-other", "367", "130732"): ["LOBSTERS AND LOBSTERS"],
        ("test-other", "533", "1066"): ["WHEN CHURCHYARDS YAWN", "I KNEW WELL ENOUGH"],
    }
    for (subset, reader, chapter), texts in chapters.items():
        folder = root / subset / reader / chapter
        lines = []
        for number, text in enumerate(texts):
            name = f"{reader}-{chapter}-{number:04d}"
            tone(folder / f"{name}.flac", seconds=0.5 + number)
            lines.append(f"{name} {text}\n")
        (folder / f"{reader}-{chapter}.trans.txt").write_text("".join(lines))
    (root / "SPEAKERS.TXT").write_text("; not a subset\n")
    return root


def test_each_subset_is_a_split(corpus, options, tmp_path):
    splits = librispeech.prepare(options(librispeech, corpus), tmp_path / "out")
    assert {name: len(lines) for name, lines in splits.items()} == {
        "test-other": 3,
        "dev-clean-2": 2,
    }
    first, second = splits["dev-clean-2"]
    assert (first.text, first.speaker, first.seconds) == ("GO DO YOU HEAR", "84", 0.5)
    assert second.audio == str(corpus / "dev-clean-2/84/121123/84-121123-0001.flac")
    assert second.seconds == 1.5
    assert [line.speaker for line in splits["test-other"]] == ["367", "533", "533"]


def test_subsets_chosen_and_the_folder_above(corpus, options, tmp_path):
    chosen = options(librispeech, corpus.parent, "--subsets", "test-other")
    assert list(librispeech.prepare(chosen, tmp_path)) == ["test-other"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{tmp}/nowhere"], "nothing at that path"),
        (["{tmp}"], "Name the folder LibriSpeech"),
        (["{corpus}", "--subsets", "test-other", "dev-clean"], "dev-clean: expected the folder"),
        (["--download"], "--subsets train-clean-5 dev-clean-2"),
    ],
)
def test_what_is_missing_is_said(corpus, options, tmp_path, arguments, message):
    (tmp_path / "elsewhere").mkdir()
    given = [text.format(tmp=tmp_path / "elsewhere", corpus=corpus) for text in arguments]
    with pytest.raises(InputError, match=message):
        librispeech.prepare(options(librispeech, *given), tmp_path / "out")


def test_damaged_lost_and_untranscribed_files_are_all_named(
    corpus, options, tmp_path, tone, capsys
):
    folder = corpus / "test-other/533/1066"
    (folder / "533-1066-0000.flac").write_bytes(b"fLaC, but no more")
    (folder / "533-1066-0001.flac").unlink()
    tone(folder / "533-1066-0002.flac")
    subset = [librispeech, corpus, "--subsets", "test-other"]
    with pytest.raises(InputError) as caught:
        librispeech.prepare(options(*subset), tmp_path)
    for name in ("0000.flac", "0001.flac: No such file", "0002.flac: no line in", "3 that cannot"):
        assert name in str(caught.value)

    splits = librispeech.prepare(options(*subset, "--skip-unreadable"), tmp_path)
    assert [line.text for line in splits["test-other"]] == ["LOBSTERS AND LOBSTERS"]
    said = capsys.readouterr().err
    assert "left out 3 of 4 files" in said
    (corpus / "test-other/367/130732/367-130732.trans.txt").unlink()  # of a whole chapter
    with pytest.raises(InputError, match=r"367-130732-0000\.flac: no line in"):
        librispeech.prepare(options(*subset), tmp_path)
    assert "533-1066-0000.flac" in said


class _Publisher(http.server.BaseHTTPRequestHandler):
    """Serves `content`, from a byte on where asked; hangs up after `limit` bytes of a reply."""

    content = b""
    limit: int | None = None
    asked: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        wanted = self.headers["Range"]
        self.asked.append(wanted)
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if start >= len(self.content):
            self.send_error(416)
            return
        self.send_response(206 if wanted else 200)
        self.send_header("Content-Length", str(len(self.content) - start))
        self.end_headers()
        self.wfile.write(self.content[start:][: self.limit])

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def publisher(corpus, monkeypatch) -> Iterator[tuple[type[_Publisher], str]]:
    """A server whose every archive is dev-clean-2, and its address; MD5 put into the table."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(corpus / "dev-clean-2", "LibriSpeech/dev-clean-2")
    content = packed.getvalue()
    handler = type("Publisher", (_Publisher,), {"content": content, "asked": []})
    monkeypatch.setitem(librispeech.SUBSETS, "dev-clean-2", (31, hashlib.md5(content).hexdigest()))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield handler, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def _download(options, mirror):
    return options(librispeech, "--download", "--subsets", "dev-clean-2", "--mirror", mirror)


def test_a_broken_download_is_resumed_and_then_costs_nothing(publisher, options, tmp_path):
    handler, mirror = publisher
    handler.limit = 1000
    with pytest.raises(InputError, match="ended at byte 1000 of"):
        librispeech.prepare(_download(options, mirror), tmp_path / "out")
    assert not list((tmp_path / "out").rglob("*.flac"))

    handler.limit = None
    for _ in range(2):
        splits = librispeech.prepare(_download(options, mirror), tmp_path / "out")
        first = splits["dev-clean-2"][0]
        assert first.text == "GO DO YOU HEAR"
        assert Path(first.audio).is_relative_to(tmp_path / "out/LibriSpeech")
    assert handler.asked == [None, "bytes=1000-"]


def test_a_subset_that_was_deleted_is_fetched_again(publisher, options, tmp_path):
    handler, mirror = publisher
    out = tmp_path / "out"
    librispeech.prepare(_download(options, mirror), out)
    shutil.rmtree(out / "LibriSpeech/dev-clean-2")
    (out / "LibriSpeech/README.TXT").write_text("of all subsets\n")
    (out / "downloads/dev-clean-2.tar.gz").unlink()
    assert len(librispeech.prepare(_download(options, mirror), out)["dev-clean-2"]) == 2
    assert handler.asked == [None, None]


def test_a_whole_part_is_taken_as_it_is(publisher, options, tmp_path):
    handler, mirror = publisher
    part = tmp_path / "out/downloads/dev-clean-2.tar.gz.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(handler.content)
    assert librispeech.prepare(_download(options, mirror), tmp_path / "out")["dev-clean-2"]


def test_a_wrong_checksum_stops_and_removes_the_file(publisher, options, tmp_path):
    handler, mirror = publisher
    handler.content = handler.content[:-1] + bytes([handler.content[-1] ^ 1])
    with pytest.raises(InputError, match=r"expected the md5 .* deleted"):
        librispeech.prepare(_download(options, mirror), tmp_path / "out")
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


def test_a_refused_connection_says_where_to_put_the_file(options, tmp_path):
    with pytest.raises(InputError, match=r"put it at .*/downloads/dev-clean-2\.tar\.gz"):
        librispeech.prepare(_download(options, "http://127.0.0.1:9"), tmp_path / "out")


def test_the_table_names_torchaudio_s_subsets_and_mini():
    from torchaudio.datasets.librispeech import _DATA_SUBSETS

    assert set(librispeech.SUBSETS) == {*_DATA_SUBSETS, "train-clean-5", "dev-clean-2"}
