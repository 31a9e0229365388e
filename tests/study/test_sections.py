"""Numbers of the study's tables, against counts worked out by hand."""

import json
import math
import re
import shutil

import numpy as np
import pytest
import yaml

from asr.errors import InputError
from asr.statistics.bootstrap import Interval
from asr.statistics.comparison import compare, holm
from asr.statistics.contrast import Contrast
from asr.statistics.subgroups import by_speaker, by_speaking_rate
from asr.study import (
    answers,
    best,
    block_size,
    choice,
    corpus,
    equal_width,
    front,
    gain,
    language_model,
    larger,
    longer,
    method,
    payers,
    targets,
    tuning,
    zeros,
)
from asr.study.plan import DEEP
from asr.study.wording import p_value
from tests.study.material import REFERENCES, damaged, material, write_kept

CHARACTERS = sum(map(len, REFERENCES))  # 416, spaces included
CHEAP = {"corpus": "synthetic", "experiment": "study_method", "baseline_key": "d"}


def cells(text, first):
    """The cells of the row that begins so."""
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {first}")]
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.fixture
def grid(tmp_path):
    for seed, errors in ((1, 10), (2, 12), (3, 14)):
        write_kept(tmp_path, "dense", damaged(errors), seed=seed)
    write_kept(tmp_path, "sparse80", damaged(12), zeros=0.8)
    write_kept(tmp_path, "sparse90", damaged(40), zeros=0.9)
    write_kept(tmp_path, "sparse90small", damaged(20), zeros=0.9, block="4x4")
    write_kept(tmp_path, "dense26", damaged(39), hidden=26)
    return tmp_path


def test_equal_width_has_each_rate_and_the_margin_s_verdict(grid):
    text = equal_width.section(material(grid)).text
    dense = cells(text, "dense, 3 seeds")
    assert dense[2].startswith(f"{100 * 12 / CHARACTERS:.1f} (")
    assert dense[3] == ", ".join(f"{100 * n / CHARACTERS:.1f}" for n in (10, 12, 14))
    eighty, ninety = cells(text, "80 % in 16x16"), cells(text, "90 % in 16x16")
    assert eighty[5].startswith("+0.0 %")  # 12 errors beside a mean of 12
    assert ninety[5].startswith(f"+{100 * (40 / 12 - 1):.1f} %")
    assert ninety[-1] == "refuted"
    assert "4x4" not in text
    said = text.splitlines()[0]
    rate, gap = 100 * 40 / CHARACTERS, 100 * (40 / 12 - 1)
    assert f"; {rate:.1f} % at 90 % zeros, +{gap:.1f} % (" in said
    assert ", 1 seed. Within 5 % of it: shown for 0 of 2, refuted for 1." in said


def test_a_dense_parent_counts_wherever_it_was_trained(grid):
    write_kept(grid, "dense", damaged(10), seed=1, experiment="study_tuning")
    write_kept(grid / "twice", "dense", damaged(10), seed=1)
    assert "| dense, 3 seeds |" in equal_width.section(material(grid)).text


def test_a_run_that_was_kept_for_two_experiments_counts_for_both(grid):
    alone = larger.section(material(grid)).text
    for group, errors, what in (("sparse90", 40, {"zeros": 0.9}), ("dense26", 39, {"hidden": 26})):
        write_kept(grid / "twice", group, damaged(errors), experiment="study_tuning", **what)
    assert larger.section(material(grid)).text == alone
    assert {"study", "study_tuning"} in [one.experiments for one in material(grid).settings]


def test_two_trainings_of_one_run_that_differ_are_refused(grid):
    write_kept(grid / "twice", "dense", damaged(11), seed=1)
    with pytest.raises(InputError, match="expected one training of a run key"):
        equal_width.section(material(grid))


def test_another_recipe_at_the_same_width_is_refused(grid):
    write_kept(grid, "other", damaged(10), zeros=0.9, baseline_key="other-dense")
    with pytest.raises(InputError, match="expected the recipe of"):
        equal_width.section(material(grid))


def test_other_ways_of_pruning_stay_with_the_question_of_the_method(grid):
    together = {"select": {"gates": "together", "keep_diagonal": False}}
    write_kept(grid, "together", damaged(15), zeros=0.9, pruning=together)
    assert "| 90 % in 16x16, 1 seed |" in equal_width.section(material(grid)).text
    assert "gates together" in zeros.section(material(grid)).text
    assert payers.section(material(grid)).text


def test_a_second_dense_setting_is_no_silent_choice(grid):
    write_kept(grid, "dense-again", damaged(3))
    with pytest.raises(InputError, match="expected one setting"):
        equal_width.section(material(grid))


def test_longer_training_is_compared_by_what_zeros_cost_in_either(tmp_path):
    short = {"experiment": "study_deep", "baseline_key": "short", "hidden": 224, "layers": 3}
    long = {**short, "experiment": "study_long", "baseline_key": "long"}
    for seed, errors in ((1, 10), (2, 14)):
        write_kept(tmp_path, "short", damaged(errors), seed=seed, **short)
    write_kept(tmp_path, "short90", damaged(40), zeros=0.9, **short)
    write_kept(tmp_path, "long", damaged(8), **long)
    by_depth = material(tmp_path).by(DEEP)
    assert "`python train.py +experiment=study_28_epochs" in longer.section(by_depth).text
    assert longer.answer(by_depth) == ""
    write_kept(tmp_path, "long90", damaged(10), zeros=0.9, **long)
    by_depth = material(tmp_path).by(DEEP)
    said = longer.section(by_depth).text
    # 12 errors by two seeds become 8, 40 become 10: from 233 % more to 25 % more.
    assert f"the dense model has {100 * 8 / CHARACTERS:.1f} % instead of" in said
    assert "(-33.3 % (" in said
    assert "(-75.0 % (" in said
    assert ", at least 1 seed of the longer training. Zeros cost +25.0 % (" in said
    assert ") instead of +233.3 % (" in said
    assert ") of the CER, -208.3 (" in said
    assert said.count(" points (told apart)") == 2  # in characters and in words
    assert "over all 2 changes" in said
    at_front = front.longer(by_depth).text.splitlines()[2:]
    assert [row.split(" | ")[0] for row in at_front] == [
        "| 224 units, dense, 1 seed",
        "| 224 units, 90 % zeros, 1 seed",
    ]
    assert " | +25.0 % (" in at_front[1]
    assert at_front[1].endswith(
        " | `python train.py +experiment=study_long sparsity=gradual_block` |"
    )
    short_answer, in_words = longer.answer(by_depth).splitlines()
    assert re.fullmatch(r"Of the WER 90 % zeros cost .* \(1 seed, told apart\)\.", in_words)
    before, after = r"\+233.3 % \([^)]*\)", r"\+25.0 % \([^)]*\)"
    assert re.fullmatch(
        rf"Of the CER 90 % zeros cost {before} by 4 epochs \(1 seed\); trained longer {after} by "
        r"4 epochs \(1 seed, told apart\)\.",
        short_answer,
    )
    assert f"- {short_answer}\n" in answers.SECTIONS["answer-equal-width"](by_depth).text
    assert longer.answer(material(tmp_path)) == ""  # the models of two layers are others
    assert "with a language model" not in said
    search = {"decoder": "beam-64", "language_model": "lm.arpa"}
    for group, errors, which in (("short", 8, short), ("long", 5, long)):
        write_kept(tmp_path, group, damaged(errors), **search, **which)
        write_kept(tmp_path, f"{group}90", damaged(2 * errors), zeros=0.9, **search, **which)
    by_depth = material(tmp_path).by(DEEP)
    said = longer.section(by_depth).text
    rows = said.splitlines()[-2:]
    assert all("| with a language model |" in row for row in rows)
    assert all(row.count("| +100.0 % (") == 2 for row in rows)  # of the CER and of the WER
    # By it zeros double the errors of either: a cost that is no other.
    unchanged = r"of the WER with a language model, \+0.0 \([^)]*\) points \(not told apart\)"
    assert re.search(unchanged, said)
    assert "over all 4 changes" in said
    assert "\nOf the WER with a language model 90 % zeros cost +100.0 % (" in longer.answer(
        by_depth
    )
    assert longer.answer(by_depth).endswith(" by 4 epochs (1 seed, not told apart).")


def test_each_longer_training_is_told_by_what_it_changes_besides(tmp_path):
    short = {"experiment": "study_deep", "baseline_key": "short", "hidden": 224, "layers": 3}
    alike = {**short, "experiment": "study_28_epochs", "baseline_key": "alike", "epochs": 8}
    other = {**alike, "experiment": "study_long", "baseline_key": "other", "dropout": 0.5}
    for group, errors, which in (("short", 10, short), ("alike", 8, alike), ("other", 6, other)):
        write_kept(tmp_path, group, damaged(errors), **which)
        write_kept(tmp_path, f"{group}90", damaged(2 * errors), zeros=0.9, **which)
    text = longer.section(material(tmp_path).by(DEEP)).text
    assert "Trained for 8 epochs instead of 4 (all else alike), the dense model has" in text
    assert "instead of 4 (and other `model.dropout`), the dense model has" in text
    between = (
        r"- Beside the dense model of 8 epochs the one of 8 epochs, other `model.dropout` has "
        r"-25.0 % \([^)]*\) of the CER"
    )
    assert re.search(f"{between}; at least 1 seed each\\.\n", text)
    search = {"decoder": "beam-64", "language_model": "lm.arpa"}
    for group, errors, which in (("alike", 4, alike), ("other", 6, other)):
        write_kept(tmp_path, group, damaged(errors), **search, **which)
        write_kept(tmp_path, f"{group}90", damaged(9), zeros=0.9, **search, **which)
    write_kept(tmp_path, "short", damaged(9), **search, **short)
    write_kept(tmp_path, "short90", damaged(9), zeros=0.9, **search, **short)
    by_search = longer.section(material(tmp_path).by(DEEP)).text
    words = r", \+50.0 % \([^)]*\) of the WER with a language model; at least 1 seed each"
    assert re.search(between + words, by_search)
    assert [line.split(" | ")[0] for line in text.splitlines()[-3:]] == [
        "| 4, 1 seed", "| 8, 1 seed", "| 8, 1 seed, other `model.dropout`",
    ]  # fmt: skip


def test_a_longer_training_of_other_frames_says_how_long_and_for_how_many_epochs(tmp_path):
    short = {"experiment": "study_deep", "baseline_key": "short", "hidden": 224, "layers": 3}
    long = {**short, "experiment": "study_long", "baseline_key": "long", "epochs": 8}
    finer = {**short, "experiment": "study_frames", "baseline_key": "finer", "epochs": 6}
    for group, errors, which in (("short", 10, short), ("long", 8, long), ("finer", 6, finer)):
        frame = 3 if group == "finer" else 4
        write_kept(tmp_path, group, damaged(errors), frame=frame, **which)
        write_kept(tmp_path, f"{group}90", damaged(2 * errors), zeros=0.9, frame=frame, **which)
    text = longer.section(material(tmp_path).by(DEEP)).text
    assert "Trained for 6 epochs instead of 4 (and frames of 30 ms), the dense" in text
    beside = "Beside the dense model of 8 epochs the one of 6 epochs, frames of 30 ms has -25.0"
    assert beside in text
    row = cells(text, "6, 1 seed, frames of 30 ms | greedy")
    assert row[7] == row[10] == "+100.0"  # seed 1 beside itself
    write_kept(tmp_path, "finer", damaged(4), frame=3, seed=2, **finer)
    write_kept(tmp_path, "finer90", damaged(6), zeros=0.9, frame=3, seed=2, **finer)
    text = longer.section(material(tmp_path).by(DEEP)).text
    assert cells(text, "6, 2 seeds, frames of 30 ms | greedy")[7] == "+100.0, +50.0"


def test_other_changes_of_the_front_end_are_named_by_their_setting(tmp_path):
    def write(group, errors, zeros, config):
        out = write_kept(tmp_path, group, damaged(errors), zeros=zeros, **config)
        if config["experiment"] == "study_long":
            text = (out / "config.yaml").read_text().replace("- 2\n    - 1", "- 1\n    - 1")
            (out / "config.yaml").write_text(text)

    short = {"experiment": "study_deep", "baseline_key": "short", "hidden": 224, "layers": 3}
    long = {**short, "experiment": "study_long", "baseline_key": "long", "epochs": 8}
    for group, config in (("short", short), ("long", long)):
        write(group, 10, 0.0, config)
        write(f"{group}90", 20, 0.9, config)
    text = longer.section(material(tmp_path).by(DEEP)).text
    assert "(and other `model.convolutions`), the dense" in text  # frames are as long as before


def test_a_width_of_another_recipe_is_refused(grid):
    write_kept(grid, "dense128", damaged(14), hidden=128, dropout=0.3)
    with pytest.raises(InputError, match=r"but for its width, got model\.dropout=0\.3"):
        larger.section(material(grid))


def test_costs_of_longer_trainings_are_of_their_own_unit_and_recipe(tmp_path):
    """Sparse readings with two wrong letters in a word: errors of characters, but not of words."""
    short = {"experiment": "study_deep", "baseline_key": "short", "hidden": 224, "layers": 3}
    alike = {**short, "experiment": "study_28_epochs", "baseline_key": "alike", "epochs": 8}
    other = {**alike, "experiment": "study_long", "baseline_key": "other", "dropout": 0.5}
    search = {"decoder": "beam-64", "language_model": "lm.arpa"}
    twice = ["##" + one[2:] for one in damaged(0)]
    for group, which in (("short", short), ("alike", alike), ("other", other)):
        write_kept(tmp_path, group, damaged(20), **which)
        sparse = twice if group == "other" else damaged(40)
        write_kept(tmp_path, f"{group}90", sparse, **which, zeros=0.9)
    for group, which in (("short", short), ("other", other)):  # one recipe was not searched
        write_kept(tmp_path, group, damaged(20), **which, **search)
        write_kept(tmp_path, f"{group}90", damaged(30), **which, zeros=0.9, **search)
    lines = longer.section(material(tmp_path).by(DEEP)).text.splitlines()
    of_alike, of_other = (line for line in lines if line.startswith("- Trained"))
    assert "over all 6 changes" in "".join(lines)
    costs = re.compile(r"(\+[\d.]+ %) \([^)]*\) instead of (\+[\d.]+ %) \([^)]*\) of the ([CW]ER)")
    assert costs.findall(of_alike) == [("+100.0 %", "+100.0 %", unit) for unit in ("CER", "WER")]
    assert costs.findall(of_other) == [
        ("+300.0 %", "+100.0 %", "CER"), ("+100.0 %", "+100.0 %", "WER"),
        ("+50.0 %", "+50.0 %", "CER"), ("+50.0 %", "+50.0 %", "WER"),
    ]  # fmt: skip
    assert "with a language model" not in of_alike
    said = longer.answer(material(tmp_path).by(DEEP))
    assert said.count("with a language model") == 1


def test_changes_of_a_cost_are_told_apart_by_holm(tmp_path, monkeypatch):
    short = {"experiment": "study_deep", "baseline_key": "short", "hidden": 224, "layers": 3}
    long = {**short, "experiment": "study_28_epochs", "baseline_key": "long", "epochs": 8}
    for group, errors, which in (("short", 36, short), ("long", 20, long)):
        write_kept(tmp_path, group, damaged(18), **which)
        write_kept(tmp_path, f"{group}90", damaged(errors), zeros=0.9, **which)
    monkeypatch.setattr(longer, "contrast", contrast_of_p(0.03))
    assert "(not told apart)" in longer.section(material(tmp_path).by(DEEP)).text  # of two: 0.06
    monkeypatch.setattr(longer, "contrast", contrast_of_p(0.02))
    assert "(told apart)" in longer.section(material(tmp_path).by(DEEP)).text
    monkeypatch.setattr(longer, "contrast", contrast_of_p(math.nan))
    assert "(not compared)" in longer.section(material(tmp_path).by(DEEP)).text


def contrast_of_p(p):
    """A comparison of two costs that found that p."""
    return lambda part, rest: Contrast(Interval(0.1, 0.0, 0.2), p)


def test_questions_are_answered_by_three_layers_once_those_are_trained(grid):
    deep = {"experiment": "study_deep", "baseline_key": "deep", "hidden": 224, "layers": 3}
    untrained = equal_width.section(material(grid).by(DEEP)).text
    assert "`python train.py +experiment=study_deep sparsity=gradual_block`" in untrained
    assert equal_width.answer(material(grid).by(DEEP)) == ""
    write_kept(grid, "deep", damaged(8), **deep)
    write_kept(grid, "deep90", damaged(20), zeros=0.9, **deep)
    by_depth = material(grid).by(DEEP)
    text = equal_width.section(by_depth).text
    assert cells(text, "90 % in 16x16")[5].startswith("+150.0 %")  # 20 errors beside 8
    assert "3 seeds" not in text
    assert f"becomes {100 * 20 / CHARACTERS:.1f} % at 90 % zeros" in equal_width.answer(by_depth)
    assert block_size.answer(by_depth) == ""  # one block is no comparison
    # The narrower dense models are still those of two layers.
    write_kept(grid, "dense128", damaged(14), hidden=128)
    write_kept(grid, "sparse95", damaged(20), zeros=0.95)
    text = targets.section(material(grid).by(DEEP)).text
    assert re.search(
        r"\| 2 times .* \| 256 units, 95 % zeros beside 128 units, dense \(not the .*\), 2 layers:",
        text,
    )
    assert re.search(r"\| 90 % in 16x16: CER within 5 % .* \| 3 layers: \+150.0 % ", text)


def test_block_sizes_go_from_small_to_large(grid):
    text = block_size.section(material(grid)).text
    rows = re.findall(r"^\| (\w+)[ ,]", text, re.MULTILINE)
    assert rows == ["block", "dense", "4x4", "16x16"]
    of_small, of_usual = (100 * (errors / 12 - 1) for errors in (20, 40))
    cost = "What 90 % zeros cost of the dense model's CER: "
    assert text.startswith(f"{cost}4x4 +{of_small:.1f} % (")
    assert f"), 16x16 +{of_usual:.1f} % (" in text
    assert "); at least 1 seed each. Beside 16x16, 1 seed: 4x4 -50.0 % (" in text
    write_kept(grid, "sparse90one", damaged(19), zeros=0.9, block="1x1")
    write_kept(grid, "sparse90large", damaged(38), zeros=0.9, block="32x32")
    # 19, 20 and 38 errors beside 40.
    beside = (
        r"Beside 16x16, 1 seed: single weights -52.5 % \([^)]*\), 4x4 -50.0 % \([^)]*\), "
        r"32x32 -5.0 % \([^)]*\) \(not told apart\); p by"
    )
    assert re.search(beside, block_size.section(material(grid)).text)
    assert block_size.answer(material(grid)).startswith(
        f"{cost}single weights +{100 * (19 / 12 - 1):.1f} % ("
    )


def test_larger_pairs_equal_weights_parents_and_narrower_ones(grid):
    text = larger.section(material(grid)).text
    # 1,200 weights a unit and 1,000 others: 31,720 are left of 256 units, 26 dense have 32,200.
    assert cells(text, "256 units, 90 % zeros, 1 seed")[1:3] == ["31,720", "30,720"]
    pairs = [line.split("|") for line in text.splitlines() if re.match(r"\|.* times ", line)]
    kinds = {(one[1].strip(), one[2].strip(), one[3].strip()) for one in pairs}
    assert ("256 units, 90 % zeros", "as many weights, 26 units, dense", "0.98 times") in kinds
    assert ("256 units, 90 % zeros", "its dense parent, 256 units, dense", "0.10 times") in kinds
    assert ("256 units, 80 % zeros", "its dense parent, 256 units, dense", "0.20 times") in kinds
    assert len(kinds) == 3
    write_kept(grid, "dense128", damaged(14), hidden=128)
    text = larger.section(material(grid)).text
    assert cells(text, "256 units, 80 % zeros | half as wide")[2] == "0.40 times"
    twice = next(line for line in text.splitlines() if line.startswith("- **Twice as wide"))
    # 12 and 40 errors beside 14.
    assert "256 units, 80 % zeros beside 128 units, dense -14.3 % (" in twice
    assert "256 units, 90 % zeros beside 128 units, dense +185.7 % (" in twice
    assert text.startswith(
        "A sparse model is shown to err at most as much as the dense one beside it in 0 of 5 pairs."
    )
    # 40 errors beside the 39 of 26 units.
    as_many = (
        "Beside a dense model of as many weights (26 units, dense) 256 units, 90 % zeros, has "
    )
    assert larger.answer(material(grid)).startswith(f"{as_many}+2.6 % (")
    searched = {"decoder": "beam-1", "language_model": "lm.arpa"}
    for group, errors, options in (
        ("dense", 12, {}),
        ("dense128", 40, {"hidden": 128}),
        ("sparse80", 2, {"zeros": 0.8}),
    ):
        write_kept(grid, group, damaged(errors), **options, **searched)
    assert larger.section(material(grid)).text.startswith(
        "A sparse model is shown to err at most as much as the dense one beside it in 0 of 5 "
        "pairs. By the CER with a language model: in 2 of 2 pairs (256 units, 80 % zeros beside "
        "128 units, dense; 256 units, 80 % zeros beside 256 units, dense).\n"
    )
    write_kept(grid, "small90", damaged(21), zeros=0.9, hidden=128, baseline_key="dense128")
    assert re.search(
        r"\nBeside 128 units, dense, 90 % zeros cost \+50.0 % \([^)]*\) of the CER at its own "
        r"width, \+185.7 % \([^)]*\) 2 times as wide.$",
        larger.answer(material(grid)),
    )
    shutil.rmtree(grid / "small90-1")
    write_kept(grid, "dense127", damaged(40), hidden=127)
    write_kept(grid, "sparse80many", damaged(2), zeros=0.8, hidden=254, baseline_key="dense254")
    write_kept(grid, "dense254", damaged(40), hidden=254)
    less = "256 units, 90 % zeros, to 128 units, 80 % zeros, which has as many weights: CER +"
    assert less not in larger.answer(material(grid))
    write_kept(grid, "less", damaged(32), zeros=0.8, hidden=128, baseline_key="dense128")
    for told in (larger.answer, lambda of: larger.section(of).text):
        assert f"{less}25.0 % (" in told(material(grid))  # 40 errors beside 32
    shutil.rmtree(grid / "less-1")
    better = "254 units, 80 % zeros beside 127 units, dense"
    assert better in larger.section(material(grid)).text.splitlines()[0]
    for added in ("dense127-1", "sparse80many-1", "dense254-1"):
        shutil.rmtree(grid / added)
    text = larger.section(material(grid)).text
    printed = [line.split("|")[5].strip() for line in text.splitlines() if " times |" in line]
    raw = [compare(*pair, unit="characters").p for pair in systems_of(grid)]
    assert sorted(printed) == sorted(p_value(p) for p in holm(raw))


def test_language_model_has_words_first_beside_those_without(grid):
    assert "No pair of models" in language_model.section(material(grid)).text
    searched = {"decoder": "beam-1", "language_model": "lm.arpa"}
    for seed, errors in ((1, 6), (2, 10)):
        write_kept(grid, "dense", damaged(errors), seed=seed, **searched)
    write_kept(grid, "sparse90", damaged(10), zeros=0.9, **searched)
    with pytest.raises(InputError, match=r"expected 2 seeds scored by greedy decoding too.*got 3"):
        language_model.section(material(grid))
    write_kept(grid, "dense", damaged(8), seed=3, **searched)
    text = language_model.section(material(grid)).text
    words = sum(len(one.split()) for one in REFERENCES)
    dense, sparse = cells(text, "256 units, dense, 3 seeds"), cells(text, "256 units, 90 % zeros")
    assert dense[1].startswith(f"{100 * 8 / words:.1f} (")
    assert dense[3].startswith(f"{100 * 12 / words:.1f} (")
    assert dense[7].startswith(f"{100 * 12 / CHARACTERS:.1f} (")
    assert sparse[1].startswith(f"{100 * 10 / words:.1f} (")
    assert [sparse[i].split(" (")[0] for i in (4, 8)] == ["+25.0 %", "+25.0 %"]
    assert dense[2] == ", ".join(f"{100 * n / words:.1f}" for n in (6, 10, 8))
    assert "- **256 units, 90 % zeros** (1 seed) beside 256 units, dense (3 seeds): WER +25" in text
    said = text.splitlines()[0]
    assert said.startswith("With a language model 256 units, 90 % zeros, costs +25.0 % (")
    assert re.search(r"; without, \+233.3 % \([^)]*\) of the WER and \+233.3 % \(", said)
    assert said.endswith("leave out: greedily 0.0 and 0.0 %; with a language model 0.0 and 0.0 %.")
    shorter = [one.split(" ", 1)[1] if i < 12 else one for i, one in enumerate(REFERENCES)]
    write_kept(grid, "sparse90", shorter, zeros=0.9, **searched)
    said = language_model.section(material(grid)).text.splitlines()[0]
    assert said.endswith("; with a language model 0.0 and 10.0 %.")  # 12 of 120 words
    write_kept(grid, "sparse90", damaged(10), zeros=0.9, **searched)
    left = "26 units, dense; 256 units, 80 % zeros; 256 units, 90 % zeros in 4x4"
    assert f"\nNot scored with it: {left}.\n" in text
    write_kept(grid, "dense26", damaged(20), hidden=26, **searched)
    text = language_model.section(material(grid)).text
    assert "beside 26 units, dense (as many weights, 1 seed): WER -50.0 % (" in text
    assert cells(equal_width.section(material(grid)).text, "dense, 3 seeds")  # as before


def test_several_decoders_are_no_comparison(grid):
    write_kept(grid, "dense", damaged(6), decoder="beam-1", language_model="lm.arpa")
    write_kept(grid, "sparse90", damaged(9), zeros=0.9, decoder="beam-2", language_model="lm.arpa")
    with pytest.raises(InputError, match=r"expected one decoder.* beam-1 with lm.arpa; beam-2"):
        language_model.section(material(grid))


def systems_of(grid):
    """The pairs of the table of question 4."""
    found = {one.group_key: one.system for one in material(grid).settings}
    names = [("dense", "sparse80"), ("dense", "sparse90"), ("dense26", "sparse90")]
    names += [("dense128", "sparse80"), ("dense128", "sparse90")]
    return [(found[a], found[b]) for a, b in names]


def test_methods_beside_each_other_only_where_they_are_equally_sparse(tmp_path):
    write_kept(tmp_path, "d", damaged(4), **CHEAP)
    write_kept(tmp_path, "g", damaged(10), zeros=0.9, **CHEAP)
    write_kept(tmp_path, "m", damaged(8), zeros=0.91, pruning={"score": "max"}, **CHEAP)
    write_kept(tmp_path, "b", damaged(2), zeros=0.93, method="block_pruning", **CHEAP)
    text = method.section(material(tmp_path)).text
    order = re.findall(r"^\| (gradual, score \w+|dense)", text, re.MULTILINE)
    assert order == ["gradual, score l2", "dense", "gradual, score max"]
    assert cells(text, "gradual, score max")[8].startswith("-20.0 % (")  # 8 errors beside 10
    assert "they landed elsewhere: blocks by a threshold (BP)" in text
    assert "no second method" in text
    assert "On synthetic speech, in 16x16 blocks and by the test split, gradual, score max" in text
    assert "its CER is -20.0 % (" in text  # 8 errors beside 10
    assert "relative to the next, gradual, score l2, on the test split" in text
    assert "which does not tell the two apart" in text


def test_trainings_of_one_method_show_what_chance_does(grid):
    own = {
        experiment: {**CHEAP, "experiment": experiment, "baseline_key": f"d{experiment}"}
        for experiment in ("study_method", "study_lasso")
    }
    for (experiment, options), count in zip(own.items(), (10, 12), strict=True):
        write_kept(grid, f"d{experiment}", damaged(4), **options)
        write_kept(grid, f"g{experiment}", damaged(count), zeros=0.9, **options)
    rates = [f"{100 * count / CHARACTERS:.1f}" for count in (10, 12, 20)]
    chance = "CER of one method by other seeds or in the other precision: gradual, score l2 "
    text = method.section(material(grid)).text
    assert f"{chance}{rates[0]} to {rates[1]} % (2 trainings). An interval is" in text
    write_kept(grid, "gstudy_method", damaged(20), seed=2, zeros=0.9, **own["study_method"])
    text = method.section(material(grid)).text
    assert f"{chance}{rates[0]} to {rates[2]} % (3 trainings). An interval is" in text


def test_methods_on_real_speech(grid):
    write_kept(grid, "d", damaged(4), **CHEAP)
    write_kept(grid, "g", damaged(10), zeros=0.9, **CHEAP)
    write_kept(grid, "grown", damaged(15), zeros=0.9, method="gradual_regrow")
    _, text = method.section(material(grid)).text.split(
        "On real speech, by two layers, in 16x16 blocks"
    )
    assert text.startswith(" and by the test split, gradual, regrown, score l2 comes first; ")
    assert "its CER is -62.5 % (" in text  # 15 errors beside 40
    text, finer = text.split("On real speech, by three layers and frames of 30 ms")
    assert finer.startswith(" there is no second method yet")
    assert cells(text, "gradual, regrown")[8].startswith("-62.5 % (")
    assert cells(text, "dense")[8].startswith("-70.0 % (")  # a mean of 12
    own = {"experiment": "study_frames", "baseline_key": "finer", "hidden": 224}
    write_kept(grid, "finer", damaged(8), **own)
    write_kept(grid, "usual", damaged(16), zeros=0.9, **own)
    sooner = {"end": 0.4}
    write_kept(grid, "sooner", damaged(20), zeros=0.9, pruning=sooner, **own)
    _, finer = method.section(material(grid)).text.split("three layers and frames of 30 ms, in")
    assert cells(finer, "gradual, score l2, masks final at 40 %")[8].startswith("+25.0 % (")
    assert "masks final at 40 % +25.0 % (" in method.answer(material(grid))


def test_group_lasso_by_either_step_is_compared_within_its_own_experiment(grid):
    write_kept(grid, "d", damaged(4), **CHEAP)
    write_kept(grid, "g", damaged(10), zeros=0.9, **CHEAP)
    own = {**CHEAP, "experiment": "study_lasso", "baseline_key": "d32"}
    write_kept(grid, "d32", damaged(5), **own)
    write_kept(grid, "g32", damaged(8), zeros=0.9, **own)
    for step, count in (("proximal", 20), ("gradient", 16)):
        lasso = {"method": "group_lasso", "pruning": {"penalty": {"step": step, "strength": 4.0}}}
        empty = step == "gradient"
        write_kept(grid, step, damaged(count), zeros=0.9, collapsed=empty, **lasso, **own)
    before, text = method.section(material(grid)).text.split("On synthetic speech in 32-true")
    assert "group lasso" not in before
    text, _ = text.split("On real speech, by two layers there is no second method yet")
    assert "gradual, score l2 comes first" in text
    order = re.findall(r"^\| (gradual[^|]*|dense|group lasso[^|]*), 1 seed", text, re.MULTILINE)
    lasso = "group lasso alone (GL), score l2"
    others = [
        f"{lasso}, sub-gradient of strength 4, collapsed",
        f"{lasso}, proximal of strength 4",
    ]
    assert order == ["gradual, score l2", "dense", *others]
    assert cells(text, f"{lasso}, sub-gradient")[8].startswith("+100.0 % (")  # 16 beside 8
    assert "relative to proximal ones: CER -20.0 % (" in text  # 16 beside 20
    section = zeros.section(material(grid)).text
    assert f"{lasso}, proximal of strength 4, 16x16, synthetic speech in 32-true" in section


def write_two_methods(folder, test, validation):
    """A dense run, and gradual pruning by two scores, each with its errors on both splits."""
    write_kept(folder, "d", damaged(4), **CHEAP)
    for group, score, *errors in zip("gm", ("l2", "max"), validation, test, strict=True):
        for split, count in zip(("validation", "test"), errors, strict=True):
            pruning = {"score": score}
            write_kept(
                folder, group, damaged(count), zeros=0.9, split=split, pruning=pruning, **CHEAP
            )


def test_the_question_of_the_method_is_answered_by_its_table(tmp_path):
    write_kept(tmp_path, "dense", damaged(12))
    write_kept(tmp_path, "sparse90", damaged(20), zeros=0.9)
    write_kept(tmp_path, "grown", damaged(13), zeros=0.9, method="gradual_regrow")
    for block, errors in zip(("1x1", "4x4", "12x2", "8x8", "32x32"), range(15, 20), strict=True):
        write_kept(tmp_path, block, damaged(errors), zeros=0.9, block=block)
    # Other sizes of blocks are no methods: p of 0.01 is adjusted for the dense model beside it.
    told = method.answer(material(tmp_path))
    lower = "Real speech, two layers, CER at 90 % in 16x16 to that of gradual pruning: lower: "
    assert told.startswith(f"{lower}gradual, regrown, score l2 -35.0 % (")
    assert told.endswith("); at least 1 seed each.")
    # Nothing is said of a method beside gradual pruning where that is not there.
    write_kept(tmp_path / "cheap", "d", damaged(4), **CHEAP)
    threshold = {"method": "block_pruning", "zeros": 0.9, **CHEAP}
    write_kept(tmp_path / "cheap", "b", damaged(20), **threshold)
    assert method.answer(material(tmp_path)) == told


def test_methods_are_ordered_by_validation(tmp_path):
    write_two_methods(tmp_path, test=(10, 8), validation=(9, 11))
    text = method.section(material(tmp_path)).text
    order = re.findall(r"^\| (gradual, score \w+|dense)", text, re.MULTILINE)
    assert order == ["gradual, score l2", "dense", "gradual, score max"]
    assert cells(text, "gradual, score l2")[4] == f"{100 * 9 / CHARACTERS:.1f}"
    assert (
        "gradual, score l2 comes first; the CER of the next, gradual, score max, is -20.0" in text
    )
    assert "is the lower one" not in text
    mean = {"zeros": 0.9, "pruning": {"score": "mean"}, **CHEAP}
    write_kept(tmp_path, "mean", damaged(12), **mean)  # without a validation rate: none counts
    text = method.section(material(tmp_path)).text
    assert "by the test split, gradual, score max comes first" in text


def test_a_method_chosen_by_validation_may_be_shown_to_be_worse(tmp_path):
    write_two_methods(tmp_path, test=(30, 8), validation=(9, 11))
    assert "where the next is the lower one" in method.section(material(tmp_path)).text


def test_where_zeros_go_where_a_method_is_free_to_choose(grid):
    even = zeros.section(material(grid))
    assert cells(even.text, "gradual, score l2, 16x16, real speech")[1] == "0 of 3,072"
    assert not even.figures
    lasso = {"penalty": {"step": "proximal", "strength": 0.5}}
    out = write_kept(grid, "free", damaged(15), zeros=0.9, method="group_lasso", pruning=lasso)
    weights = json.loads((out / "weights.json").read_text())
    parts = [
        {"layer": f"layer {layer}", "direction": "forwards", "matrix": matrix, "gate": gate}
        | {"weights": 100, "zeros": n, "dead_rows": layer}
        for layer, matrix, gate, n in (
            (1, "input", "new", 100),
            (1, "input", "reset", 90),
            (2, "recurrent", "new", 94),
            (2, "recurrent", "reset", 76),
        )
    ]
    (out / "weights.json").write_text(json.dumps(weights | {"zeros": parts}))
    drawn = zeros.section(material(grid))
    told = "group lasso alone (GL), score l2, proximal of strength 0.5, 16x16, real speech"
    assert f"- **{told}**: new gate 97.0 %, reset gate 83.0 %.\n" in drawn.text
    shares = ["95.0", "85.0", "95.0", "85.0", "97.0", "83.0"]
    assert cells(drawn.text, told) == [told, *shares, "6 of 1,024"]
    head = "| layer 1 | layer 2 | input matrices | recurrent matrices | new gate | reset gate |"
    assert head in drawn.text
    assert list(drawn.figures) == ["zeros.png"]
    alone = "group lasso alone (GL), score l2, proximal of strength 0.5"
    said = f"of zeros differ most are new gate over reset gate by 14.0 points ({alone}) (at least"
    assert said in zeros.answer(material(grid))
    # The new gate still has most zeros, 96.7 %, but layers differ most.
    for part, held, empty in zip(parts, (100, 300, 20, 100), (100, 276, 16, 80), strict=True):
        part |= {"weights": held, "zeros": empty}
    (out / "weights.json").write_text(json.dumps(weights | {"zeros": parts}))
    assert "**: layer 1 94.0 %, layer 2 80.0 %.\n" in zeros.section(material(grid)).text
    assert "most are layer 1 over layer 2 by 14.0 points (" in zeros.answer(material(grid))


def test_sizes(grid):
    text = gain.sizes(material(grid)).text
    row = cells(text, "256 units, 80 % zeros")
    assert row[1] == "20.00 % of dense"
    assert row[2:] == [f"{size:.2f} MB" for size in (4, 2, 1, 0.8, 0.4, 0.2)] + ["1/10.0"]
    assert "of the dense fp32 file: 16x16 10.00 % and 1/20.0; 4x4 10.00 % and 1/20.0." in text
    for name in ("sparse90", "sparse90small"):
        shutil.rmtree(grid / f"{name}-1")
    write_kept(grid, "sparse95", damaged(14), zeros=0.95)
    assert "At " not in gain.sizes(material(grid)).text  # 90 % is not there, others are not it


def test_models_without_gates_or_of_one_direction(tmp_path):
    write_kept(tmp_path, "dense", damaged(4))
    out = write_kept(tmp_path, "s", damaged(9), zeros=0.9, method="group_lasso")
    weights = json.loads((out / "weights.json").read_text())
    plain = {"layer": "layer 1", "direction": "", "gate": "", "weights": 100, "dead_rows": 0}
    parts = [{"matrix": one, "zeros": n} | plain for one, n in (("input", 75), ("recurrent", 85))]
    (out / "weights.json").write_text(json.dumps(weights | {"zeros": parts}))
    text = zeros.section(material(tmp_path)).text
    assert cells(text, "group lasso")[1:] == ["75.0", "85.0", "0 of 512"]


def test_who_pays_needs_the_words_that_were_kept(grid):
    assert "rare words are not told apart" in payers.section(material(grid)).text
    counted = {word: 20 for reference in REFERENCES for word in reference.split()}
    (grid / "words_amazon_queen.json").write_text(str(counted).replace("'", '"'))
    assert "word, by occurrences in training" in payers.section(material(grid)).text


def test_a_word_that_was_not_counted_is_no_new_word(grid):
    counted = {word: 20 for reference in REFERENCES for word in reference.split()}
    del counted["hat"]
    (grid / "words_amazon_queen.json").write_text(json.dumps(counted))
    with pytest.raises(InputError, match="got 1 without one, such as 'hat'"):
        payers.section(material(grid))


def test_who_pays_more_and_who_less(tmp_path):
    half = len(REFERENCES) // 2
    names = ["hurt"] * half + ["spared"] * (len(REFERENCES) - half)
    write_kept(tmp_path, "dense", damaged(4), speakers=names)
    write_kept(tmp_path, "sparse90", damaged(half + 2), zeros=0.9, speakers=names)
    text = payers.section(material(tmp_path)).text
    said = next(line for line in text.splitlines() if line.startswith("- **By speaker (CER)**"))
    # The dense model errs 4 times, all in the first half; zeros add 16 there and 2 in the second.
    halves = [sum(map(len, part)) for part in (REFERENCES[:half], REFERENCES[half:])]
    gap = 100 * ((half - 4) / halves[0] - 2 / halves[1])
    assert f"*hurt* {gap:.1f} points more (" in said
    assert f"; *spared* {gap:.1f} points less (" in said
    hurt, spared = (cells(text, f"speaker (CER) | {name}") for name in ("hurt", "spared"))
    assert hurt[7] == f"+{100 * (half - 4) / 4:.0f} %"
    assert hurt[8].startswith(f"+{gap:.1f} (")
    assert [hurt[9], spared[9]] == ["< 0.001"] * 2
    assert hurt[10:] == spared[10:] == ["", ""]  # nothing that the dense model errs in to divide by
    short = payers.answer(material(tmp_path))
    added, wrong = 100 * (half - 4) / halves[0], 100 * 4 / halves[0]
    told = f"By speaker 90 % zeros add, in points of the error rate: +{added:.1f} ("
    assert short.startswith(told)
    assert f" for *hurt* ({wrong:.0f} % wrong without zeros), +" in short
    assert " for *spared* (0 % wrong without zeros)." in short


def test_who_pays_relative_to_errors_that_were_there(tmp_path):
    """Two errors in three of one speaker's double, the others' stay; Holm over 3 x 2 tests."""
    names = [("twice", "same", "other")[index % 3] for index in range(len(REFERENCES))]
    texts: dict[str, list[str]] = {"dense": [], "sparse90": []}
    for index, (name, reference) in enumerate(zip(names, REFERENCES, strict=True)):
        one, two = "#" + reference[1:], "##" + reference[2:]
        texts["dense"].append(one)
        texts["sparse90"].append(two if name == "twice" and index % 9 else one)
    write_kept(tmp_path, "dense", texts["dense"], speakers=names)
    write_kept(tmp_path, "sparse90", texts["sparse90"], zeros=0.9, speakers=names)
    text = payers.section(material(tmp_path)).text
    doubled = sum(a != b for a, b in zip(*texts.values(), strict=True))
    twice = cells(text, "speaker (CER) | twice")
    assert twice[10].startswith(f"+{100 * doubled / names.count('twice'):.1f} (")
    assert (
        f"and {100 * doubled / names.count('twice'):.1f} % of the dense model's errors more ("
        in text
    )
    dense, sparse = (one.system for one in material(tmp_path).settings)
    parts = [
        *by_speaker(dense, sparse, "characters"),
        *by_speaking_rate(dense, sparse, "characters"),
    ]
    raw = [
        one.p
        for part in parts
        for one in (part.to_rest, part.relative_to_rest)
        if part.utterances >= payers.FEW and one and np.isfinite(one.p)
    ]
    rows = [line.split("|") for line in text.splitlines() if line.startswith("| speak")]
    printed = [row[i].strip() for row in rows for i in (10, 12) if row[i].strip()]
    assert len(printed) == len(raw) == 6
    assert printed == [p_value(p) for p in holm(raw)]


def test_a_group_of_few_utterances_has_no_interval(tmp_path):
    names = ["few"] * 9 + ["many"] * (len(REFERENCES) - 9)
    write_kept(tmp_path, "dense", damaged(4), speakers=names)
    write_kept(tmp_path, "sparse90", damaged(len(REFERENCES)), zeros=0.9, speakers=names)
    text = payers.section(material(tmp_path)).text
    assert re.fullmatch(r"\+[\d.]+", cells(text, "speaker (CER) | few")[6])
    assert re.fullmatch(r"\+[\d.]+ \(.* to .*\)", cells(text, "speaker (CER) | many")[6])


def test_of_words_that_dense_gets_right_the_share_that_is_lost(tmp_path):
    wrong = ["" for _ in REFERENCES]
    write_kept(tmp_path, "dense", [*REFERENCES[:2], *wrong[2:]])
    write_kept(tmp_path, "sparse90", [REFERENCES[0], *wrong[1:]], zeros=0.9)
    words = {word: 11 for text in REFERENCES for word in text.split()}
    (tmp_path / "words_amazon_queen.json").write_text(json.dumps(words))
    kept, lost = (len(REFERENCES[index].split()) for index in (0, 1))
    right = kept + lost
    said = f"the sparse one has wrong {100 * lost / right:.0f} % of {right} (common, over 10)."
    assert said in payers.section(material(tmp_path)).text


def test_words_read_with_a_language_model_are_groups_of_their_own(tmp_path):
    words = {word: 11 for text in REFERENCES for word in text.split()}
    words |= dict.fromkeys(("cat", "sat"), 2)
    (tmp_path / "words_amazon_queen.json").write_text(json.dumps(words))
    by_model = {"decoder": "beam-1", "language_model": "lm.arpa"}
    nothing = ["" for _ in REFERENCES]
    write_kept(tmp_path, "dense", nothing)
    write_kept(tmp_path, "sparse90", nothing, zeros=0.9)
    write_kept(tmp_path, "dense", REFERENCES, **by_model)
    unread = [one.replace("cat sat", "dog ran") for one in REFERENCES]
    write_kept(tmp_path, "sparse90", unread, zeros=0.9, **by_model)
    text = payers.section(material(tmp_path)).text
    rare = "word with a language model, by occurrences in training (WER) | rare, 1 to 10"
    assert cells(text, rare)[4:6] == ["0.0", "100.0"]
    assert cells(text, "word, by occurrences in training (WER) | rare")[4:6] == ["100.0", "100.0"]
    lost = 2 * REFERENCES.count("the cat sat")
    said = f"gets right with a language model, the sparse one has wrong 100 % of {lost} (rare, 1"
    assert said in text
    assert "- **By word with a language model, by occurrences in training (WER)**, told" in text
    said = r"By word with a language model 90 % zeros add, .* for \*rare, 1 to 10\* \(0 % wrong"
    assert re.search(said, payers.answer(material(tmp_path)))


def test_what_is_wrong_already_has_little_to_lose(tmp_path):
    write_kept(tmp_path, "dense", ["" for _ in REFERENCES])
    write_kept(tmp_path, "sparse90", ["" for _ in REFERENCES], zeros=0.9)
    assert "Little was left to lose where the dense model errs already: " in (
        payers.section(material(tmp_path)).text
    )


def test_a_group_that_has_little_to_lose_may_be_told_apart_from_the_rest(tmp_path):
    unknown = {"that", "was", "flat", "with", "hat"}
    counted = {
        word: 2 if word in ("cat", "sat") else 20 for text in REFERENCES for word in text.split()
    }
    counted |= dict.fromkeys(unknown, 0)
    (tmp_path / "words_amazon_queen.json").write_text(json.dumps(counted))
    dense = [
        " ".join("#" if one in unknown else one for one in text.split()) for text in REFERENCES
    ]
    sparse = [
        " ".join("#" * len(text.split())) if index % 3 == 0 else text
        for index, text in enumerate(dense)
    ]
    write_kept(tmp_path, "dense", dense)
    write_kept(tmp_path, "sparse90", sparse, zeros=0.9)
    said = next(
        line for line in payers.section(material(tmp_path)).text.splitlines() if "By word" in line
    )
    assert re.search(
        r"told apart from the rest: \*out of vocabulary\* [^;]* less \([^;]*\)\.$", said
    )
    assert "No group by speaking rate is told apart" in payers.answer(material(tmp_path))


def test_what_had_not_finished_learning_is_told(grid):
    text = equal_width.section(material(grid)).text
    assert "in points: dense +0.0; 80 % in 16x16 -10.0; 90 % in 16x16 -10.0." in text
    for path in grid.glob("*/metrics.csv"):
        path.write_text("step,cer\n1,0.9\n")  # a single epoch says nothing of the last one's change
    assert "last epoch" not in equal_width.section(material(grid)).text
    (grid / "dense-1" / "metrics.csv").write_text("step\n1\n")
    with pytest.raises(InputError, match=r"metrics.csv: expected a row with cer"):
        equal_width.section(material(grid))


def test_front_and_cost(grid):
    said = front.section(material(grid)).text.splitlines()[0]
    ninety = "**256 units, 90 % zeros** (1 seed), with 0.10 times the weights of 256 units, dense"
    assert said.startswith(f"{ninety} (3 seeds): CER +{100 * (40 / 12 - 1):.1f} % (")
    assert "; with 0.99 times the weights of 26 units, dense (1 seed): CER +2.6 % (" in said
    searched = {"decoder": "beam-1", "language_model": "lm.arpa"}
    write_kept(grid, "dense26", damaged(10), hidden=26, **searched)
    write_kept(grid, "sparse90", damaged(15), zeros=0.9, **searched)
    said = front.section(material(grid)).text.splitlines()[0]
    assert ", WER with a language model +50.0 % (" in said
    assert cells(front.section(material(grid)).text, "256 units, dense")[2] == "2.00 MB"
    cost = tuning.cost(material(grid)).text
    assert cells(cost, "study")[1:] == ["7", "7.0", "60", "60", "0"]
    spent = 7 + sum(tuning.NOT_KEPT.values())
    assert cost.startswith(
        f"Trainings took at least {spent:.1f} hours of a core, {24 - spent:.1f} fewer than the 24 "
    )
    assert cells(cost, "together")[2] == f"{spent:.1f}"


def test_tuning_is_read_from_the_validation_split(tmp_path):
    write_kept(tmp_path, "t", damaged(26), split="validation", experiment="study_tuning")
    write_kept(tmp_path, "u", damaged(20), split="validation", hidden=9, experiment="study_tuning")
    write_kept(tmp_path, "u", damaged(10), split="validation", hidden=9, seed=2)  # of the grid
    text = tuning.section(material(tmp_path)).text
    shown = ["none", "0.1", "0.001", "32-true", "none"]
    rates = [f"{100 * errors / CHARACTERS:.1f}" for errors in (26, 20)]
    assert cells(text, "4 | 2 x 256") == ["4", "2 x 256", *shown, rates[0], "60"]
    assert cells(text, "4 | 2 x 9") == ["4", "2 x 9", *shown, rates[1], "60"]


def test_the_try_that_won_is_marked(tmp_path):
    tried = {"split": "validation", "experiment": "study_tuning"}
    write_kept(tmp_path, "t", damaged(26), hidden=9, **tried)
    for split in ("validation", "test"):
        write_kept(tmp_path / split, "dense", damaged(20), split=split)
    write_kept(tmp_path, "far", damaged(19), hidden=10, dropout=0.05, frame=3, **tried)
    text = tuning.section(material(tmp_path)).text
    assert cells(text, "4 | 2 x 256")[-2] == f"**{100 * 20 / CHARACTERS:.1f}**, the grid's recipe"
    assert cells(text, "4 | 2 x 10")[3] == "0.05"
    assert cells(text, "4 | 2 x 10")[6] == "`model.convolutions.0.stride=[2,3]`"
    assert text.count("**") == 2


def test_a_try_says_what_it_trains_by_and_what_it_has_no_more(tmp_path):
    def write(name, errors, **groups):
        tried = {"split": "validation", "experiment": "study_tuning"}
        out = write_kept(tmp_path, name, damaged(errors), **tried)
        config = yaml.safe_load((out / "config.yaml").read_text()) | groups
        (out / "config.yaml").write_text(yaml.safe_dump(config))

    masks = {"_target_": "asr.features.spec_augment.SpecAugment", "time_masks": 2}
    masks |= {"frequency_masks": 2, "time_share": 0.2}
    plain = {"speed": None, "waveform": []}
    one_cycle = {"_target_": "asr.training.schedule.OneCycle", "warmup": 0.1}
    first = {"scheduler": one_cycle, "augmentation": {**plain, "spectrum": [masks, masks]}}
    write("t", 30, **first)
    linear = {"_target_": "asr.training.schedule.WarmUp", "warmup": 0.1}
    write("schedule", 29, **(first | {"scheduler": linear}))
    less = [masks, masks | {"time_share": 0.1}]  # as many masks: no other name
    write("less", 28, **(first | {"augmentation": {**plain, "spectrum": less}}))
    write("one", 27, **(first | {"augmentation": {**plain, "spectrum": [masks]}}))
    write("none", 26, **(first | {"augmentation": {**plain, "spectrum": []}}))
    write("data", 25, **first, data={})
    text = tuning.section(material(tmp_path)).text
    both = "2 time and 2 frequency masks, 2 time and 2 frequency masks"
    rows = [line.strip("| ").split(" | ") for line in text.splitlines()[2:]]
    assert [(one[2], one[6]) for one in rows] == [
        (both, "none"),
        (both, "`scheduler=WarmUp`"),
        (both, "`augmentation.spectrum.1.time_share=0.1`"),
        ("2 time and 2 frequency masks", "none"),
        ("none", "none"),
        (both, "no `data`"),
    ]


def test_a_sparse_model_tuned_by_itself_stands_beside_the_dense_one_s_recipe(tmp_path):
    for split in ("validation", "test"):
        write_kept(tmp_path / split, "dense", damaged(4), split=split)
        write_kept(tmp_path / split, "sparse90", damaged(20), zeros=0.9, split=split)
    assert "No sparse model of its own" in tuning.of_sparse(material(tmp_path)).text
    own = {"experiment": "study_tuning", "baseline_key": "another"}
    out = write_kept(tmp_path, "own", damaged(16), zeros=0.9, split="validation", **own)
    config = yaml.safe_load((out / "config.yaml").read_text())
    config["model"]["dropout"] = 0.05
    (out / "config.yaml").write_text(yaml.safe_dump(config))
    text = tuning.of_sparse(material(tmp_path)).text
    assert cells(text, "none")[1:] == [f"{100 * 20 / CHARACTERS:.1f} (1 seed)", "60"]
    assert cells(text, "`model.dropout=0.05`")[1:] == [f"{100 * 16 / CHARACTERS:.1f}", "60"]
    assert "No tuning yet" in tuning.section(material(tmp_path)).text  # of the dense model
    assert "| 90 % in 16x16, 1 seed |" in equal_width.section(material(tmp_path)).text


def test_speed_says_what_is_sparsity_s_doing(tmp_path):
    speed = tmp_path / "study/speed.json"  # beside the runs of the experiment
    speed.parent.mkdir()
    write_kept(tmp_path, "dense", damaged(4))
    rounds = {"torch dense fp32": 8.0, "torch dense int8": 4.0, "onnxruntime dense fp32": 5.0}
    libraries = list(rounds)
    rounds |= {"ours dense fp16": 3.0, "ours sparse fp16": 2.0, "features alone": 0.5}
    seconds = {name: [one] * 9 for name, one in rounds.items()}
    seconds["ours dense fp16"] = [2.0, 2.5, 2.6, 3.0, 3.0, 3.0, 4.0, 4.4, 9.0]
    row = {"threads": 1, "batch": 1, "audio_seconds": 16.0, "seconds": seconds}
    write_kept(tmp_path, "sparse", damaged(9), zeros=0.9)
    runs = [{"run_key": "sparse-1", "what": "90 %"}, {"run_key": "dense-1", "what": "dense"}]
    content = {
        "machine": {"cpu": "a processor", "kernel": "avx2"},
        "runs": runs,
        "libraries": libraries,
        "cer": {"ours dense fp16": 0.3, "ours sparse fp16": 0.4},
        "rows": [row],
    }
    speed.write_text(json.dumps(content))
    text = gain.speed(material(tmp_path)).text
    assert text.startswith("Runs sparse-1 (90 %) and dense-1 (dense), on a processor (avx2); ")
    assert "on these utterances takes the CER from 30.0 to 40.0 %." in text
    assert "ours sparse fp16 is 4.0 times as fast as torch, 2.0 times as the fastest" in text
    assert "1.5 times as ours dense fp16" in text
    assert "| 1 | 1 | torch dense fp32 |  | 0.50000 | 1x | 0.5x (0.5 to 0.5) |" in text
    # The second smallest and the second largest of nine rounds: 8 / 4.4 and 8 / 2.5.
    assert "| ours dense fp16 | 30.0 | 0.18750 | 2.7x (1.8 to 3.2) | 1.3x (0.9 to 1.6) |" in text
    runs[0]["run_key"] = "another"
    speed.write_text(json.dumps(content))
    with pytest.raises(InputError, match="of each: dense-1; sparse-1, got another, dense-1"):
        gain.speed(material(tmp_path))
    speed.write_text('{"rows": []}')
    with pytest.raises(InputError, match="Measure again"):
        gain.speed(material(tmp_path))


def test_models_that_no_other_beats_in_time_and_in_errors(grid):
    assert "No model's time yet: measure by" in choice.section(material(grid)).text
    seconds = {"dense-1": 8.0, "sparse90small-1": 3.0, "sparse90-1": 9.0, "dense26-1": 1.0}
    content = {
        "machine": {"cpu": "a processor", "kernel": "avx2"},
        **{"weights": "fp16", "threads": 1, "batch": 1, "audio_seconds": 4.0},
        "seconds": {run: [taken] * 9 for run, taken in seconds.items()},
    }
    path = grid / "study/models.json"
    path.parent.mkdir()
    path.write_text(json.dumps(content))
    text = choice.section(material(grid)).text
    # 90 % in 16x16 is the slowest, and errs 40 times where dense errs 12 times; the smallest dense
    # model, which errs 39 times, is faster than any, and not shown to err less.
    assert text.startswith(
        "No sparse model is shown to be both faster and lower in CER than a dense one. Shown to be "
        "beaten by another in both: 256 units, 90 % zeros (by 256 units, dense). "
    )
    table, beside = text.split("Each sparse model beside the dense ones next to it in time")
    assert cells(table, "256 units, 90 % zeros in 4x4")[4:] == ["0.75000", "2.7x (2.7 to 2.7)"]
    assert cells(table, "256 units, 90 % zeros in 4x4")[2] == "0.20 MB"
    as_long = "256 units, 90 % zeros in 4x4 0.3x (0.3 to 0.3).\n"
    assert f"as 256 units, 90 % zeros: 26 units, dense 0.1x (0.1 to 0.1), {as_long}" in table
    ragged = {run: [taken] * 8 + [10 * taken] for run, taken in seconds.items()}
    path.write_text(json.dumps(content | {"seconds": ragged | {"sparse90small-1": [3.0] * 9}}))
    assert "the slowest took up to 10.0 times as long" in choice.section(material(grid)).text
    path.write_text(json.dumps(content))
    # 4x4 takes 3 s and errs 20 times, dense ones 1 and 8 s, 39 and 12 times; 16x16 is the slowest.
    rows = [line.strip("| ").split(" | ") for line in beside.splitlines()[4:] if "|" in line]
    assert [row[:3] for row in rows] == [
        ["256 units, 90 % zeros in 4x4", "26 units, dense", "0.3x (0.3 to 0.3)"],
        ["256 units, 90 % zeros in 4x4", "256 units, dense", "2.7x (2.7 to 2.7)"],
        ["256 units, 90 % zeros", "256 units, dense", "0.9x (0.9 to 0.9)"],
    ]
    differences = [row[3].split(" (")[0] for row in rows]
    assert differences == [f"{100 * n:+.1f} %" for n in (20 / 39 - 1, 20 / 12 - 1, 40 / 12 - 1)]
    # At 3 s a dense model on the line from 1 s and 39 errors to 8 s and 12 has 24.7.
    gap = 20 - (39 - (39 - 12) * np.log(3) / np.log(8))
    line = f"logarithm, without intervals): {100 * gap / CHARACTERS:+.1f} points for as long a time"
    assert f"{line} (1 of them)." in text
    assert "Not timed: 256 units, 80 % zeros." in text
    assert "of the same shape" not in text
    path.write_text(json.dumps(content | {"untrained": ["dense-1", "sparse90-1"]}))
    shapes = "weights: fp16. 2 of 4 models were timed by untrained ones of the same shape, "
    assert shapes in choice.section(material(grid)).text
    path.write_text(json.dumps(content | {"untrained": list(seconds)}))
    assert "fp16. All models were timed by untrained" in choice.section(material(grid)).text
    for name in ("dense-2", "unknown"):  # a second seed of a setting, a run of no setting
        content["seconds"][name] = [1.0] * 9
        path.write_text(json.dumps(content))
        with pytest.raises(InputError, match="at most one of other settings") as refused:
            choice.section(material(grid))
        assert str(refused.value).startswith(f"{path}: expected a run of ")  # no damaged file
        del content["seconds"][name]
    # In rounds that swing, a lower median is not shown to be faster.
    swinging = [7.0, 7.1, 7.2, 7.3, 8.1, 8.2, 8.3, 8.4, 8.5]
    content["seconds"] |= {"sparse90-1": swinging, "sparse90small-1": swinging}
    path.write_text(json.dumps(content))
    assert "No model at all is shown to be beaten" in choice.section(material(grid)).text
    # Beside a dense model that is slower and errs more, a sparse one is worth its time.
    write_kept(grid, "dense200", damaged(40), hidden=200)
    content["seconds"]["dense200-1"] = [10.0] * 9
    path.write_text(json.dumps(content))
    better = "a dense model: 256 units, 90 % zeros in 4x4 (than 200 units, dense); "
    better += "pairs are not adjusted for their number. "
    assert better in choice.section(material(grid)).text
    told, line = choice.answer(material(grid)).splitlines()
    assert told.endswith(f"{better}Only 5 of 6 models are timed.")
    assert line.startswith("CER of sparse models, less that of a dense one of a width between ")
    del content["seconds"]["dense26-1"]
    path.write_text(json.dumps(content))
    assert "Not timed: 26 units, dense; " in choice.section(material(grid)).text
    path.write_text("{}")
    with pytest.raises(InputError, match=r"what asr\.inference\.benchmark\.several_models wrote"):
        choice.section(material(grid))


def test_every_question_has_its_answer(grid):
    for group, count, pruning in (
        ("g", 10, {}),
        ("worse", 40, {"score": "max"}),
        ("even", 11, {"score": "mean"}),
    ):
        write_kept(grid, group, damaged(count), zeros=0.9, pruning=pruning, **CHEAP)
    free = {"method": "block_pruning", "block": "1x1"}
    write_kept(grid, "better", damaged(0), zeros=0.9, **(CHEAP | free))
    write_kept(grid, "d", damaged(0), **CHEAP)
    texts = [make(material(grid)).text for make in answers.SECTIONS.values()]
    for text, part in zip(
        texts,
        (
            "The dense model's CER of",
            "- What 90 % zeros cost of the dense model's CER: 4x4 +",
            "- Synthetic speech, CER at 90 % in 16x16 to that of gradual pruning: not told apart: "
            "gradual, score mean +10.0 % (",
            "as many weights (26 units, dense) 256 units, 90 % zeros, has +2.6 % (",
            "No group by speaking rate is told apart from the rest.",
            "1/10.0 of the dense file in fp16, 1/10.0 in int8, and in fp16 1/20.0 of dense fp32",
        ),
        strict=True,
    ):
        assert part in text
    write_kept(grid, "single", damaged(20), zeros=0.9, block="1x1", **CHEAP)
    told = r"In 1x1 the CER of blocks by a threshold \(BP\), score l2 is -100.0 % \("
    assert re.search(told, method.section(material(grid)).text)
    # Other blocks are no question of the method.
    told = method.answer(material(grid))
    assert "1x1" not in told
    assert re.search(r"; higher: gradual, score max \+300.0 % \([^)]*\); at least 1 seed", told)
    for count, score in enumerate(("l1", "l3", "l4"), 37):
        write_kept(grid, score, damaged(count), zeros=0.9, pruning={"score": score}, **CHEAP)
    higher = (
        r"; higher: gradual, score l1 \+270.0 % \([^)]*\) / gradual, score l3 \+280.0 % \([^)]*\) "
        r"/ gradual, score l4 \+290.0 % \([^)]*\) / gradual, score max \+300.0 % \([^)]*\); at "
    )
    assert re.search(higher, method.answer(material(grid)))


def test_questions_without_answers_say_so(tmp_path):
    write_kept(tmp_path, "dense", damaged(4))
    texts = [make(material(tmp_path)).text for make in answers.SECTIONS.values()]
    assert texts == 6 * ["Not answered yet.\n"]


def test_targets_have_their_verdicts(grid):
    write_kept(grid, "dense128", damaged(14), hidden=128)
    write_kept(grid, "sparse95", damaged(14), zeros=0.95)
    text = targets.section(material(grid)).text
    assert text.startswith("Of 6 targets, reached: 2; not reached: 1; open: 3.\n")
    rows = [line.strip("| ").split(" | ") for line in text.splitlines()[4:]]
    assert [row[2] for row in rows] == ["refuted", "open", "open", "open", "met", "met"]
    assert rows[0][1].startswith(f"2 layers: +{100 * (40 / 12 - 1):.1f} % (")
    assert rows[1][1] == rows[2][1] == "not trained and scored yet"
    assert rows[3][1].startswith(
        "256 units, 95 % zeros beside 128 units, dense (not the tuned one, but by its recipe), "
        "2 layers: +0.0 % ("
    )
    assert "with 0.10 times the weights" in rows[3][1]
    assert rows[4][1] == "10.00 %, indices included"
    write_kept(grid, "sparse90", damaged(40), zeros=0.899)
    assert "10.10 %, indices included; 10.10 % of the weights are left, since each gate" in (
        targets.section(material(grid)).text
    )


def test_a_target_with_several_pairs_is_one_target(grid):
    for hidden, errors in ((64, 20), (96, 39), (128, 20), (192, 39)):
        write_kept(grid, f"dense{hidden}", damaged(errors), hidden=hidden)
    for hidden in (96, 192):
        write_kept(grid, f"wider{hidden}", damaged(20), hidden=hidden, zeros=0.9)
    text = targets.section(material(grid)).text
    assert text.count("| 1.5 times as wide") == 2
    assert text.startswith("Of 6 targets, reached: 2; not reached: 1; open: 3.")
    # Reached once all of its pairs are.
    write_kept(grid, "dense64", damaged(39), hidden=64)
    text = targets.section(material(grid)).text
    wider = [line for line in text.splitlines() if line.startswith("| 1.5 times as wide")]
    assert [line.split(" | ")[-1] for line in wider] == ["shown |", "open |"]
    assert text.startswith("Of 6 targets, reached: 2; not reached: 1; open: 3.")
    write_kept(grid, "dense128", damaged(39), hidden=128)
    assert targets.section(material(grid)).text.startswith("Of 6 targets, reached: 3;")


def test_the_corpus_is_counted_from_the_references(grid):
    text = corpus.section(material(grid)).text
    assert f"40 utterances, 120 words, {CHARACTERS} characters" in text
    assert "relative differences in CER of question 1 reach" in text
    seeds = " to ".join(f"{100 * n / CHARACTERS:.1f}" for n in (10, 14))
    assert text.endswith(f"CER of the seeds of one setting: greedily 256 units, dense {seeds} %.\n")


@pytest.mark.parametrize(
    "make",
    [
        *(each.section for each in (targets, corpus, equal_width, block_size, method, larger)),
        front.section,
        front.longer,
        *(zeros.section, payers.section, gain.sizes, gain.speed),
    ],
)
def test_what_is_not_there_yet_is_said_with_its_command(make, tmp_path):
    write_kept(tmp_path, "t", damaged(2), split="validation", experiment="study_tuning")
    assert re.match(r"No .* yet: (train|measure) by `python ", make(material(tmp_path)).text)


def test_the_best_model_is_chosen_by_validation(tmp_path):
    own = {"experiment": "study_best"}
    for group, hidden, test, validation in (("a", 300, 5, 9), ("b", 384, 8, 6)):
        for split, errors in (("validation", validation), ("test", test)):
            out = tmp_path / split
            write_kept(out, group, damaged(errors), hidden=hidden, split=split, **own)
    write_kept(tmp_path / "test", "dense", damaged(1))
    write_kept(tmp_path / "validation", "dense", damaged(7), split="validation")
    searched = {"decoder": "beam-1", "language_model": "lm.arpa"}
    write_kept(tmp_path / "test", "b", damaged(4), hidden=384, **own, **searched)
    text = best.section(material(tmp_path)).text
    assert f"of 461,800 parameters, has {100 * 8 / CHARACTERS:.1f} (" in text
    assert f"split, and {100 * 4 / CHARACTERS:.1f} (" in text.splitlines()[0]
    assert cells(text, "2 layers of 384")[2:5] == ["40 ms", "none", "32-true"]
    first, other = cells(text, "2 layers of 384"), cells(text, "2 layers of 300")
    assert [one[7] for one in (first, other)] == [f"{100 * n / CHARACTERS:.1f}" for n in (6, 9)]
    assert first[11] == first[14] == ""
    assert other[11].startswith("-37.5 % (")  # 5 errors beside 8
    assert first[12].startswith(f"{100 * 4 / CHARACTERS:.1f} (")
    assert other[12:15] == ["", "", ""]
    # The grid's dense model stands among them, by its validation.
    assert re.findall(r"2 layers of (\d+), dense, 1 seed", text) == ["384", "256", "300"]
    # So do those of longer trainings, once each, whatever their runs were trained for besides.
    longest = {"hidden": 224, "layers": 3}
    for group, experiment, validation, test in (
        ("alike", "study_28_epochs", 5, 3),
        ("alike", "study_tuning", 5, 3),
        ("other", "study_long", 8, 2),
    ):
        for split, errors in (("validation", validation), ("test", test)):
            out = tmp_path / experiment / split
            named = {"experiment": experiment, "run_key": f"{group}-key"}
            write_kept(out, f"{group}-long", damaged(errors), split=split, **named, **longest)
    longer_trained = best.section(material(tmp_path)).text
    assert f"has {100 * 3 / CHARACTERS:.1f} (" in longer_trained
    widths = re.findall(r"layers of (\d+), dense", longer_trained)
    assert widths == ["224", "384", "256", "224", "300"]


def test_none_is_called_the_best_without_a_validation(tmp_path):
    write_kept(tmp_path, "a", damaged(5), experiment="study_best")
    assert best.section(material(tmp_path)).text.startswith("| model | epochs |")


def test_a_best_model_is_not_there_yet(grid):
    assert "No larger model yet" in best.section(material(grid)).text
