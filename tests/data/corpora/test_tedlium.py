"""TED-LIUM: segments by offset, the text's markup, both releases' trees."""

from collections import Counter

import pytest

from asr.data.corpora import tedlium
from asr.data.corpora.tedlium import _clean
from asr.errors import InputError

STM = """;; a comment
AlGore_2009 1 AlGore_2009 0.25 1.50 <o,f0,male> i 'm {NOISE} glad the(2) <unk> climate
AlGore_2009 1 inter_segment_gap 1.50 2.00 <o,,unknown> ignore_time_segment_in_scoring
AlGore_2009 1 AlGore_2009 2.00 2.50 <o,f0,male> <sil>
AlGore_2009 1 AlGore_2009 2.50 3.02 <o,f0,male> we 're done 'cause we say so
AlGore_2009 1 AlGore_2009 3.50 4.00 <o,f0,male> after the end
"""


def _talk(folder, tone, name, stm):
    tone(folder / "sph" / f"{name}.sph", seconds=3.0, format="NIST")
    (folder / "stm").mkdir(exist_ok=True)
    (folder / "stm" / f"{name}.stm").write_text(stm)


def _line(name, start=0.0, end=1.0):
    return f"{name} 1 {name} {start} {end} <F0_M> hello there\n"


@pytest.fixture
def release3(tmp_path, tone):
    root = tmp_path / "TEDLIUM_release-3"
    _talk(root / "legacy/dev", tone, "Dev_2010", _line("Dev_2010"))
    _talk(root / "legacy/test", tone, "Test_2010", _line("Test_2010"))
    _talk(root / "data", tone, "AlGore_2009", STM)
    _talk(root / "data", tone, "Dev_2010", _line("Dev_2010"))
    return root


def test_segments_keep_their_talk_s_file_and_offset(release3, options, tmp_path, capsys):
    splits = tedlium.prepare(options(tedlium, release3), tmp_path / "out")
    first, last = splits["train"]
    assert first.text == "i'm glad the climate"
    assert (first.offset, first.seconds, first.speaker) == (0.25, 1.25, "AlGore_2009")
    assert last.text == "we're done 'cause we say so"
    assert (last.offset, last.seconds) == (2.5, pytest.approx(0.5))
    assert last.audio == first.audio == str(release3 / "data/sph/AlGore_2009.sph")
    assert first.id != last.id
    said = capsys.readouterr().err
    for what in (
        "train: <unk> removed from the text: 1",
        "train: {NOISE} removed from the text: 1",
        "train: segments marked to be ignored, left out: 1",
        "train: segments without words, left out: 1",
        "train: segments that ran past the audio, cut to its end: 1",
        "lie past the audio, left out: 1",
    ):
        assert what in said


def test_talks_of_dev_and_test_are_never_in_train(release3, options, tmp_path):
    splits = tedlium.prepare(options(tedlium, release3.parent), tmp_path)
    assert list(splits) == ["train", "dev", "test"]
    assert {line.speaker for line in splits["train"]} == {"AlGore_2009"}
    assert splits["dev"][0].audio == str(release3 / "legacy/dev/sph/Dev_2010.sph")


def test_a_training_folder_in_legacy_is_preferred(release3, options, tmp_path, tone):
    _talk(release3 / "legacy/train", tone, "Third_2011", _line("Third_2011"))
    splits = tedlium.prepare(options(tedlium, release3), tmp_path)
    assert [line.speaker for line in splits["train"]] == ["Third_2011"]


def test_release_2(tmp_path, tone, options):
    root = tmp_path / "TEDLIUM_release2"
    for split in ("train", "dev", "test"):
        _talk(root / split, tone, f"{split}_2012", _line(f"{split}_2012", 1.0, 2.5))
    splits = tedlium.prepare(options(tedlium, root), tmp_path / "out")
    assert [(line.offset, line.seconds, line.text) for line in splits["train"]] == [
        (1.0, 1.5, "hello there")
    ]


def test_the_release_that_was_downloaded_is_the_one_that_is_read(
    release3, tmp_path, tone, options, monkeypatch
):
    root = tmp_path / "TEDLIUM_release2"
    for split in ("train", "dev", "test"):
        _talk(root / split, tone, f"{split}_2012", _line(f"{split}_2012"))
    monkeypatch.setattr(tedlium, "source_or_download", lambda *_: tmp_path)
    for release, speaker in (("2", "train_2012"), ("3", "AlGore_2009")):
        given = options(tedlium, "--download", "--release", release)
        splits = tedlium.prepare(given, tmp_path)
        assert {line.speaker for line in splits["train"]} == {speaker}


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("it 's what i 'd say they 'll know", "it's what i'd say they'll know"),
        ("{SMACK} and(2) so on (AlGore-123)", "and so on"),
        ("rock 'n roll", "rock 'n roll"),
        ("<unk> <unk>", ""),
    ],
)
def test_text_rules(raw, clean):
    assert _clean(raw, Counter()) == clean


def test_a_lost_talk_and_a_torn_line_are_named(release3, options, tmp_path):
    (release3 / "data/stm/AlGore_2009.stm").write_text("AlGore_2009 1 AlGore_2009 0.2\n")
    with pytest.raises(InputError, match=r"AlGore_2009\.stm, line 1"):
        tedlium.prepare(options(tedlium, release3), tmp_path)
    (release3 / "data/sph/AlGore_2009.sph").unlink()
    with pytest.raises(InputError, match=r"AlGore_2009\.sph: No such file"):
        tedlium.prepare(options(tedlium, release3), tmp_path)


def test_the_wrong_folder(options, tmp_path):
    with pytest.raises(InputError, match="dev/stm or test/stm"):
        tedlium.prepare(options(tedlium, tmp_path), tmp_path)


def test_archives_are_those_torchaudio_knows():
    from torchaudio.datasets.tedlium import _RELEASE_CONFIGS

    for release, (path, checksum) in tedlium.RELEASES.items():
        known = _RELEASE_CONFIGS[f"release{release}"]
        assert known["url"].endswith(f"/resources/{path}")
        assert checksum == f"sha256:{known['checksum']}"
