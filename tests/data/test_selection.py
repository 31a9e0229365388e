"""What training leaves out, by reason and by name; nothing goes in silence."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from asr.data.manifest import Utterance
from asr.data.selection import Selection, alignable, normalised, select
from asr.text import BasicNormaliser, CharacterVocabulary, labels_and_repeats

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
        line("dense", "abcabcabcab"),  # eleven labels in ten frames
        line("repeats", "aaaaaa"),  # six labels and five repeats
        line("just", "abcabcabca"),  # ten labels in ten frames
    ]
    found = selection(*lines)
    assert [utterance.id for utterance in found.kept] == ["good", "just"]
    assert found.needed.tolist() == [3, 10]
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


def test_every_name_is_written_with_its_reason(tmp_path: Path) -> None:
    lines = [line(f"foreign-{index}", "z\u00e9") for index in range(9)]
    lines += [line("good", "a"), line("short", "a", 0.1), line("lone \ud800 surrogate", "")]
    found = selection(*lines)
    found.write_left_out(tmp_path / "left_out.jsonl")
    rows = [json.loads(row) for row in (tmp_path / "left_out.jsonl").read_text().splitlines()]
    reasons = {row["id"]: row["reason"] for row in rows}
    assert len(rows) == len(reasons)
    assert reasons.keys() == {each.id for each in lines} - {"good"}
    assert reasons["short"] == "shorter than 0.5 s"
    assert reasons["foreign-8"] == "outside the vocabulary: 'z' '\u00e9'"


def test_ctc_has_one_path_where_every_frame_is_needed() -> None:
    """What the rule says at its edge, by torch: a finite loss and gradient, and not beyond it."""
    labels = torch.tensor([[1, 1, 2, 3, 3]])
    needed = labels_and_repeats(labels[0].tolist())
    for frames, possible in ((needed - 1, False), (needed, True), (needed + 1, True)):
        scores = torch.randn(frames, 1, 4, generator=torch.Generator().manual_seed(0))
        scores.requires_grad_()
        loss = torch.nn.functional.ctc_loss(
            scores.log_softmax(-1), labels, torch.tensor([frames]), torch.tensor([5])
        )
        (gradient,) = torch.autograd.grad(loss, scores)
        assert bool(loss.isfinite()) is possible is alignable(needed, frames)
        assert bool(gradient.isfinite().all()) is possible


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
