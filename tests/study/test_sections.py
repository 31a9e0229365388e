"""Numbers of the study's tables, against counts worked out by hand."""

import re

import pytest

from asr.errors import InputError
from asr.study import block_size, equal_width, front, gain, larger, method, tuning, where
from tests.study.material import REFERENCES, damaged, material, write_kept

CHARACTERS = sum(map(len, REFERENCES))  # 416, spaces included


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
    write_kept(tmp_path, "narrow", damaged(39), hidden=26)
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
    assert "which refutes that it is within 5 % of dense" in text


def test_a_second_dense_setting_is_no_silent_choice(grid):
    write_kept(grid, "dense-again", damaged(3))
    with pytest.raises(InputError, match="expected one setting"):
        equal_width.section(material(grid))


def test_block_sizes_go_from_small_to_large(grid):
    text = block_size.section(material(grid)).text
    rows = re.findall(r"^\| (\w+)[ ,]", text, re.MULTILINE)
    assert rows == ["block", "dense", "4x4", "16x16"]
    assert f"4x4 cost +{100 * (20 / 12 - 1):.1f} %" in text


def test_larger_pairs_equal_weights_parents_and_narrower_ones(grid):
    text = larger.section(material(grid)).text
    # 1,200 weights a unit: a tenth of 256 units' is 30,720, 26 units dense have 31,200.
    assert cells(text, "256 units, 90 % zeros, 1 seed")[1] == "30,720"
    pairs = [line.split("|") for line in text.splitlines() if re.match(r"\|.* times ", line)]
    kinds = {(one[1].strip(), one[2].strip(), one[3].strip()) for one in pairs}
    assert ("256 units, 90 % zeros", "as many weights, 26 units, dense", "0.98 times") in kinds
    assert ("256 units, 90 % zeros", "its dense parent, 256 units, dense", "0.10 times") in kinds
    assert ("256 units, 80 % zeros", "its dense parent, 256 units, dense", "0.20 times") in kinds
    assert len(kinds) == 3
    write_kept(grid, "half", damaged(14), hidden=128)
    assert "**256 units, 80 % zeros** beside 128 units, dense (2 times as narrow): 0.40 times" in (
        larger.section(material(grid)).text
    )


def test_methods_beside_each_other_only_where_they_are_equally_sparse(tmp_path):
    cheap = {"corpus": "synthetic", "experiment": "study_method"}
    write_kept(tmp_path, "d", damaged(4), **cheap)
    write_kept(tmp_path, "g", damaged(10), zeros=0.9, **cheap)
    write_kept(tmp_path, "m", damaged(8), zeros=0.91, pruning={"score": "max"}, **cheap)
    write_kept(tmp_path, "b", damaged(2), zeros=0.93, method="block_pruning", **cheap)
    text = method.section(material(tmp_path)).text
    order = re.findall(r"^\| (gradual, score \w+|dense)", text, re.MULTILINE)
    assert order == ["dense", "gradual, score max", "gradual, score l2"]
    assert "they landed elsewhere: blocks by a threshold (BP)" in text
    assert "no second method" in text


def test_zeros_by_gate_and_sizes(grid):
    drawn = where.zeros(material(grid))
    assert drawn.text.startswith("Every gate of every matrix is as sparse as the others")
    assert cells(drawn.text, "layer 1 backwards, recurrent")[1:] == ["90.0"] * 3
    assert list(drawn.figures) == ["where.png"]
    row = cells(gain.sizes(material(grid)).text, "256 units, 80 % zeros")
    assert row[2:] == ["20.0 % of dense fp32", "0.80 MB", "0.40 MB", "0.20 MB", "1/10.0 of 4.00 MB"]


def test_who_pays_needs_the_words_that_were_kept(grid):
    assert "occurrences" not in where.payers(material(grid)).text
    counted = {word: 20 for reference in REFERENCES for word in reference.split()}
    (grid / "words_amazon_queen.json").write_text(str(counted).replace("'", '"'))
    assert "word, by occurrences in training" in where.payers(material(grid)).text


def test_front_and_cost(grid):
    assert cells(front.section(material(grid)).text, "256 units, dense")[2] == "2.00 MB"
    assert cells(tuning.cost(material(grid)).text, "study")[1:] == ["7", "7.0"]


def test_tuning_is_read_from_the_validation_split(tmp_path):
    write_kept(tmp_path, "t", damaged(26), split="validation", experiment="study_tuning")
    row = cells(tuning.section(material(tmp_path)).text, "4 | 0.001")
    assert row[-2:] == [f"{100 * 26 / CHARACTERS:.1f}", "60"]


@pytest.mark.parametrize(
    "make", [equal_width.section, block_size.section, larger.section, where.zeros, gain.speed]
)
def test_what_is_not_there_yet_is_said_with_its_command(make, tmp_path):
    write_kept(tmp_path, "t", damaged(2), split="validation", experiment="study_tuning")
    assert re.match(r"No runs of .* are kept yet: `python ", make(material(tmp_path)).text)
