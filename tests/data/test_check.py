"""Each finding from a corpus made to have it, and the exit code of the real command."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from asr.data.check.__main__ import main
from asr.data.check.audio_faults import clipped_share, is_silent
from asr.data.check.findings import MUST_BE_FIXED
from asr.errors import InputError
from tests.commands import run
from tests.finished_run import write_run

RATE = 16000


def speech(seconds: float, seed: int = 0, rate: int = RATE) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate))


class Corpus:
    """Audio and manifests in a folder; each file sounds different unless told otherwise."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = folder, 0

    def audio(self, name: str, samples: np.ndarray | None = None, rate: int = RATE) -> str:
        self.files += 1
        sound = speech(2.0, seed=self.files) if samples is None else samples
        soundfile.write(self.folder / name, sound, rate)
        return name

    def line(self, audio: str, text: str = "hello", duration: float = 2.0, **more: Any) -> str:
        return json.dumps({"audio_filepath": audio, "duration": duration, "text": text, **more})

    def manifest(self, name: str, *lines: str) -> str:
        path = self.folder / f"{name}.jsonl"
        path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
        return str(path)

    def check(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        report = self.folder / "report.json"
        code = main([*arguments, "--json", str(report), "--jobs", "2"])
        return code, json.loads(report.read_text(encoding="utf-8"))


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path)


def found(report: dict[str, Any], kind: str) -> list[str]:
    return [finding["subject"] for finding in report["findings"] if finding["kind"] == kind]


def test_nothing_to_find(corpus: Corpus, capsys) -> None:
    train = corpus.manifest("train", corpus.line(corpus.audio("a.wav"), "Hello, 2 worlds!"))
    test = corpus.manifest("test", corpus.line(corpus.audio("b.flac"), "goodbye"))
    code, report = corpus.check(train, test)
    assert (code, report["must_be_fixed"], report["findings"]) == (0, False, [])
    assert report["utterances"] == {train: 1, test: 1}
    assert report["seconds"] == 4.0
    assert "2 utterances" in capsys.readouterr().out


def test_what_cannot_be_read(corpus: Corpus) -> None:
    folder = corpus.folder
    (folder / "text.wav").write_text("no audio at all")
    (folder / "folder.wav").mkdir()
    os.mkfifo(folder / "pipe.wav")
    with open(folder / "sparse.wav", "wb") as file:
        file.truncate(10 << 30)
    nan = speech(2.0)
    nan[100] = np.nan
    soundfile.write(folder / "nan.wav", nan, RATE, subtype="FLOAT")
    corpus.audio("whole.flac")
    (folder / "cut.flac").write_bytes((folder / "whole.flac").read_bytes()[:20000])
    names = ["text.wav", "folder.wav", "pipe.wav", "sparse.wav", "nan.wav", "cut.flac"]
    names += ["/dev/zero", "absent.wav"]
    code, report = corpus.check(corpus.manifest("m", *map(corpus.line, names)))
    assert code == 1
    assert sorted(found(report, "unreadable audio")) == sorted(names)
    assert len(report["findings"]) == len(names)


def test_empty_silent_and_clipped(corpus: Corpus) -> None:
    clipped = np.clip(20 * speech(2.0), -1, 1) * 0.5
    lines = [
        corpus.line(corpus.audio("empty.wav", np.zeros(0))),
        corpus.line(corpus.audio("zeros.wav", np.zeros(2 * RATE))),
        corpus.line(corpus.audio("offset.wav", 0.3 + 0.002 * speech(2.0))),
        corpus.line(corpus.audio("quiet.wav", 0.05 * speech(2.0))),
        corpus.line(corpus.audio("clipped.wav", clipped)),
    ]
    code, report = corpus.check(corpus.manifest("m", *lines))
    assert code == 1
    assert found(report, "empty audio") == ["empty.wav"]
    assert found(report, "silent audio") == ["zeros.wav", "offset.wav"]
    assert found(report, "clipped audio") == ["clipped.wav"]
    assert len(report["findings"]) == 4


def test_wrong_durations(corpus: Corpus) -> None:
    lines = [
        corpus.line(corpus.audio("rounded.wav"), duration=2.05),
        corpus.line(corpus.audio("longer.wav"), duration=2.5),
        corpus.line(corpus.audio("shorter.wav"), duration=1.5),
        corpus.line(corpus.audio("book.wav"), duration=0.9),
        corpus.line("book.wav", duration=1.1, offset=0.9),
        corpus.line(corpus.audio("beyond.wav"), duration=1.0, offset=1.5),
        corpus.line(corpus.audio("behind.wav"), duration=1.0, offset=7),
    ]
    code, report = corpus.check(corpus.manifest("m", *lines))
    assert code == 1
    wrong = ["longer.wav", "shorter.wav", "beyond.wav@1.5", "behind.wav@7"]
    assert found(report, "wrong duration") == wrong
    assert len(report["findings"]) == len(wrong)


def test_a_header_of_days_is_not_read_through(corpus: Corpus) -> None:
    header = b"RIFF\xff\xff\xff\xffWAVEfmt \x10\0\0\0\1\0\1\0\x80\x3e\0\0\0\x7d\0\0\2\0\x10\0data"
    with open(corpus.folder / "days.wav", "wb") as file:
        file.write(header + b"\xff\xff\xff\xff")
        file.truncate(10 << 30)
    manifest = corpus.manifest("m", corpus.line("days.wav", duration=100000))
    _, report = corpus.check(manifest)
    assert set(report["kinds"]) == {"wrong duration", "silent audio", "too long"}


def test_texts(corpus: Corpus) -> None:
    lines = [
        corpus.line(corpus.audio("a.wav"), "naïve café"),
        corpus.line(corpus.audio("b.wav"), "été"),
        corpus.line(corpus.audio("c.wav"), "..."),
        corpus.line(corpus.audio("d.wav"), "fine, isn't it? 100%"),
        corpus.line(corpus.audio("e.wav"), "a lone surrogate \ud800"),
    ]
    code, report = corpus.check(corpus.manifest("m", *lines))
    assert code == 1
    assert report["unknown_characters"] == {"é": 3, "ï": 1}
    assert found(report, "outside the vocabulary") == ["a.wav", "b.wav"]
    assert found(report, "empty text") == ["c.wav"]
    code, report = corpus.check(corpus.manifest("m", lines[0]), "--vocabulary", "from_manifest")
    assert (code, report["findings"]) == (0, [])


def test_a_vocabulary_from_the_first_manifest(corpus: Corpus) -> None:
    train = corpus.manifest("train", corpus.line(corpus.audio("a.wav"), "één"))
    test = corpus.manifest("test", corpus.line(corpus.audio("b.wav"), "drie"))
    options = ("--vocabulary", "from_manifest", "--language", "nl")
    code, report = corpus.check(train, test, *options)
    assert (code, set(report["unknown_characters"])) == (1, set("drie"))


def test_lines_that_training_leaves_out(corpus: Corpus) -> None:
    # 1 s is 98 frames of 25 ms every 10 ms; 49, then 25 after two strides of 2.
    second = speech(1.0)
    lines = [
        corpus.line(corpus.audio("fits.wav", second), "ab" * 12, 1.0),
        corpus.line(corpus.audio("one more.wav", second + speech(1.0, 5)), "ab" * 12 + "c", 1.0),
        corpus.line(corpus.audio("repeats.wav", second + speech(1.0, 6)), "a" * 13, 1.0),
        corpus.line(corpus.audio("short.wav", speech(0.2)), "a", 0.2),
        corpus.line(corpus.audio("long.wav", speech(3.0)), "a", 3.0),
    ]
    code, report = corpus.check(corpus.manifest("m", *lines), "--max-seconds", "2.5")
    assert code == 1
    assert found(report, "not alignable") == ["one more.wav", "repeats.wav"]
    assert found(report, "too short") == ["short.wav"]
    assert found(report, "too long") == ["long.wav"]
    options = ("--max-seconds", "2.5", "--model", "deepspeech2", "--features", "spectrogram")
    code, report = corpus.check(corpus.manifest("m", *lines), *options)
    assert (code, found(report, "not alignable")) == (0, [])


def test_two_splits(corpus: Corpus) -> None:
    sound = np.round(32768 * speech(2.0, seed=99)).astype(np.int16)
    train = corpus.manifest(
        "train",
        corpus.line(corpus.audio("original.wav", sound), "one"),
        corpus.line(corpus.audio("book.wav", speech(6.0, 77)), "two", 2.0, offset=0.0),
        corpus.line("book.wav", "three", 2.0, offset=2.0),
        corpus.line(corpus.audio("zeros.wav", np.zeros(2 * RATE)), "four"),
        corpus.line(corpus.audio("own.wav"), "one"),
    )
    test = corpus.manifest(
        "test",
        corpus.line(corpus.audio("copy.flac", sound), "five"),
        corpus.line("book.wav", "six", 1.0, offset=3.5),
        corpus.line("book.wav", "seven", 1.0, offset=4.05),
        corpus.line(corpus.audio("zeros2.wav", np.zeros(2 * RATE)), "eight"),
        corpus.line(corpus.audio("other.wav"), "ONE!"),
    )
    code, report = corpus.check(train, test)
    assert code == 1
    pairs = {
        (finding["kind"], finding["manifest"], finding["subject"], finding["other"])
        for finding in report["findings"]
        if finding["other"]
    }
    assert pairs == {
        ("same audio in two splits", test, "copy.flac", f"{train}: original.wav"),
        ("same audio in two splits", test, "book.wav@3.5", f"{train}: book.wav@2"),
        ("same text in two splits", test, "other.wav", f"{train}: original.wav"),
    }


def test_the_same_text_alone_is_a_note(corpus: Corpus) -> None:
    manifests = [corpus.manifest(name, corpus.line(corpus.audio(f"{name}.wav"))) for name in "abc"]
    code, report = corpus.check(*manifests)
    assert code == 0
    assert found(report, "same text in two splits") == ["b.wav", "c.wav"]


def test_sample_rates(corpus: Corpus) -> None:
    names = [corpus.audio(f"{rate}.wav", speech(2.0, rate, rate), rate) for rate in (8000, 16000)]
    lines = map(corpus.line, names)
    code, report = corpus.check(corpus.manifest("m", *lines))
    assert code == 0
    assert found(report, "mixed sample rates") == ["8000 Hz", "16000 Hz"]


def test_bad_lines_do_not_stop_the_others(corpus: Corpus) -> None:
    bad = corpus.manifest(
        "bad", "{", corpus.line("absent.wav"), "[1]", corpus.line(corpus.audio("a.wav"), "one")
    )
    hopeless = corpus.manifest("hopeless", "nothing")
    empty = corpus.manifest("empty")
    code, report = corpus.check(bad, hopeless, empty)
    assert code == 1
    lines = [(found["manifest"], found["subject"]) for found in report["findings"][:4]]
    assert lines == [(bad, "line 1"), (bad, "line 3"), (hopeless, "line 1"), (empty, "line 1")]
    assert found(report, "unreadable audio") == ["absent.wav"]
    assert report["utterances"] == {bad: 2, hopeless: 0, empty: 0}


def test_every_kind_is_in_the_help(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = capsys.readouterr().out
    kinds = set(MUST_BE_FIXED) - {"unreadable audio", "too long"}  # told with another
    assert [kind for kind in kinds if kind not in text] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["m.jsonl", "--model", "smal"], "small"),
        (["m.jsonl", "m.jsonl"], "each once"),
        (["absent.jsonl"], "no such file"),
        (["m.jsonl", "--run", "r", "--model", "tiny"], "--run alone"),
    ],
)
def test_what_cannot_be_checked(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str
) -> None:
    corpus.manifest("m", corpus.line(corpus.audio("a.wav")))
    monkeypatch.chdir(corpus.folder)
    with pytest.raises(InputError, match=said):
        main(arguments)


def test_exit_codes_of_the_command(corpus: Corpus) -> None:
    command = [sys.executable, "-m", "asr.data.check"]
    good = corpus.manifest("good", corpus.line(corpus.audio("a [b].wav")))
    bad = corpus.manifest("bad", corpus.line("absent [bold].wav", "é"))
    ended = run([*command, good])
    assert (ended.returncode, ended.stderr) == (0, "")
    ended = run([*command, bad])
    assert (ended.returncode, ended.stderr) == (1, "")
    assert "[bold].wav" in ended.stdout


def test_the_vocabulary_and_model_of_a_run(corpus: Corpus) -> None:
    write_run(corpus.folder / "run")
    manifest = corpus.manifest("m", corpus.line(corpus.audio("a.wav"), "ab" * 30))
    assert corpus.check(manifest, "--run", str(corpus.folder / "run"))[0] == 1
    assert corpus.check(manifest, "--model", "deepspeech2")[0] == 0


def test_a_sine_is_not_clipped_until_it_is() -> None:
    sine = np.sin(np.arange(RATE) * 0.05).astype(np.float32)
    assert clipped_share(sine) == 0
    assert clipped_share(np.clip(sine, -0.5, 0.5)) == pytest.approx(2 / 3, abs=0.01)


def test_runs_at_an_extreme_are_counted_by_hand() -> None:
    waveform = np.array([0, 1, 1, 1, 0, 1, 1, 0, -1, -1, -1, -1], np.float32)
    assert clipped_share(waveform) == pytest.approx(7 / 12)
    # MP3 decodes beyond full scale.
    assert clipped_share(np.array([0, 1.1, 1.2, 1.0, 0], np.float32)) == pytest.approx(3 / 5)


@pytest.mark.parametrize(("level", "silent"), [(0.0011, False), (0.0009, True)])
def test_silence_is_below_60_decibels(level: float, silent: bool) -> None:
    square = np.tile([level, -level], 1000).astype(np.float32)
    assert is_silent(square) is silent
