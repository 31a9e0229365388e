import math
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.statistics.alignment import align, slots
from asr.statistics.mapsswe import matched_pairs_p, segment_errors

SCTK = shutil.which("sctk")


def segments(references: Sequence[str], a: Sequence[str], b: Sequence[str]) -> list[tuple]:
    found = segment_errors(slots(references, [a]), slots(references, [b]))
    return list(zip(*(one.tolist() for one in found), strict=True))


def test_hand_worked_in_the_manner_of_gillick_and_cox() -> None:
    """Their figure 1: segments I to IV between words that both have right."""
    reference = "it was the best of times it was the worst of times it was"
    a = "it was a best of times it was the worst of lines it is"
    b = "it was the best at times and it was worst of times it was"
    # the|a, of|at with one right word ("best") between: one segment; "times" alone bounds nothing
    # from the insertion of "and"; then "it was" does. "the" is missing in b; "worst of" bounds;
    # times|lines and was|is with one right word between.
    assert segments([reference], [a], [b]) == [(1, 2), (0, 1), (2, 0)]


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ("a b c d", "a b c d", []),
        ("x b c y", "a b c d", [(1, 0), (1, 0)]),  # two right words between
        ("x b y d", "a b c d", [(2, 0)]),  # one
        ("x b c d", "a b c y", [(1, 0), (0, 1)]),  # of both systems together
        ("x b c d", "a b y d", [(1, 1)]),
        ("a b c d z", "a b c d", [(1, 0)]),  # inserted at the end
        ("z a b c d", "a b c d z", [(1, 0), (0, 1)]),
        ("x b z c d", "a b c d", [(2, 0)]),  # an insertion parts right words
        ("", "a b c d", [(4, 0)]),
    ],
)
def test_segments_by_hand(a: str, b: str, expected: list[tuple]) -> None:
    assert segments(["a b c d"], [a], [b]) == expected


def test_utterances_and_empty_references_part_segments() -> None:
    assert segments(["a", "b", "", "c"], ["x", "y", "u v", "c"], ["a", "y", "", "z"]) == [
        (1, 0),
        (1, 1),
        (2, 0),
        (0, 1),
    ]


def test_a_word_is_right_where_it_is_so_in_all_seeds() -> None:
    both = slots(["a b c d e"], [["x b c d y"], ["x b q d e"]])
    alone = slots(["a b c d e"], [["a b c d e"]])
    assert [one.tolist() for one in segment_errors(both, alone)] == [[2.0], [0.0]]


def test_p_by_hand() -> None:
    """Differences 1, 1, -1, 1, 0, 1 twice: mean 1/2, variance 7/11, z = 0.5 / sqrt(7/11 / 12)."""
    a = np.array([0.0, 1.0, 2.0, 0.0, 1.0, 0.0] * 2)
    b = np.array([1.0, 2.0, 1.0, 1.0, 1.0, 1.0] * 2)
    z = 0.5 / math.sqrt(7 / 11 / 12)
    assert matched_pairs_p(a, b) == pytest.approx(math.erfc(z / math.sqrt(2)))
    assert matched_pairs_p(a, b) == matched_pairs_p(b, a)
    assert matched_pairs_p(a, a) == 1.0


def test_too_few_segments_have_no_p() -> None:
    for count in (0, 1, 9):
        assert math.isnan(matched_pairs_p(np.zeros(count), np.ones(count)))
        assert math.isnan(matched_pairs_p(np.zeros(count), np.arange(float(count))))


def test_segments_that_all_differ_alike_are_signs() -> None:
    assert matched_pairs_p(np.zeros(10), np.ones(10)) == 2**-9
    # Thirds, as means of three seeds are, differ alike but for rounding.
    assert matched_pairs_p(np.arange(12) / 3, (1 + np.arange(12)) / 3) == pytest.approx(2**-11)


Texts = st.lists(st.sampled_from("abc"), max_size=12).map(" ".join)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(Texts, Texts, Texts), min_size=1, max_size=4))
def test_against_nists_state_machine(drawn: list[tuple[str, str, str]]) -> None:
    references, a, b = map(list, zip(*drawn, strict=True))
    expected = []
    for left, right in zip(align(references, a), align(references, b), strict=True):
        expected += state_machine(left, right)
    assert segments(references, a, b) == expected


def state_machine(left: list, right: list) -> list[tuple]:
    """Errors of both in each segment, word by word as in the flow chart of mtchprs.c."""
    found, current, good = [], [0, 0], 0
    i = j = 0
    while True:
        while i < len(left) and left[i][0] is None:
            i, current[0], good = i + 1, current[0] + 1, 0
        while j < len(right) and right[j][0] is None:
            j, current[1], good = j + 1, current[1] + 1, 0
        if i == len(left):
            break
        wrong = left[i][0] != left[i][1], right[j][0] != right[j][1]
        i, j = i + 1, j + 1
        if any(wrong):
            current, good = [current[0] + wrong[0], current[1] + wrong[1]], 0
        elif any(current):
            good += 1
            if good == 2:
                found.append(tuple(current))
                current, good = [0, 0], 0
    return found + [tuple(current)] * any(current)


@pytest.mark.skipif(SCTK is None, reason="needs NIST's tools: apt-get install sctk")
def test_against_sc_stats(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    references = [words(rng, 1 + rng.integers(20)) for _ in range(150)]
    readings = [[misread(rng, reference, rate) for reference in references] for rate in (0.1, 0.15)]
    for name, texts in zip("ab", readings, strict=True):
        write_sgml(tmp_path / f"{name}.sgml", name, references, texts)
    joined = (tmp_path / "a.sgml").read_text() + (tmp_path / "b.sgml").read_text()
    command = [str(SCTK), "sc_stats", "-p", "-t", "mapsswe", "-v", "-n", "out"]
    subprocess.run(command, input=joined, text=True, cwd=tmp_path, check=True, timeout=60)
    report = (tmp_path / "out.stats.mapsswe").read_text()
    told = re.search(r"# segs: (\d+)\).*Z Stat: *(-?[\d.]+)\)", report)
    assert told is not None, report
    a, b = segment_errors(slots(references, readings[:1]), slots(references, readings[1:]))
    assert len(a) == int(told[1])
    assert len(a) > 100
    p = math.erfc(abs(float(told[2])) / math.sqrt(2))
    assert matched_pairs_p(a, b) == pytest.approx(p, abs=1e-3)  # z has three digits there


def words(rng: np.random.Generator, count: int) -> str:
    return " ".join(f"w{one}" for one in rng.integers(200, size=count))


def misread(rng: np.random.Generator, reference: str, rate: float) -> str:
    """With errors of all kinds, but no insertion at the end.

    There sc_stats overlooks those of the second system: its loop ends with the first one's words.
    """
    read = []
    for word in reference.split():
        kind = rng.choice(["right", "other", "missing", "more"], p=[1 - rate, *[rate / 3] * 3])
        read += {"right": [word], "other": ["x"], "missing": [], "more": ["y", word]}[kind]
    return " ".join(read)


def write_sgml(path: Path, name: str, references: list[str], texts: list[str]) -> None:
    """Our alignment in sclite's format, so that segments and z are what is compared."""
    lines = [
        f'<SYSTEM title="{name}" ref_fname="r" hyp_fname="{name}" creation_date="" '
        'format="2.4" frag_corr="FALSE" opt_del="FALSE" weight_ali="FALSE" weight_filename="">',
        '<SPEAKER id="s">',
    ]
    for number, columns in enumerate(align(references, texts)):
        size = len(columns)  # sc_stats crashes on any other count
        lines.append(f'<PATH id="(s_{number})" word_cnt="{size}" sequence="{number}">')
        lines.append(":".join(sgml(*column) for column in columns))
        lines.append("</PATH>")
    path.write_text("\n".join([*lines, "</SPEAKER>", "</SYSTEM>", ""]))


def sgml(said: str | None, heard: str | None) -> str:
    if said is None:
        return f'I,,"{heard}"'
    if heard is None:
        return f'D,"{said}",'
    return f'{"C" if said == heard else "S"},"{said}","{heard}"'
