import gzip
import io
import itertools
import json
from pathlib import Path

import pytest

from asr.decoding.arpa import words_of_model, write_arpa
from asr.decoding.build_lm import estimate, main, read_texts
from asr.decoding.prefix_search import Fusion, PrefixSearch
from asr.errors import InputError
from tests.decoding.oracle import MODELS, Arpa

TEXTS = [
    "The cat sat, on the mat!",
    "the dog sat",
    "",
    "a na\u00efve cat sat on the dog",
    "the cat",
]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "train.jsonl"
    lines = [json.dumps({"audio_filepath": "a.wav", "duration": 1, "text": t}) for t in TEXTS]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_file_holds_probabilities_of_the_normalised_words(manifest, tmp_path, capsys):
    out, lexicon = tmp_path / "lm.arpa", tmp_path / "words.txt"
    lexicon.write_text("Zebra\ncat\n")
    main([str(manifest), "--order", "3", "--out", str(out), "--words", str(lexicon)])
    told = capsys.readouterr().err
    assert "4 sentences, 18 words, 9 different" in told
    assert "1 empty texts left out" in told
    assert "discounts of order" in told
    model = Arpa(out)
    expected = {"the", "cat", "sat", "on", "mat", "dog", "a", "na\u00efve", "zebra"}
    assert model.words == expected | {"<unk>", "<s>", "</s>"}
    can_follow = sorted(model.words - {"<s>"})
    histories = [(), *((word,) for word in model.words - {"</s>"})]
    histories += [("<s>", "the"), ("the", "cat"), ("cat", "zebra"), ("zebra", "the")]
    for history in histories:
        total = sum(10 ** model.log10(history, word) for word in can_follow)
        assert total == pytest.approx(1, abs=1e-5), history
    assert model.rows[("zebra",)][0] == pytest.approx(model.rows[("<unk>",)][0])
    assert model.log10(("<s>", "the"), "cat") > model.log10(("<s>", "the"), "mat")
    assert sorted(words_of_model(out)) == sorted(expected)


def test_kenlm_which_warns_of_a_model_without_unknown_words_reads_it_without_a_word(
    manifest, tmp_path, capfd
):
    pytest.importorskip("ctc_beam_decoder", reason="needs the extra lm")
    out = tmp_path / "lm.arpa"
    main([str(manifest), "--out", str(out)])
    capfd.readouterr()
    PrefixSearch(["", " ", "a"], Fusion(out, tuple(words_of_model(out)), 1.0, 0.0, -10.0))
    assert capfd.readouterr().err == ""


def test_the_same_words_from_every_kind_of_file(tmp_path):
    arpa = MODELS / "words.arpa"
    zipped = tmp_path / "words.arpa.gz"
    zipped.write_bytes(gzip.compress(arpa.read_bytes()))
    assert words_of_model(arpa) == words_of_model(zipped) == ["a", "ab", "b"]
    assert sorted(words_of_model(MODELS / "words.kenlm")) == ["a", "ab", "b"]


def test_texts_from_csv_and_plain_files(tmp_path):
    table, plain = tmp_path / "a.csv", tmp_path / "a.txt"
    table.write_text('audio_filepath,text\na.wav,"one, two"\nb.wav,three\n')
    plain.write_text("one two\nthree\n")
    assert list(read_texts(table)) == ["one, two", "three"]
    assert list(map(str.strip, read_texts(plain))) == ["one two", "three"]


@pytest.mark.parametrize(
    ("name", "content"), [("a.csv", "text\none\n"), ("a.jsonl", '{"text": "one"}\n'), ("a", "one")]
)
def test_a_byte_order_mark_is_no_part_of_a_text(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8-sig")
    assert list(read_texts(tmp_path / name)) == ["one"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.jsonl", '{"audio_filepath": "a.wav"}\n', "KeyError: 'text'"),
        ("a.jsonl", "{\n", "JSONDecodeError"),
        ("a.csv", "audio_filepath\na.wav\n", "KeyError: 'text'"),
        ("a.csv", "audio,text\na.wav,one\nb.wav\n", "line 3 has None as text"),
        ("a.csv", 'audio,text\na.wav,"one\nb.wav,two\n', "unexpected end of data"),
        ("a.jsonl", '{"text": "one"}\n\n{"text": null}\n', "line 3 has None as text"),
        ("a.jsonl", '{"text": 7}\n', "line 1 has 7 as text"),
        ("a.jsonl", "[" * 200_000, "RecursionError"),
        ("absent.txt", None, "No such file"),
    ],
)
def test_a_bad_text_file_is_told(tmp_path, name, content, told):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=told):
        list(read_texts(tmp_path / name))


@pytest.mark.parametrize("sentences", [[], [[]], [["<s>", "a"]], [["a", "</s>", "b"]], [["<unk>"]]])
def test_no_words_or_reserved_ones_are_told(sentences):
    with pytest.raises(InputError, match="none of them <unk>"):
        estimate(sentences, 2)


def test_an_order_that_kenlm_cannot_read_is_refused(manifest, tmp_path, capsys):
    for order in ("1", "7"):
        with pytest.raises(SystemExit):
            main([str(manifest), "--order", order, "--out", str(tmp_path / "lm.arpa")])
        assert "wants 2 to 6" in capsys.readouterr().err


def test_a_lexicon_s_line_that_is_no_single_word_is_refused(manifest, tmp_path, capsys):
    lexicon, out = tmp_path / "words.txt", tmp_path / "lm.arpa"
    lexicon.write_text("Zebra\n\ntwenty-one\n...\n")
    with pytest.raises(SystemExit):
        main([str(manifest), "--out", str(out), "--words", str(lexicon)])
    assert "2 lines that are not: 'twenty-one' as 'twenty one', '...' as ''" in (
        capsys.readouterr().err
    )
    assert not out.exists()


def test_a_damaged_zipped_model_is_told(tmp_path):
    zipped = tmp_path / "words.arpa.gz"
    content = bytearray(gzip.compress((MODELS / "words.arpa").read_bytes()))
    content[10:40] = b"\xff" * 30
    zipped.write_bytes(content)
    with pytest.raises(InputError, match="language model"):
        words_of_model(zipped)


def test_sections_and_counts_of_the_file():
    words, orders = estimate([["a", "b"], ["b"]], 2)
    file = io.StringIO()
    write_arpa(file, words, orders)
    sections = [
        list(lines)
        for blank, lines in itertools.groupby(file.getvalue().splitlines(), lambda line: not line)
        if not blank
    ]
    assert sections[0] == ["\\data\\", "ngram 1=5", "ngram 2=4"]
    assert [section[0] for section in sections[1:]] == ["\\1-grams:", "\\2-grams:", "\\end\\"]
    assert [len(section) - 1 for section in sections[1:]] == [5, 4, 0]
    assert sections[1][2].startswith("-99\t<s>\t")
