"""Words that changed, and utterances side by side."""

from pathlib import Path

from asr.statistics.alignment import align
from asr.statistics.side_by_side import merge, worst
from asr.statistics.word_changes import DELETED, WordChange, turned_right, turned_wrong
from tests.statistics.systems import system

REFERENCES = ["the cat sat", "", "the cat ran", "the dog"]


def test_alignment_by_hand() -> None:
    assert align(["the cat sat", "", "a"], ["oh the hat", "b", ""]) == [
        [(None, "oh"), ("the", "the"), ("cat", "hat"), ("sat", None)],
        [(None, "b")],
        [("a", None)],
    ]
    assert align([], []) == []


def test_words_that_turned_wrong_and_right(tmp_path: Path) -> None:
    a = system(tmp_path, REFERENCES, ["the cat sat", "", "the cat ran", "a dog"])
    b = system(tmp_path, REFERENCES, ["the hat sat", "u", "the hat", "the dog"], group="b")
    assert turned_wrong(a, b) == [
        WordChange("cat", 2, 2.0, "hat"),
        WordChange("ran", 1, 1.0, DELETED),
    ]
    assert turned_right(a, b) == [WordChange("the", 3, 1.0, "a")]
    assert turned_wrong(a, a) == []


def test_seeds_count_by_their_share(tmp_path: Path) -> None:
    right, wrong = "the cat sat", "the bat sat"
    a = system(tmp_path, [right], [right], [wrong])
    b = system(tmp_path, [right], [wrong], [wrong], group="b")
    same = system(tmp_path, [right], [wrong], [right], group="c")
    assert turned_wrong(a, b) == [WordChange("cat", 1, 0.5, "bat")]
    assert turned_right(a, b) == []
    assert turned_wrong(a, same) == turned_right(a, same) == []


def test_two_alignments_share_the_rows_of_the_reference() -> None:
    (a,), (b,) = (align(["the cat sat"], [text]) for text in ("oh the cat", "so a the hat sat on"))
    assert merge(a, b) == [
        (None, "oh", "so"),
        (None, None, "a"),
        ("the", "the", "the"),
        ("cat", "cat", "hat"),
        ("sat", None, "sat"),
        (None, None, "on"),
    ]


def test_worst_utterances_in_both_orders(tmp_path: Path) -> None:
    a = system(tmp_path, REFERENCES, ["a cap sits", "", "the cat ran", "the dog"])
    b = system(tmp_path, REFERENCES, ["a cap sits", "", "the hat", "the hog"], group="b")
    assert [(one.id, one.errors_a, one.errors_b) for one in worst(a, b, 2, "errors")] == [
        ("0.wav", 3, 3),
        ("2.wav", 0, 2),
    ]
    assert [one.id for one in worst(a, b, 9, "change")] == ["2.wav", "3.wav"]
    assert worst(b, a, 9, "change") == []
