"""Question 5, its second half: who pays for the zeros."""

import math
from collections.abc import Sequence

import numpy as np

from asr.statistics.bootstrap import Interval
from asr.statistics.subgroups import Subgroup, by_frequency, by_speaker, by_speaking_rate
from asr.study import figures
from asr.study.kept import read_words
from asr.study.plan import EXPERIMENT, REAL, SPARSITY, grid
from asr.study.section import Material, Section, compare_settings, nothing_yet, picture, table
from asr.study.setting import the_one

_PICTURE = "payers.png"
FEW = 10  # utterances, under which a group gets no interval
NEARLY_ALL = 0.9  # of words or characters wrong before pruning, which leaves little to lose
_TRAIN = "python train.py -m +experiment=study_width"
_NO_GROUPS = ("insertions", "(unnamed)")  # of words and speakers: no one's


def section(material: Material) -> Section:
    """Who pays for 90 % in 16x16: speakers, speaking rates, rare words."""
    found = grid(material.settings, REAL, EXPERIMENT)
    wanted = [one for one in (found.usual_at_width if found else []) if one.is_at(SPARSITY)]
    if found is None or not wanted:
        return nothing_yet("90 % sparse model", _TRAIN)
    reference, one = found.reference, the_one(wanted, "90 % in 16x16", lambda _: True)
    dense, sparse = reference.system, one.system
    groups = {
        "speaker (CER)": by_speaker(dense, sparse, "characters"),
        "speaking rate (CER)": by_speaking_rate(dense, sparse, "characters"),
    }
    words = read_words(material.folder, REAL)
    overall = {kind: compare_settings(reference, one).difference.estimate for kind in groups}
    note = "No word counts are kept, so rare words are not told apart.\n"
    if words is not None:
        kind, note = "word, by occurrences in training (WER)", ""
        groups[kind] = by_frequency(dense, sparse, words)
        overall[kind] = _mean([part for part in groups[kind] if part.name not in _NO_GROUPS])
    parts = [part for parts in groups.values() for part in parts]
    figure = figures.differences(
        [part.name for part in parts],
        [_interval(part) for part in parts],
        "error rate, sparse less dense, points, with 95 % intervals",
    )
    head = ["by", "group", "utterances", "length", "dense %", "sparse %", "difference, points"]
    head += ["relative"]
    rows = [_row(kind, part) for kind, parts in groups.items() for part in parts]
    return Section(
        f"{_who(groups, overall)}\n\n{table(head, rows)}\n{note}\n"
        + picture(_PICTURE, "the difference in each group"),
        {_PICTURE: figure},
    )


def _who(groups: dict[str, list[Subgroup]], overall: dict[str, float]) -> str:
    """The difference of all, and the groups whose whole interval lies above or below it."""
    text = []
    for kind, parts in groups.items():
        whole = overall[kind]
        own = [part for part in parts if part.name not in _NO_GROUPS]
        more = [f"{one.name} {_gap(one)}" for one in own if _interval(one).low > whole]
        less = [f"{one.name} {_gap(one)}" for one in own if _interval(one).high < whole]
        told = [
            f"{side} for {'; for '.join(ones)}"
            for side, ones in (("more", more), ("less", less))
            if ones
        ]
        apart = "; ".join(told) or "no group is told apart"
        text.append(f"- **By {kind}**: all {100 * whole:+.1f} points; {apart}.\n")
    full = [
        f"{part.name} ({100 * part.rate_a:.0f} %)"
        for parts in groups.values()
        for part in parts
        if part.name not in _NO_GROUPS and part.utterances >= FEW and part.rate_a > NEARLY_ALL
    ]
    if full:
        text.append(
            f"\nLittle was left to lose where the dense model errs already: {'; '.join(full)}.\n"
        )
    return (
        f"{''.join(text)}\nA group is told apart where its interval does not hold the difference "
        "of all. Intervals are not adjusted for the number of groups, and not given for fewer "
        f"than {FEW} utterances."
    )


def _mean(parts: Sequence[Subgroup]) -> float:
    """The difference over all reference words, which insertions are none of."""
    return sum(one.length * one.difference.estimate for one in parts) / sum(
        one.length for one in parts
    )


def _interval(part: Subgroup) -> Interval:
    """Of the difference; without ends where a few utterances say nothing of others."""
    gap = part.difference
    return gap if part.utterances >= FEW else Interval(gap.estimate, math.nan, math.nan)


def _gap(part: Subgroup) -> str:
    gap = _interval(part)
    ends = f" ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})" if np.isfinite(gap.low) else ""
    return f"{100 * gap.estimate:+.1f}{ends}"


def _row(kind: str, part: Subgroup) -> list[str]:
    return [
        kind,
        part.name,
        str(part.utterances),
        str(part.length),
        f"{100 * part.rate_a:.1f}",
        f"{100 * part.rate_b:.1f}",
        _gap(part),
        f"{100 * part.difference.estimate / part.rate_a:+.0f} %" if part.rate_a else "",
    ]
