"""Amazon Queen: a finished copy by its splits; the game's archive by its published layout."""

import io
import json
import struct
import tarfile
from pathlib import Path

import pytest

from asr.data.corpora import amazon_queen
from asr.data.corpora.amazon_queen import scene, split_by_scene
from asr.data.corpora.clips import Clip
from asr.data.corpora.queen_archive import read_archive
from asr.data.corpora.queen_script import normalise, voiced_segments
from asr.data.manifest import ManifestError
from asr.errors import InputError


def short(text: str, align: int, offset: int) -> bytes:
    """A string as the game stores it, and zeros up to the next multiple of `align`."""
    data = bytes([len(text)]) + text.encode()
    return data + bytes(-(offset + len(data)) % align)


def node(number: int, text: str) -> bytes:
    data = struct.pack(">HHB", 0, number, len(text)) + text.encode()
    return data + bytes(-len(data) % 4)


def dialogue(key: int) -> bytes:
    """One level; Joe opens, says node 0x1e; the other answers; both have words for next time."""
    joe = node(0, "Hi!*02I'm Joe.*03") + node(0x1E, "*FLWhere is it?*03")
    person = node(0x1E, "Over *05there.") + node(0x1E, "Never heard.")
    header = struct.pack(">5h", 1, key, key, 2, 2) + bytes(12)
    joe_offset = 32 + 96
    person_offset = joe_offset + len(joe)
    again = person_offset + len(person)
    header += struct.pack(">3H", person_offset, again, again) + bytes(4)
    strings = short("", 1, 0) + short("Hello again.*02", 2, again + 1)
    return bytes(20) + header + bytes(96) + joe + person + strings


def cutaway() -> bytes:
    strings = short("*FL", 2, 12) + short("*", 2, 16) + short("Look! 24 men*01Run", 2, 18)
    return bytes(20) + struct.pack(">6h", 0, -2, 0, 12, 12, 0) + strings


def archive(files: dict[str, bytes]) -> bytes:
    table = b"QTBLCEM10\0\0\0\1" + struct.pack(">H", len(files))
    offset = len(table) + 21 * len(files)
    for name, content in files.items():
        table += struct.pack(">12sBII", name.encode(), 1, offset, len(content))
        offset += len(content)
    return table + b"".join(files.values())


def package(archive: bytes) -> bytes:
    """A .deb: an ar file of a version, an odd-sized control part and a tar file of the data."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:xz") as tar:
        member = tarfile.TarInfo("./usr/share/scummvm/flight-of-the-amazon-queen/queen.1c")
        member.size = len(archive)
        tar.addfile(member, io.BytesIO(archive))
    parts = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": data.getvalue()}
    deb = b"!<arch>\n"
    for name, content in parts.items():
        deb += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode()
        deb += content + b"\n" * (len(content) % 2)
    return deb


@pytest.fixture
def game(tone, tmp_path) -> dict[str, bytes]:
    voice = tone(tmp_path / "voice.mp3", seconds=1.0, rate=11_025).read_bytes()
    remarks = ["It is open*24", "It is 9th*02", *("x.CUT" for _ in range(1185)), "No*03"]
    names = (
        "02SSSSJ1 02SSSSJ2 02001EJ2 02001EP1 02001EP2 02XXXXJ1 "  # a talk that trains
        "08SSSSJ1 "  # one that tests
        "04SSSSJ1 "  # one that validates
        "C9A__022 C9A__021 JOE00011 JOE00411 JOE00421 UNTITLED"
    )
    return {
        "AND1.DOG": dialogue(2),
        "BUD.DOG": dialogue(8),
        "APE.DOG": dialogue(4),
        "C9A.CUT": cutaway(),
        "QUEEN2.JAS": "\r\n".join(remarks).encode(),
        **{f"{name}.SB": voice for name in names.split()},
    }


WORDS = {
    "02ssssj1": ("hi", "joe"),
    "02ssssj2": ("i'm joe", "joe"),
    "02001ej2": ("where is it", "joe"),
    "02001ep1": ("over", "and"),
    "02001ep2": ("there", "and"),
    "02xxxxj1": ("hello again", "joe"),
    "08ssssj1": ("hi", "joe"),
    "04ssssj1": ("hi", "joe"),
    "c9a__021": ("look twenty four men", ""),
    "c9a__022": ("run", ""),
    "joe00011": ("no", "joe"),
    "joe00411": ("it is open", "joe"),
    "joe00421": ("it is ninth", "joe"),
}


def test_each_voice_file_gets_its_segment_of_the_script(game):
    assert voiced_segments(game) == WORDS


@pytest.mark.parametrize("wrap", [bytes, package])
def test_an_archive_becomes_splits_with_the_voices_as_they_are(wrap, game, options, tmp_path):
    file = tmp_path / "given"
    file.write_bytes(wrap(archive(game)))
    folder = tmp_path / "corpus"
    splits = amazon_queen.prepare(options(amazon_queen, "--archive", file), folder)
    assert {split: len(some) for split, some in splits.items()} == {
        "train": 11,
        "validation": 1,
        "test": 1,
    }
    assert {
        Path(one.audio).stem: (one.text, one.speaker) for some in splits.values() for one in some
    } == WORDS
    for path in (folder / "audio").iterdir():
        assert path.read_bytes() == game[f"{path.stem.upper()}.SB"]
    lost = folder / "audio" / "08ssssj1.mp3"
    lost.write_bytes(b"cut short")
    assert amazon_queen.prepare(options(amazon_queen, "--archive", file), folder) == splits
    assert lost.read_bytes() == game["08SSSSJ1.SB"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"RIFF1234", "begins with b'RIFF123'"),
        (archive({"A.SB": bytes(100)})[:60], "60 bytes of"),
        (archive({"A.SB": b"a"})[:20], "20 bytes of|cut off"),
        (package(b"")[:200], "damaged package|without content"),
        (b"!<arch>\n", "a package without content"),
    ],
)
def test_what_is_no_archive_of_the_game_is_said(content, message, tmp_path):
    file = tmp_path / "given"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=message) as error:
        read_archive(file)
    assert "apt-get download" in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("AMAZONS' DUNGEON!", "amazons dungeon"),
        ("that fish jumpin'", "that fish jumpin'"),
        ('He said "2B or not 2B"', "he said two b or not two b"),
        ("born 13th July, 1922", "born thirteenth july one thousand nine hundred and twenty two"),
        ("19:00 Hours", "nineteen zero hours"),
        ("&#($!!, he got away!", "and number he got away"),
        ("...!", ""),
    ],
)
def test_words_as_the_shared_manifest_writes_them(text, words):
    assert normalise(text) == words


def test_scenes():
    assert scene("080023p4") == "08"
    assert scene("c9a__022") == "c9a__"
    assert scene("joe02811") == "joe14"


def copy(folder: Path, tone, rows: list[dict]) -> Path:
    for row in rows:
        tone(folder / row["audio_filepath"], seconds=1.0, rate=11_025)
        row["duration"] = 1.0
    lines = [json.dumps(row) for row in rows]
    (folder / "manifest.jsonl").write_text("\n".join(lines) + "\n")
    return folder


def row(name: str, text: str, split: str) -> dict:
    return {"audio_filepath": f"audio/{name}.mp3", "text": text, "speaker": "joe", "split": split}


ROWS = [
    row("a", "one", "train"),
    row("b", "two", "valid"),
    row("c", "three", "test"),
    row("d", "a line that is there twice", "dup"),
    row("e", "five", "train"),
]


def test_a_finished_copy_gives_its_splits_and_says_what_is_left_out(
    tone, options, tmp_path, capsys
):
    source = copy(tmp_path, tone, [dict(one) for one in ROWS])
    splits = amazon_queen.prepare(options(amazon_queen, "--source", source), tmp_path / "out")
    texts = {split: [one.text for one in some] for split, some in splits.items()}
    assert texts == {"train": ["one", "five"], "validation": ["two"], "test": ["three"]}
    assert "left out 1 lines" in capsys.readouterr().err
    assert splits["test"][0].audio == str(source / "audio" / "c.mp3")
    assert splits["test"][0].seconds == pytest.approx(1.0, abs=0.1)
    assert not (tmp_path / "out").exists()


def test_a_copy_with_missing_audio_is_an_error(tone, options, tmp_path):
    source = copy(tmp_path, tone, [dict(one) for one in ROWS])
    (source / "audio" / "e.mp3").unlink()
    with pytest.raises(InputError, match=r"e\.mp3"):
        amazon_queen.prepare(options(amazon_queen, "--source", source), tmp_path)


def test_lines_without_a_known_split_are_named(tone, options, tmp_path):
    rows = [*(dict(one) for one in ROWS[:3]), row("x", "six", "dev"), row("y", "seven", "trian")]
    source = copy(tmp_path, tone, rows)
    with pytest.raises(ManifestError) as error:
        amazon_queen.prepare(options(amazon_queen, "--source", source), tmp_path)
    assert [line for line, _ in error.value.problems] == [4, 5]


def test_a_line_that_is_a_part_of_a_recording_is_refused(tone, options, tmp_path):
    rows = [dict(one) for one in ROWS]
    rows[1]["offset"] = 0.5
    source = copy(tmp_path, tone, rows)
    with pytest.raises(ManifestError, match="line 2: offset must be 0"):
        amazon_queen.prepare(options(amazon_queen, "--source", source), tmp_path)


def test_a_copy_without_a_test_split_is_an_error(tone, options, tmp_path):
    source = copy(tmp_path, tone, [dict(one) for one in ROWS[:2]])
    with pytest.raises(InputError, match="none of test"):
        amazon_queen.prepare(options(amazon_queen, "--source", source), tmp_path)


def test_the_shared_copy(shared_data, options, tmp_path):
    source = shared_data / "amazon_queen"
    splits = amazon_queen.prepare(options(amazon_queen, "--source", source), tmp_path)
    assert {split: len(some) for split, some in splits.items()} == {
        "train": 5839,
        "validation": 325,
        "test": 252,
    }


def test_scenes_split_the_shared_lines_as_the_shared_manifest_does(shared_data):
    with open(shared_data / "amazon_queen" / "manifest.jsonl") as file:
        rows = [json.loads(line) for line in file]
    clips = {
        Path(one["audio_filepath"]).stem: Clip(one["audio_filepath"], one["text"]) for one in rows
    }
    got = {clip.audio: split for split, some in split_by_scene(clips).items() for clip in some}
    names = {"validation": "valid", "repeat": "dup"}
    assert {audio: names.get(split, split) for audio, split in got.items()} == {
        one["audio_filepath"]: one["split"] for one in rows
    }
