import json
import os
import pickle
from pathlib import Path

import pytest

from asr.data.manifest import (
    ManifestError,
    Utterance,
    missing_audio,
    read_manifest,
    write_manifest,
)
from asr.errors import InputError

LINE = {"audio_filepath": "a.wav", "duration": 1.5, "text": "hello"}


def write(folder: Path, *rows: object, name: str = "m.jsonl") -> Path:
    path = folder / name
    lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_nemo_keys_and_relative_paths(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        {**LINE, "offset": 2.0, "speaker": "ann", "anything": [1]},
        {**LINE, "audio_filepath": "/far/b.flac", "text": "\u00fcber"},
    )
    first, second = read_manifest(path)
    assert first == Utterance("a.wav@2", str(tmp_path / "a.wav"), 1.5, "hello", 2.0, "ann")
    assert (second.audio, second.text, second.offset) == ("/far/b.flac", "\u00fcber", 0.0)


def test_csv_is_the_same(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text(
        "\ufeffaudio_filepath,duration,text,offset,speaker\n"
        'a.wav,1.5,"hello, you",,ann\nb.wav,2,x,0.5,\n',
        encoding="utf-8",
    )
    first, second = read_manifest(path)
    assert first == Utterance("a.wav", str(tmp_path / "a.wav"), 1.5, "hello, you", 0.0, "ann")
    assert (second.id, second.offset) == ("b.wav@0.5", 0.5)


def test_every_bad_line_is_reported_with_its_number(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        LINE,
        "{not json",
        {**LINE, "audio_filepath": "b", "duration": -1},
        {**LINE, "audio_filepath": "c", "duration": True},
        "",
        {"duration": 1, "text": ""},
        {**LINE, "audio_filepath": "d", "text": None},
        {**LINE, "audio_filepath": "e", "offset": "x"},
        LINE,
        {**LINE, "audio_filepath": "f", "duration": "nan"},
        "[1]",
        {**LINE, "audio_filepath": "g\0h"},
    )
    with pytest.raises(ManifestError) as caught:
        read_manifest(path)
    assert [line for line, _ in caught.value.problems] == [2, 3, 4, 6, 7, 8, 9, 10, 11, 12]
    for line in (2, 11):
        assert f"line {line}: " in str(caught.value)
    assert "same audio and offset as line 1" in str(caught.value)
    # It must survive the way out of a worker process.
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_bad_bytes_are_a_bad_line(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_bytes(json.dumps(LINE).encode() + b'\n{"text": "\xff"}\n')
    with pytest.raises(ManifestError, match="line 2"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [("none.jsonl", None, "no such file"), ("m.jsonl", "\n", "empty"), ("m.txt", "x", "suffix")],
)
def test_no_manifest(tmp_path: Path, name: str, content: str | None, message: str) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=message):
        read_manifest(tmp_path / name)


def test_written_manifests_read_back_and_move_with_their_folder(tmp_path: Path) -> None:
    old = tmp_path / "old"
    utterances = [
        Utterance("x/a.wav", str(old / "x" / "a.wav"), 1.25, "one"),
        Utterance("/far/b.wav@0.5", "/far/b.wav", 2.0, "two", 0.5, "bob"),
    ]
    write_manifest(old / "m.jsonl", utterances)
    assert read_manifest(old / "m.jsonl") == utterances
    old.rename(tmp_path / "new")
    assert read_manifest(tmp_path / "new" / "m.jsonl")[0].audio == str(tmp_path / "new/x/a.wav")


def test_a_failed_write_leaves_the_old_manifest(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    write_manifest(path, [Utterance("a", "/a", 1.0, "old")])

    def failing():  # type: ignore[no-untyped-def]
        yield Utterance("b", "/b", 1.0, "new")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_manifest(path, failing())
    assert [utterance.text for utterance in read_manifest(path)] == ["old"]
    assert os.listdir(tmp_path) == ["m.jsonl"]


def test_missing_audio_is_a_file_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    (tmp_path / "folder.wav").mkdir()
    os.mkfifo(tmp_path / "pipe.wav")
    names = ["a.wav", "folder.wav", "pipe.wav", "none.wav", "nowhere/a.wav"]
    utterances = [Utterance(name, str(tmp_path / name), 1.0, "") for name in names]
    assert [utterance.id for utterance in missing_audio(utterances)] == names[1:]
