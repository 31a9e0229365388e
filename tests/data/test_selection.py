"""What training leaves out, by reason and by name; nothing goes in silence."""

import numpy as np
import pytest

from asr.data.manifest import Utterance
from asr.data.selection import Selection, normalised, select
from asr.text import BasicNormaliser, CharacterVocabulary

VOCABULARY = CharacterVocabulary("abc ")


def line(name: str, text: str, seconds: float = 1.0) -> Utterance:
    return Utterance(name, f"/audio/{name}", seconds, text)


def selection(*lines: Utterance, least: float = 0.5, most: float = 3.0) -> Selection:
    """Ten output frames a second."""
    return select(
        lines,
        VOCABULARY,
        lambda seconds: np.round(10 * seconds).astype(np.int64),
        min_seconds=least,
        max_seconds=most,
    )


def test_every_line_is_kept_or_named_once() -> None:
    lines = [
        line("good", "abc"),
        line("empty", ""),
        line("short", "a", 0.49),
        line("long", "a", 3.01),
        line("foreign", "ab\u00e9"),
        line("also foreign", "b\u00e9\u00e9"),
        line("other letter", "xa"),
        line("dense", "abcabcabca"),  # ten labels in ten frames: none to spare
        line("repeats", "aaaaaa"),  # six labels and five repeats
        line("just", "abcabcabc"),
    ]
    found = selection(*lines)
    assert [utterance.id for utterance in found.kept] == ["good", "just"]
    assert found.needed.tolist() == [3, 9]
    named = {reason: [each.id for each in left] for reason, left in found.left_out.items()}
    out = sorted(name for names in named.values() for name in names)
    assert out == sorted(each.id for each in lines if each not in found.kept)
    assert ["foreign", "also foreign"] in named.values()
    assert ["dense", "repeats"] in named.values()
    summary = found.summary()
    assert summary.startswith("2 of 10 utterances")
    for each in lines:
        assert (each.id in summary) == (each not in found.kept)
    assert "'\u00e9'" in summary


@pytest.mark.parametrize("seconds", [0.5, 3.0])
def test_the_bounds_belong_to_the_range(seconds: float) -> None:
    assert len(selection(line("edge", "a", seconds)).kept) == 1


def test_a_summary_names_a_few_of_many() -> None:
    lines = [line(f"foreign-{index}", "z") for index in range(9)] + [line("good", "a")]
    summary = selection(*lines).summary(examples=2)
    assert "left out 9" in summary
    assert "foreign-1, ..." in summary
    assert "foreign-2" not in summary


def test_one_reason_a_line_though_it_has_several() -> None:
    found = selection(line("all wrong", "zzzz" * 20, 0.1))
    assert [len(left) for left in found.left_out.values()] == [1]


def test_texts_are_normalised_and_nothing_else_changes() -> None:
    lines = [line("a", "Abc, ABC!"), line("b", "abc")]
    first, second = normalised(lines, BasicNormaliser("en"))
    assert (first.text, first.id, first.seconds) == ("abc abc", "a", 1.0)
    assert second is lines[1]
