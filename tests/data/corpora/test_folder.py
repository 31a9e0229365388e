"""The user's own audio: pairs by name, tables, splits that do not depend on where it lies."""

import json
import os
import shutil
import sys

import pytest

from asr.data.corpora import folder
from asr.errors import InputError
from tests import commands


@pytest.fixture
def recordings(tmp_path, tone):
    """Ten speakers with two recordings each, of several formats."""
    root = tmp_path / "recordings"
    for speaker in range(10):
        for number, suffix in enumerate([".wav", ".flac"]):
            path = tone(root / f"speaker{speaker}" / f"{number}{suffix}", seconds=0.1)
            path.with_suffix(".txt").write_text(f"line {number}\nof   speaker {speaker}\n")
    return root


def _by_split(splits, what):
    return {name: {what(line) for line in lines} for name, lines in splits.items()}


def test_pairs_are_found_and_no_speaker_is_in_two_splits(recordings, options, tmp_path):
    splits = folder.prepare(options(folder, recordings, "--speaker-folders"), tmp_path / "out")
    assert {name: len(lines) for name, lines in splits.items()} == {
        "train": 16,
        "validation": 2,
        "test": 2,
    }
    speakers = _by_split(splits, lambda line: line.speaker)
    assert sum(len(names) for names in speakers.values()) == 10
    line = next(line for line in splits["train"] if line.audio.endswith("1.flac"))
    assert line.text == f"line 1 of speaker {line.speaker[-1]}"
    assert line.seconds == 0.1


def test_the_same_audio_elsewhere_gets_the_same_split(recordings, options, tmp_path):
    def names(root):
        splits = folder.prepare(options(folder, root), tmp_path / "out")
        return _by_split(splits, lambda line: line.audio.removeprefix(str(root)))

    copy = shutil.copytree(recordings, tmp_path / "far" / "away")
    assert names(recordings) == names(copy)


def test_one_split_and_shares_of_the_user_s_own(recordings, options, tmp_path):
    splits = folder.prepare(options(folder, recordings, "--split", "test"), tmp_path)
    assert {name: len(lines) for name, lines in splits.items()} == {"test": 20}
    shares = options(folder, recordings, "--shares", "a=0.5", "b=0.5")
    assert {name: len(lines) for name, lines in folder.prepare(shares, tmp_path).items()} == {
        "a": 10,
        "b": 10,
    }


@pytest.mark.parametrize(
    ("shares", "message"),
    [(["a=0.5", "b=0.4"], "got 0.5 \\+ 0.4"), (["a=0.999", "b=0.001"], "none for b: 20 files")],
)
def test_shares_that_cannot_be_filled(recordings, options, tmp_path, shares, message):
    with pytest.raises(InputError, match=message):
        folder.prepare(options(folder, recordings, "--shares", *shares), tmp_path)


@pytest.mark.parametrize("arguments", [["--shares", "a=2"], ["--shares", "a"], ["--split", "../a"]])
def test_arguments_that_argparse_refuses(recordings, options, arguments):
    with pytest.raises(SystemExit):
        options(folder, recordings, *arguments)


def test_whatever_lacks_its_other_half_is_named(recordings, options, tmp_path, tone, capsys):
    tone(recordings / "alone.wav")
    (recordings / "silent.txt").write_text("no recording")
    tone(recordings / "speaker0/0.ogg")
    with pytest.raises(InputError) as caught:
        folder.prepare(options(folder, recordings), tmp_path)
    for problem in (
        "alone.wav: no alone.txt beside it",
        "silent.txt: no recording of that name",
        "speaker0/0.wav: same name as 0.ogg",
    ):
        assert problem in str(caught.value)
    chosen = options(folder, recordings, "--skip-unreadable", "--split", "all")
    assert len(folder.prepare(chosen, tmp_path)["all"]) == 20
    assert "left out 3 of 23 files" in capsys.readouterr().err


@pytest.fixture
def table(tmp_path, tone):
    """`write(name, *rows)`: a table beside two recordings."""
    tone(tmp_path / "audio/a.wav")
    tone(tmp_path / "audio/b.wav", seconds=1.0)

    def write(name, *rows):
        path = tmp_path / name
        path.write_text("\n".join(rows) + "\n", encoding="utf-8-sig")
        return path

    return write


def test_a_csv_with_splits_and_speakers(table, options, tmp_path):
    path = table(
        "own.csv",
        "speaker,text,audio,split,notes",
        'anna,"well, yes",audio/a.wav,train,x',
        f",Ünicode,{tmp_path}/audio/b.wav,test,",
    )
    splits = folder.prepare(options(folder, path), tmp_path / "out")
    (train,), (test,) = splits["train"], splits["test"]
    assert (train.text, train.speaker, train.seconds) == ("well, yes", "anna", 0.5)
    assert (test.text, test.speaker, test.seconds) == ("Ünicode", "", 1.0)
    assert train.audio == str(tmp_path / "audio/a.wav")


def test_empty_fields_beyond_the_columns_are_nothing(table, options, tmp_path):
    path = table("own.csv", "audio,text", "audio/a.wav,x,,", "audio/b.wav,y")
    splits = folder.prepare(options(folder, path, "--split", "test"), tmp_path)
    assert [line.text for line in splits["test"]] == ["x", "y"]


def test_a_tsv_with_shares(table, options, tmp_path):
    path = table("own.tsv", "audio\ttext", "audio/a.wav\tone, two", "audio/b.wav\tthree")
    splits = folder.prepare(options(folder, path, "--shares", "a=0.5", "b=0.5"), tmp_path)
    assert {len(lines) for lines in splits.values()} == {1}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (["path,text", "audio/a.wav,x"], "expected the columns audio and text, got path, text"),
        (["audio,text", "audio/a.wav,x", "audio/../audio/a.wav,y"], "line 3: .* first on line 2"),
        (["audio,text,split", "audio/a.wav,x,.."], "line 2: expected a split's name"),
        (["audio,text", "audio/z.wav,x"], r"z\.wav: No such file"),
        (["audio,text", "audio/a.wav"], "line 2: expected audio and text"),
        (["audio,text", "audio/a.wav,hello, there"], "line 2: expected 2 fields.*, got 3"),
        (["audio,text"], "at least one"),
    ],
)
def test_bad_tables(table, options, tmp_path, rows, message):
    with pytest.raises(InputError, match=message):
        folder.prepare(options(folder, table("own.csv", *rows)), tmp_path)


def test_speaker_folders_are_of_no_table(table, options, tmp_path):
    given = options(folder, table("own.csv", "audio,text", "audio/a.wav,x"), "--speaker-folders")
    with pytest.raises(InputError, match="Give the table a column `speaker`"):
        folder.prepare(given, tmp_path)


def test_linked_folders_are_searched_too(recordings, options, tmp_path):
    elsewhere = tmp_path / "disk"
    shutil.move(recordings / "speaker0", elsewhere)
    (recordings / "speaker0").symlink_to(elsewhere)
    (recordings / "speaker1" / "back").symlink_to(recordings)
    (recordings / "a link").symlink_to(recordings / "speaker2")  # before the folder, by name
    splits = folder.prepare(options(folder, recordings, "--split", "test"), tmp_path / "out")
    assert len(splits["test"]) == 20
    heard = {line.audio for line in splits["test"]}
    assert {str(recordings / f"speaker{n}/0.wav") for n in (0, 2)} <= heard


@pytest.mark.parametrize(
    ("name", "message"),
    [("nowhere", "nothing at that path"), ("notes.doc", "another file"), ("m4a", r"end in \.m4a")],
)
def test_sources_that_cannot_be_used(options, tmp_path, name, message):
    (tmp_path / "notes.doc").write_text("")
    (tmp_path / "m4a").mkdir()
    (tmp_path / "m4a/a.m4a").write_text("")
    with pytest.raises(InputError, match=message):
        folder.prepare(options(folder, tmp_path / name), tmp_path)


def test_text_that_is_not_utf_8_is_named(recordings, table, options, tmp_path):
    (recordings / "speaker0/0.txt").write_bytes("café".encode("latin-1"))
    with pytest.raises(InputError, match=r"0\.txt: not UTF-8"):
        folder.prepare(options(folder, recordings), tmp_path)
    path = table("own.csv", "audio,text")
    path.write_bytes(path.read_bytes() + "audio/a.wav,café\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"own\.csv, after line .* a CSV file in UTF-8"):
        folder.prepare(options(folder, path), tmp_path)


@pytest.mark.parametrize("split", [[], ["--split", "all"]])
def test_names_that_are_not_utf_8_are_named(recordings, tmp_path, split):
    bad = os.fsdecode(b"caf\xe9")
    for suffix in (".wav", ".txt"):
        (recordings / f"speaker0/0{suffix}").rename(recordings / f"speaker0/{bad}{suffix}")
    # A process of its own: stderr takes any name, what pytest captures by does not.
    prepare = [sys.executable, "-m", "asr.data.prepare", "folder", str(recordings), *split]
    prepare += ["--folder", str(tmp_path / "out")]
    refused = commands.run(prepare)
    assert r"caf\udce9.wav: its path is not UTF-8" in refused.stderr
    assert "Traceback" not in refused.stderr
    skipped = commands.run([*prepare, "--skip-unreadable", "--json"])
    assert sum(split["lines"] for split in json.loads(skipped.stdout)["splits"]) == 19
    assert "left out 1 of 20 files" in skipped.stderr
