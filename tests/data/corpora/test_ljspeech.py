"""LJ Speech: the normalised transcript, chapters held out."""

import pytest

from asr.data.corpora import ljspeech
from asr.errors import InputError

NAMES = ["LJ001-0001", "LJ002-0001", "LJ003-0001", "LJ003-0002", "LJ049-0001", "LJ050-0001"]


@pytest.fixture
def corpus(tmp_path, tone):
    root = tmp_path / "LJSpeech-1.1"
    for name in NAMES:
        tone(root / "wavs" / f"{name}.wav", rate=22_050)
    (root / "metadata.csv").write_text(
        "".join(f'{name}|in 1465 "{name}|in fourteen sixty-five "{name}\n' for name in NAMES)
    )
    return root


def test_whole_chapters_are_held_out(corpus, options, tmp_path):
    splits = ljspeech.prepare(options(ljspeech, corpus.parent), tmp_path / "out")
    chapters = {
        name: [line.audio.rsplit("/", 1)[1][:10] for line in lines]
        for name, lines in splits.items()
    }
    assert chapters == {
        "train": ["LJ003-0001", "LJ003-0002"],
        "validation": ["LJ002-0001", "LJ049-0001"],
        "test": ["LJ001-0001", "LJ050-0001"],
    }
    line = splits["test"][0]
    assert (line.text, line.speaker) == ('in fourteen sixty-five "LJ001-0001', "LJ")
    assert line.seconds == pytest.approx(0.5)


def test_recordings_without_a_line_and_lines_without_one_are_named(corpus, options, tmp_path, tone):
    (corpus / "wavs/LJ003-0002.wav").unlink()
    tone(corpus / "wavs/LJ003-0003.wav")
    with pytest.raises(InputError, match=r"0003\.wav: no line[\s\S]*0002\.wav: No such file"):
        ljspeech.prepare(options(ljspeech, corpus), tmp_path)


def test_a_torn_line(corpus, options, tmp_path):
    (corpus / "metadata.csv").write_text("LJ001-0001|only one\n")
    with pytest.raises(InputError, match=r"metadata\.csv, line 1: .* got 2 fields"):
        ljspeech.prepare(options(ljspeech, corpus), tmp_path)


def test_the_archive_is_the_one_torchaudio_knows():
    from torchaudio.datasets.ljspeech import _RELEASE_CONFIGS

    known = _RELEASE_CONFIGS["release1"]
    assert known["url"] == ljspeech.ARCHIVE.url
    assert f"sha256:{known['checksum']}" == ljspeech.ARCHIVE.checksum
