"""AN4 in both published formats; the headerless one is converted, restartably."""

import os

import numpy as np
import pytest
import soundfile

from asr.data.corpora import an4
from asr.errors import InputError

SPEAKERS = [f"s{number:02d}" for number in range(12)]


@pytest.fixture
def corpus(tmp_path, tone):
    """`make(suffix)`: twelve training speakers and one test speaker, laid out as CMU does."""

    def make(suffix):
        root = tmp_path / "an4"
        (root / "etc").mkdir(parents=True)
        utterances = [("train", "an4_clstk", name, f"cen5-{name}-b") for name in SPEAKERS]
        utterances.append(("test", "an4test_clstk", "menk", "an422-menk-b"))
        for split, folder, speaker, name in utterances:
            path = root / "wav" / folder / speaker / f"{name}{suffix}"
            if suffix == ".sph":
                tone(path, format="NIST", endian="BIG")
            else:
                path.parent.mkdir(parents=True)
                path.write_bytes(np.arange(-4000, 4000, dtype=">i2").tobytes())
            with open(root / "etc" / f"an4_{split}.fileids", "a") as file:
                file.write(f"{folder}/{speaker}/{name}\n")
            with open(root / "etc" / f"an4_{split}.transcription", "a") as file:
                mark = f"<s> P I T T <sil> ++NOISE++ FIVE </s> ({name})" if split == "train" else ""
                file.write(f"{mark or f'RUBOUT G M ({name})'}\n")
        return root

    return make


def test_sphere_is_read_where_it_is(corpus, options, tmp_path):
    root = corpus(".sph")
    splits = an4.prepare(options(an4, root), tmp_path / "out")
    (line,) = splits["test"]
    assert (line.text, line.speaker, line.seconds) == ("RUBOUT G M", "menk", 0.5)
    assert line.audio == str(root / "wav/an4test_clstk/menk/an422-menk-b.sph")
    assert splits["train"][0].text == "P I T T FIVE"
    assert [line.speaker for line in splits["validation"]] == ["s00", "s10"]
    assert {line.speaker for line in splits["train"]} == {*SPEAKERS} - {"s00", "s10"}
    assert not (tmp_path / "out").exists()


def test_the_published_two_splits(corpus, options, tmp_path):
    splits = an4.prepare(options(an4, corpus(".sph").parent, "--no-validation"), tmp_path)
    assert {name: len(lines) for name, lines in splits.items()} == {"train": 12, "test": 1}


def test_headerless_audio_becomes_flac_once(corpus, options, tmp_path):
    chosen = options(an4, corpus(".raw"))
    (line,) = an4.prepare(chosen, tmp_path / "out")["test"]
    samples, rate = soundfile.read(line.audio, dtype="int16")
    assert line.audio.endswith("out/audio/an4test_clstk/menk/an422-menk-b.flac")
    assert rate == 16_000
    np.testing.assert_array_equal(samples, np.arange(-4000, 4000))

    before = os.stat(line.audio).st_mtime_ns
    first = tmp_path / "out/audio/an4_clstk/s03/cen5-s03-b.flac"
    first.unlink()
    an4.prepare(chosen, tmp_path / "out")
    assert os.stat(line.audio).st_mtime_ns == before
    assert first.exists()


def test_a_lost_file_and_a_strange_line_are_named(corpus, options, tmp_path):
    root = corpus(".sph")
    lost = root / "wav/an4_clstk/s03/cen5-s03-b.sph"
    lost.unlink()
    with pytest.raises(InputError, match=f"{lost}: No such file"):
        an4.prepare(options(an4, root), tmp_path)
    (root / "etc/an4_test.transcription").write_text("RUBOUT (an1-nobody-b)\n")
    with pytest.raises(InputError, match="an1-nobody-b"):
        an4.prepare(options(an4, root, "--skip-unreadable"), tmp_path)


def test_the_wrong_folder(options, tmp_path):
    with pytest.raises(InputError, match=r"etc/an4_train\.transcription, got an empty folder"):
        an4.prepare(options(an4, tmp_path), tmp_path)
