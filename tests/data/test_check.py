"""Each finding from a corpus made to have it."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.data.checked_corpus import RATE, Corpus, found, speech


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path)


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
        corpus.line(corpus.audio("fits.wav", second), "ab" * 12 + "c", 1.0),
        corpus.line(corpus.audio("one more.wav", second + speech(1.0, 5)), "ab" * 13, 1.0),
        corpus.line(corpus.audio("repeats.wav", second + speech(1.0, 6)), "a" * 13 + "b", 1.0),
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


def test_the_bounds_are_those_of_training(corpus: Corpus) -> None:
    """Each of these lines is left out with one preset of conf/data and not with another."""
    seconds = {"a.wav": 11.0, "b.wav": 14.0, "c.wav": 16.0, "d.wav": 26.0}
    lines = [
        corpus.line(corpus.audio(name, speech(long, seed)), f"text {name}", long)
        for seed, (name, long) in enumerate(seconds.items())
    ]
    manifest = corpus.manifest("m", *lines)
    for options, too_long in (
        ((), ["c.wav", "d.wav"]),
        (("--data", "amazon_queen"), ["b.wav", "c.wav", "d.wav"]),
        (("--data", "librispeech_100"), ["d.wav"]),
        (("--data", "librispeech_100", "--max-seconds", "15.5"), ["c.wav", "d.wav"]),
    ):
        code, report = corpus.check(manifest, *options)
        assert (code, found(report, "too long")) == (0, too_long)
        assert found(report, "too short") == []
    _, report = corpus.check(manifest, "--data", "amazon_queen", "--min-seconds", "11.5")
    assert (found(report, "too short"), report["arguments"]["max_seconds"]) == (["a.wav"], 12.0)


def test_damage_beyond_the_bound_is_found_in_half_a_minute(corpus: Corpus) -> None:
    """Training leaves the line out; validation and test sets keep it."""
    broken = speech(20.0)
    broken[-100] = np.nan
    soundfile.write(corpus.folder / "nan.wav", broken, RATE, subtype="FLOAT")
    code, report = corpus.check(corpus.manifest("m", corpus.line("nan.wav", duration=20.0)))
    assert (code, found(report, "unreadable audio")) == (1, ["nan.wav"])


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
