"""Question 5, its second half: who pays for the zeros."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from asr.statistics.bootstrap import Interval
from asr.statistics.comparison import ALPHA, holm
from asr.statistics.contrast import Contrast
from asr.statistics.subgroups import (
    ENOUGH,
    Subgroup,
    by_frequency,
    by_speaker,
    by_speaking_rate,
)
from asr.study import figures
from asr.study.kept import read_words
from asr.study.plan import EXPERIMENT, REAL, grid
from asr.study.section import Material, Section, nothing_yet, p_value, picture, table

_PICTURE = "payers.png"
FEW = 10  # utterances, under which a group gets no interval
NEARLY_ALL = 0.9  # of words or characters wrong before pruning, which leaves little to lose
_TRAIN = "python train.py -m +experiment=study_width"
_NO_GROUPS = ("insertions", "(unnamed)")  # of words and speakers: no one's
_SCALES: Final[dict[str, Callable[[Subgroup], Contrast | None]]] = {
    "points": lambda part: part.to_rest,
    "relative": lambda part: part.relative_to_rest,
}


@dataclass(frozen=True, eq=False)
class _Group:
    """A part of the test split, and what of it differs from the rest: p by Holm over a scale."""

    kind: str
    part: Subgroup
    to_rest: dict[str, tuple[Interval, float]] = field(default_factory=dict)  # by scale

    @property
    def large(self) -> bool:
        """Whether it says something of others like it."""
        return self.part.utterances >= FEW

    @property
    def someone(self) -> bool:
        return self.part.name not in _NO_GROUPS


def section(material: Material) -> Section:
    """Who pays for 90 % in 16x16: speakers, speaking rates, rare words."""
    groups = _groups(material)
    if not groups:
        return nothing_yet("90 % sparse model", _TRAIN)
    note = ""
    if read_words(material.folder, REAL) is None:
        note = "No word counts are kept, so rare words are not told apart.\n"
    figure = figures.differences(
        [one.part.name for one in groups],
        [_interval(one) for one in groups],
        "error rate, sparse less dense, points, with 95 % intervals",
    )
    head = ["by", "group", "utterances", "length", "dense %", "sparse %", "difference, points"]
    head += ["relative", "less the rest's, points", "p", "less the rest's, relative", "p"]
    return Section(
        f"{''.join(_who(groups))}\n{_already_wrong(groups)}"
        "Each group is compared with the rest of the split, once by the points that zeros add and "
        "once by what they add relative to the dense model's errors; p by Holm over all groups. "
        f"Groups of fewer than {FEW} utterances have no interval, those of fewer than {ENOUGH} no "
        "test.\n\n"
        f"{table(head, list(map(_row, groups)))}\n{note}\n"
        + picture(_PICTURE, "the difference in each group"),
        {_PICTURE: figure},
    )


def answer(material: Material) -> str:
    """Who pays more than the rest, and who less."""
    groups = _groups(material)
    said = []
    for kind, own in _by_kind(groups).items():
        told = [
            f"{one.part.name} ({'more' if next(iter(gaps.values())).estimate > 0 else 'less'})"
            for one, gaps in own
        ]
        by = re.split(r",| \(", kind)[0]
        said.append(f"by {by} for {', '.join(told) or 'no group'}")
    return f"What zeros add differs from the rest's {'; '.join(said)}." if said else ""


def _groups(material: Material) -> list[_Group]:
    """All groups, or none without a 90 % sparse model."""
    found = grid(material.settings, REAL, EXPERIMENT)
    if found is None or found.ninety is None:
        return []
    dense, sparse = found.reference.system, found.ninety.system
    parts = {
        "speaker (CER)": by_speaker(dense, sparse, "characters"),
        "speaking rate (CER)": by_speaking_rate(dense, sparse, "characters"),
    }
    words = read_words(material.folder, REAL)
    if words is not None:
        parts["word, by occurrences in training (WER)"] = by_frequency(dense, sparse, words)
    groups = [_Group(kind, part) for kind, own in parts.items() for part in own]
    for scale, of in _SCALES.items():
        tested = [
            (one, contrast)
            for one in groups
            if (contrast := of(one.part)) and math.isfinite(contrast.p)
        ]
        adjusted = holm([contrast.p for _, contrast in tested])
        for (one, contrast), p in zip(tested, adjusted, strict=True):
            one.to_rest[scale] = contrast.difference, p
    return groups


def _by_kind(groups: Sequence[_Group]) -> dict[str, list[tuple[_Group, dict[str, Interval]]]]:
    """Of each kind, the groups that are told apart from the rest, and how far, by scale."""
    found: dict[str, list[tuple[_Group, dict[str, Interval]]]] = {one.kind: [] for one in groups}
    for one in groups:
        gaps = {scale: gap for scale, (gap, p) in one.to_rest.items() if p < ALPHA}
        if gaps and one.someone:
            found[one.kind].append((one, gaps))
    return found


def _who(groups: Sequence[_Group]) -> Iterator[str]:
    for kind, own in _by_kind(groups).items():
        told = [
            f"{one.part.name} {' and '.join(map(_said, gaps, gaps.values()))}" for one, gaps in own
        ]
        yield f"- **By {kind}**, told apart from the rest: {'; '.join(told) or 'none'}.\n"


def _said(scale: str, gap: Interval) -> str:
    unit = "points" if scale == "points" else "% of its errors"
    return f"{100 * gap.estimate:+.1f} {unit} {_ends(gap)}"


def _already_wrong(groups: Sequence[_Group]) -> str:
    full = [
        f"{one.part.name} ({100 * one.part.rate_a:.0f} %)"
        for one in groups
        if one.someone and one.large and one.part.rate_a > NEARLY_ALL
    ]
    if not full:
        return ""
    return f"Little was left to lose where the dense model errs already: {'; '.join(full)}.\n\n"


def _interval(one: _Group) -> Interval:
    """Of the difference; without ends where a few utterances say nothing of others."""
    gap = one.part.difference
    return gap if one.large else Interval(gap.estimate, math.nan, math.nan)


def _ends(gap: Interval) -> str:
    return f"({100 * gap.low:+.1f} to {100 * gap.high:+.1f})" if math.isfinite(gap.low) else ""


def _row(one: _Group) -> list[str]:
    part, gap = one.part, _interval(one)
    row = [
        one.kind,
        part.name,
        str(part.utterances),
        str(part.length),
        f"{100 * part.rate_a:.1f}",
        f"{100 * part.rate_b:.1f}",
        f"{100 * gap.estimate:+.1f} {_ends(gap)}".strip(),
        f"{100 * gap.estimate / part.rate_a:+.0f} %" if part.rate_a else "",
    ]
    for scale in _SCALES:
        if found := one.to_rest.get(scale):
            row += [f"{100 * found[0].estimate:+.1f} {_ends(found[0])}".strip(), p_value(found[1])]
        else:
            row += ["", ""]
    return row
