"""Common Voice: TSV without quoting, stated durations, the three published splits."""

import pytest

from asr.data.corpora import common_voice
from asr.errors import InputError

HEADER = "client_id\tpath\tsentence_id\tsentence\tsentence_domain\tup_votes\tdown_votes\n"


@pytest.fixture
def corpus(tmp_path, tone):
    root = tmp_path / "cv-corpus-22.0-2025-06-20" / "cy"
    rows = {
        "train": [("anna", "a.mp3", '"Helo, meddai'), ("ben", "b.mp3", 'Ie" atebodd Ben.')],
        "dev": [("carys", "c.mp3", "Tŷ bach, 3 drws")],
        "test": [("dai", "d.mp3", "Ble mae'r gath?")],
    }
    rows["validated"] = [row for lines in rows.values() for row in lines]
    for split, lines in rows.items():
        root.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{who}\t{path}\tid\t{words}\t\t2\t0\n" for who, path, words in lines)
        (root / f"{split}.tsv").write_text(HEADER + text, encoding="utf-8")
    for _, path, _ in rows["validated"]:
        tone(root / "clips" / path, seconds=1.0, rate=48_000)
    return root


def test_the_published_splits(corpus, options, tmp_path):
    splits = common_voice.prepare(options(common_voice, corpus), tmp_path / "out")
    assert {name: len(lines) for name, lines in splits.items()} == {"train": 2, "dev": 1, "test": 1}
    first, second = splits["train"]
    assert (first.text, first.speaker) == ('"Helo, meddai', "anna")
    assert (second.text, second.speaker) == ('Ie" atebodd Ben.', "ben")
    assert splits["dev"][0].text == "Tŷ bach, 3 drws"
    assert first.audio == str(corpus / "clips/a.mp3")
    assert first.seconds == pytest.approx(1.0, abs=0.06)  # an MP3 is padded to whole frames


def test_stated_durations_are_taken_and_others_measured(corpus, options, tmp_path):
    (corpus / "clip_durations.tsv").write_text("clip\tduration[ms]\na.mp3\t1234\n")
    lines = common_voice.prepare(options(common_voice, corpus), tmp_path)["train"]
    assert lines[0].seconds == 1.234
    assert lines[1].seconds == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("stated", [True, False])
def test_a_lost_clip_is_named_whether_or_not_its_duration_is_stated(
    corpus, options, tmp_path, capsys, stated
):
    if stated:
        (corpus / "clip_durations.tsv").write_text("clip\tduration[ms]\na.mp3\t1234\n")
    (corpus / "clips/a.mp3").unlink()
    with pytest.raises(InputError, match=r"clips/a\.mp3: No such file"):
        common_voice.prepare(options(common_voice, corpus), tmp_path)
    chosen = options(common_voice, corpus, "--skip-unreadable")
    assert [line.speaker for line in common_voice.prepare(chosen, tmp_path)["train"]] == ["ben"]
    assert "left out 1 of 2 files" in capsys.readouterr().err


def test_other_splits(corpus, options, tmp_path):
    chosen = options(common_voice, corpus, "--splits", "validated")
    assert len(common_voice.prepare(chosen, tmp_path)["validated"]) == 4


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda root: (root / "dev.tsv").unlink(), r"dev\.tsv: expected a TSV file"),
        (lambda root: (root / "dev.tsv").write_text("a\tb\n"), "none called client_id, path, sent"),
    ],
)
def test_an_incomplete_release(corpus, options, tmp_path, edit, message):
    edit(corpus)
    with pytest.raises(InputError, match=message):
        common_voice.prepare(options(common_voice, corpus), tmp_path)


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("dev.tsv", "carys\tc.mp3\tid\n", r"dev\.tsv, line 3: expected 7 fields.* got 3"),
        ("dev.tsv", "ann\tc.mp3\tid\tone\ttwo\t\t2\t0\n", r"dev\.tsv, line 3: .* got 8"),
        ("dev.tsv", "carys\tc.mp3\tid\tT\xe9\t\t2\t0\n", r"dev\.tsv, after .* in UTF-8"),
        ("clip_durations.tsv", "b.mp3\n", r"durations\.tsv, line 3: expected 2 fields.* got 1"),
        ("clip_durations.tsv", "b.mp3\t1 s\n", r"line 3: expected a duration .* got '1 s'"),
        ("clip_durations.tsv", "b.mp3\tnan\n", "line 3: expected a duration .* got 'nan'"),
        ("clip_durations.tsv", "b.mp3\t-1\n", "line 3: expected a duration .* got '-1'"),
    ],
)
def test_a_line_that_cannot_be_is_told_by_its_number(
    corpus, options, tmp_path, name, line, message
):
    (corpus / "clip_durations.tsv").write_text("clip\tduration[ms]\na.mp3\t1234\n")
    with open(corpus / name, "a", encoding="latin-1") as file:
        file.write(line)
    with pytest.raises(InputError, match=message):
        common_voice.prepare(options(common_voice, corpus), tmp_path)


def test_the_folder_above_names_its_languages(corpus, options, tmp_path):
    with pytest.raises(InputError, match=r"cv-corpus-\.\.\./LANGUAGE: cy are here"):
        common_voice.prepare(options(common_voice, corpus.parent), tmp_path)
