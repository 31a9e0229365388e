"""The command: what it writes, refuses and leaves behind when it is killed."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.data import prepare
from asr.data.manifest import Utterance, read_manifest
from asr.data.prepare import main, publish
from asr.errors import InputError

REPOSITORY = Path(prepare.__file__).parents[2]


def _utterance(number, seconds=1.5, text="two words"):
    return Utterance(f"/a/{number}.wav", f"/a/{number}.wav", seconds, text, speaker=f"s{number}")


@pytest.fixture
def splits():
    return {
        "train": [_utterance(number) for number in range(4)],
        "test": [_utterance(9, seconds=0.75)],
    }


def test_every_split_is_written_and_counted(splits, tmp_path):
    train, test = publish(tmp_path, splits)
    assert (train.lines, train.words, train.speakers) == (4, 8, 4)
    assert train.hours * 3600 == pytest.approx(6.0)
    assert read_manifest(train.manifest) == splits["train"]
    assert read_manifest(test.manifest) == splits["test"]
    assert {path.name for path in tmp_path.iterdir()} == {"train.jsonl", "test.jsonl"}


def test_the_same_again_touches_nothing(splits, tmp_path):
    publish(tmp_path, splits)
    before = (tmp_path / "train.jsonl").stat()
    assert [row.written for row in publish(tmp_path, splits)] == [False, False]
    assert (tmp_path / "train.jsonl").stat().st_mtime_ns == before.st_mtime_ns
    assert (tmp_path / "train.jsonl").stat().st_ino == before.st_ino


def test_a_different_manifest_stands_until_force(splits, tmp_path, capsys):
    publish(tmp_path, {"train": splits["train"]})
    before = (tmp_path / "train.jsonl").read_bytes()
    changed = {**splits, "train": splits["train"][:3]}
    with pytest.raises(InputError, match=r"train.jsonl with 4 lines \(new: 3\).*--force"):
        publish(tmp_path, changed)
    assert (tmp_path / "train.jsonl").read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"train.jsonl"}, "all splits or none"

    publish(tmp_path, changed, force=True)
    assert len(read_manifest(tmp_path / "train.jsonl")) == 3
    assert "replaced" in capsys.readouterr().err


def test_manifests_of_other_splits_stay(splits, tmp_path):
    publish(tmp_path, {"train": splits["train"]})
    publish(tmp_path, {"test": splits["test"]})
    assert len(read_manifest(tmp_path / "train.jsonl")) == 4


@pytest.mark.parametrize(
    ("utterances", "message"),
    [
        ([], "got 0"),
        ([_utterance(1), _utterance(1)], "1 of them twice"),
        ([_utterance(1), _utterance(2, seconds=0.0)], "without length /a/2.wav"),
        ([_utterance(1, seconds=float("nan"))], "without length /a/1.wav"),
    ],
)
def test_a_split_that_no_reader_would_take(splits, tmp_path, utterances, message):
    with pytest.raises(InputError, match=f"split odd: .*{message}"):
        publish(tmp_path, {**splits, "odd": utterances})
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def recordings(tmp_path):
    root = tmp_path / "recordings"
    root.mkdir()
    for number in range(12):
        soundfile.write(root / f"{number}.wav", np.full(1600, 0.1), 16_000)
        (root / f"{number}.txt").write_text("hello there")
    return root


def test_the_command_from_audio_to_json(recordings, tmp_path, capsys):
    arguments = ["folder", str(recordings), "--folder", str(tmp_path / "out")]
    main([*arguments, "--json"])
    result = json.loads(capsys.readouterr().out)
    assert result["corpus"] == "folder"
    assert {row["split"]: row["lines"] for row in result["splits"]} == {
        "train": 10,
        "validation": 1,
        "test": 1,
    }
    assert all(read_manifest(row["manifest"]) for row in result["splits"])

    main(arguments)
    table = capsys.readouterr().out
    assert all(word in table for word in ("validation", "unchanged", "20"))


def test_audio_below_the_folder_is_named_relative_to_it(recordings, tmp_path):
    main(["folder", str(recordings), "--folder", str(recordings), "--split", "all"])
    line = json.loads((recordings / "all.jsonl").read_text().splitlines()[0])
    assert line["audio_filepath"] == "0.wav"


def test_help_names_every_corpus(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    for corpus in prepare.CORPORA:
        assert corpus.NAME in said
    for corpus in prepare.CORPORA:
        with pytest.raises(SystemExit):
            main([corpus.NAME, "--help"])
        assert "--force" in capsys.readouterr().out


def test_the_page_in_data_has_a_row_for_every_corpus():
    page = (REPOSITORY / "data" / "README.md").read_text()
    assert all(f"\n| `{corpus.NAME}` |" in page for corpus in prepare.CORPORA)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["folder", "/nowhere"], 1, "nothing at that path"),
        (["folder"], 2, "SOURCE"),
        (["folder", "/nowhere", "--jobs", "0"], 2, "whole number above 0"),
        ([], 2, "CORPUS"),
        (["nonsense"], 2, "librispeech"),
        (["librispeech"], 2, "--download"),
    ],
)
def test_exit_codes(tmp_path, capsys, arguments, code, message):
    with pytest.raises(SystemExit) as caught:
        main([*arguments, *(["--folder", str(tmp_path)] if arguments else [])])
    assert caught.value.code == code
    assert message in capsys.readouterr().err


def test_an_interrupt_exits_with_130(recordings, tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(prepare.folder, "prepare", interrupted)
    with pytest.raises(SystemExit) as caught:
        main(["folder", str(recordings), "--folder", str(tmp_path / "out")])
    assert caught.value.code == 130


SPEAKERS, TAKES = 4, 12


@pytest.fixture
def an4(tmp_path):
    """AN4's tree of headerless files, each of which becomes one FLAC file."""
    root = tmp_path / "an4"
    (root / "etc").mkdir(parents=True)
    for split, folder in (("train", "an4_clstk"), ("test", "an4test_clstk")):
        names = [f"{folder}/s{n % SPEAKERS}/c{n}-s{n % SPEAKERS}-b" for n in range(TAKES)]
        for name in names:
            path = root / "wav" / f"{name}.raw"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(np.arange(1600, dtype=">i2").tobytes())
        (root / "etc" / f"an4_{split}.fileids").write_text("\n".join(names))
        lines = [f"<s> YES </s> ({Path(name).name})" for name in names]
        (root / "etc" / f"an4_{split}.transcription").write_text("\n".join(lines))
    return root


KILLED_AT_RENAME = """
import os, signal, sys
from asr.data.prepare import main

left, replace = int(sys.argv[1]), os.replace

def die_or_replace(source, target):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    replace(source, target)

os.replace = die_or_replace
main(sys.argv[2:])
"""
_FLACS = 2 * TAKES  # renames: one a FLAC file, then one a staged manifest, then one a manifest


@pytest.mark.parametrize("renames", [3, _FLACS + 1, _FLACS + 4])
def test_killed_at_a_rename_and_run_again(an4, tmp_path, renames):
    arguments = ["an4", str(an4), "--folder", str(tmp_path / "out")]
    command = [sys.executable, "-c", KILLED_AT_RENAME, str(renames), *arguments]
    killed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    out = tmp_path / "out"
    kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.flac")}
    assert len(kept) == min(renames, _FLACS)
    assert all(soundfile.info(path).frames == 1600 for path in kept)
    manifests = list(out.glob("[!.]*.jsonl"))
    assert len(manifests) == max(0, renames - _FLACS - 3)
    assert all(read_manifest(path) for path in manifests)

    main(arguments)
    assert {path.name for path in out.glob("[!.]*.jsonl")} == {
        "train.jsonl",
        "validation.jsonl",
        "test.jsonl",
    }
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    main(["an4", str(an4), "--folder", str(tmp_path / "afresh")])
    for split in ("train", "validation", "test"):
        again, afresh = (tmp_path / name / f"{split}.jsonl" for name in ("out", "afresh"))
        assert again.read_bytes() == afresh.read_bytes()


def test_killed_at_any_moment(an4, tmp_path):
    out = tmp_path / "out"
    arguments = ["an4", str(an4), "--folder", str(out)]
    command = [sys.executable, "-m", "asr.data.prepare", *arguments]
    with subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None and not any(out.rglob("[!.]*.flac")):
            time.sleep(0.001)
        process.kill()  # nothing where it has ended
    assert all(soundfile.info(path).frames == 1600 for path in out.rglob("[!.]*.flac"))
    assert all(read_manifest(path) for path in out.glob("[!.]*.jsonl"))
    main(arguments)
    assert len(read_manifest(out / "test.jsonl")) == TAKES
