import json
import os
import pickle
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr.data.manifest import (
    ManifestError,
    Utterance,
    missing_audio,
    parse_manifest,
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


def test_every_bad_line_of_a_csv_is_reported_with_its_number(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    lines = [
        b"audio_filepath,duration,text,speaker",
        b"a.wav,1,good,ann",
        b"b.wav,1,\xff\xfe,ann",  # 3: not UTF-8
        b"c.wav,-1,x,ann",  # 4
        b"",
        b"d.wav,1,hello, world,ann",  # 6: one field more than there are columns
        b"e.wav,1," + b"x" * 200_000,  # 7: longer than a field may be
        b'f.wav,1,"two',
        b'lines",ann',
        b'g.wav,1,"never closed,ann',  # 10
        b'h.wav,1,"closed"x,ann',  # 11
        b"i.wav,nan,x,ann",  # 12
        b"j.wav,1",  # 13: no text
        b"a.wav,1,again,ann",  # 14
        b'k.wav,1,"caf\xe9 ""x""",ann',  # 15
        b"l.wav,1,also good,ann",
    ]
    path.write_bytes(b"\r\n".join(lines))
    good, problems = parse_manifest(path)
    assert [line for line, _ in problems] == [3, 4, 6, 7, 10, 11, 12, 13, 14, 15]
    told = dict(problems)
    assert told[3] == told[15] == "not UTF-8"
    assert told[6] == "more fields than columns: quote a text that holds a comma"
    assert told[14] == "same audio and offset as line 2: a.wav"
    assert [utterance.text for utterance in good] == ["good", "two\r\nlines", "also good"]
    with pytest.raises(ManifestError, match="10 bad lines"):
        read_manifest(path)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        (b"a.wav,1,hello", "does not name audio_filepath, duration, text"),
        (b"audio_filepath,duration,text,text", "named twice: text"),
        (b"audio_filepath,duration,text,\xff", "not UTF-8"),
        (b"audio_filepath,duration,text," + b"x" * 200_000, "not CSV: field larger"),
        (b'audio_filepath,duration,"text', "not CSV: unexpected end of data"),
    ],
)
def test_a_header_that_cannot_be_used_is_told_once(
    tmp_path: Path, header: bytes, told: str
) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(header + b"\nb.wav,1,hello\nc.wav,1,hello\n")
    good, ((line, problem),) = parse_manifest(path)
    assert (good, line) == ([], 1)
    assert told in problem


def test_values_that_no_number_or_name_can_be(tmp_path: Path) -> None:
    deep = "[" * 100_000 + "]" * 100_000
    path = write(
        tmp_path,
        LINE,
        json.dumps(LINE).replace("1.5", "9" * 400),
        json.dumps(LINE).replace("1.5", "9" * 5000),
        json.dumps(LINE).replace("1.5", deep),
        deep,
        json.dumps(LINE).replace("1.5", "[" * 300 + "]" * 300),
        {**LINE, "audio_filepath": "b", "offset": 10**400},
        {**LINE, "audio_filepath": "c", "speaker": {"name": "ann"}},
        {**LINE, "audio_filepath": 10**400},
    )
    _, problems = parse_manifest(path)
    assert [line for line, _ in problems] == list(range(2, 10))
    assert all(len(what) < 250 for _, what in problems)


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


TENTHS = st.integers(min_value=1, max_value=10**10 - 1)  # of a millisecond, to 11 days
TEXTS = st.text(max_size=20)


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), TENTHS, TENTHS | st.just(0), TEXTS, TEXTS),
        min_size=1,
        unique_by=lambda line: (line[0], line[2]),
    )
)
def test_what_is_written_reads_back_whatever_the_offsets(
    tmp_path_factory: pytest.TempPathFactory, lines: list[tuple[str, int, int, str, str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round_trip.jsonl"
    utterances = [
        Utterance("", f"/far/{name}.wav", duration / 10_000, text, offset / 10_000, speaker)
        for name, duration, offset, text, speaker in lines
    ]
    write_manifest(path, utterances)
    again = read_manifest(path)
    assert [replace(utterance, id="") for utterance in again] == utterances
    assert len({utterance.id for utterance in again}) == len(lines)


def test_offsets_of_a_long_recording_are_different_utterances(tmp_path: Path) -> None:
    offsets = [12345.67, 12345.71, 123456.0001, 123456.0002]
    path = write(tmp_path, *({**LINE, "offset": offset} for offset in offsets))
    assert [utterance.id for utterance in read_manifest(path)] == [f"a.wav@{o}" for o in offsets]


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


def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    audio = tmp_path / os.fsdecode(b"caf\xe9.wav")
    audio.touch()
    with pytest.raises(InputError, match=r"caf\\udce9\.wav.* Rename the file"):
        write_manifest(tmp_path / "m.jsonl", [Utterance("", str(audio), 1.0, "")])
    assert os.listdir(tmp_path) == [audio.name]


def test_missing_audio_is_a_file_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    (tmp_path / "folder.wav").mkdir()
    os.mkfifo(tmp_path / "pipe.wav")
    names = ["a.wav", "folder.wav", "pipe.wav", "none.wav", "nowhere/a.wav", "\ud800/a.wav"]
    utterances = [Utterance(name, str(tmp_path / name), 1.0, "") for name in names]
    assert [utterance.id for utterance in missing_audio(utterances)] == names[1:]
