"""Question 5, its second half: who pays for the zeros."""

import math
import re
from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from asr.errors import InputError
from asr.statistics.bootstrap import Interval
from asr.statistics.comparison import ALPHA, holm
from asr.statistics.contrast import Contrast
from asr.statistics.subgroups import Lost, Subgroup, by_frequency, by_speaker, by_speaking_rate
from asr.study import figures
from asr.study.kept import read_words
from asr.study.plan import REAL
from asr.study.section import Material, Section, nothing_yet, picture
from asr.study.setting import Setting
from asr.study.wording import p_value, table

_PICTURE = "payers.png"
FEW = 10  # utterances, under which a group gets no interval
NEARLY_ALL = 0.9  # of words or characters wrong before pruning, which leaves little to lose
_WORDS = "word, by occurrences in training (WER)"
_SEARCHED = "word with a language model, by occurrences in training (WER)"
_IN_FIGURE = {_WORDS: "WER", _SEARCHED: "WER, language model"}  # kinds that count words
_NO_GROUPS = ("insertions", "(unnamed)")  # of words and speakers: no one's
_SCALES: Final[dict[str, Callable[[Subgroup], Contrast | None]]] = {
    "points": lambda part: part.to_rest,
    "relative": lambda part: part.relative_to_rest,
}


@dataclass(frozen=True, eq=False)
class _Group:
    """A part of the test split, and how it differs from the rest, with p by Holm, by scale."""

    kind: str
    part: Subgroup
    to_rest: dict[str, tuple[Interval, float]] = field(default_factory=dict)

    @property
    def large(self) -> bool:
        """Whether it says something of others like it."""
        return self.part.utterances >= FEW

    @property
    def already_wrong(self) -> bool:
        """Whether little was left to lose."""
        return self.large and self.part.rate_a > NEARLY_ALL

    @property
    def told_apart(self) -> dict[str, Interval]:
        """By how much from the rest, on the scales that tell it; nothing for what is no group."""
        if self.part.name in _NO_GROUPS:
            return {}
        return {scale: gap for scale, (gap, p) in self.to_rest.items() if p < ALPHA}


def section(material: Material) -> Section:
    """Who pays for 90 % in 16x16: speakers, speaking rates, rare words."""
    groups = _of(material)
    if not groups:
        return nothing_yet("90 % sparse model", material.real.command("sparsity=gradual_block"))
    note = ""
    if not any(one.kind in _IN_FIGURE for one in groups):
        note = "No word counts are kept, so rare words are not told apart.\n"
    figure = figures.differences(
        [f"{one.part.name} ({_IN_FIGURE.get(one.kind, 'CER')})" for one in groups],
        [_interval(one) for one in groups],
        "error rate, sparse less dense, points, with 95 % intervals",
    )
    head = ["by", "group", "utterances", "length", "dense %", "sparse %", "difference, points"]
    head += ["relative, %", "less the rest's, points", "p", "less the rest's, relative, %", "p"]
    return Section(
        f"{''.join(_who(groups))}\n{' '.join(_little_to_lose(groups))}\n\n"
        "Each group is compared with the rest of the split, once by the points that zeros add and "
        "once by what they add in percent of the dense model's errors; p by Holm over all groups "
        f"and both scales. Groups of fewer than {FEW} utterances have no interval and no test.\n\n"
        f"{table(head, list(map(_row, groups)))}\n{note}\n"
        + picture(_PICTURE, "the difference in each group"),
        {_PICTURE: figure},
    )


def answer(material: Material) -> str:
    """What zeros add to the errors of each group, where any is told apart from the rest."""
    groups = _of(material)
    said, nobody = [], []
    for kind, own in _by_kind(groups).items():
        by = re.split(r",| \(", kind)[0]
        if any(one.told_apart for one in own):
            added = ", ".join(
                f"{_signed(_interval(one))} for *{one.part.name}* "
                f"({100 * one.part.rate_a:.0f} % wrong without zeros)"
                for one in own
                if one.part.name not in _NO_GROUPS
            )
            said.append(f"By {by} 90 % zeros add, in points of the error rate: {added}.")
        else:
            nobody.append(by)
    if nobody:
        said.append(f"No group by {' or by '.join(nobody)} is told apart from the rest.")
    return "\n".join(said)


def _of(material: Material) -> Sequence[_Group]:
    found = material.grid
    sparse = found.ninety() if found else None
    if found is None or sparse is None:
        return ()
    pairs = {_WORDS: (found.reference, sparse)}
    searched = material.searched_grid
    if searched and (one := searched.ninety()):
        pairs[_SEARCHED] = searched.reference, one
    return _groups(tuple(pairs.items()), material.folder)


@cache  # for two sections
def _groups(pairs: tuple[tuple[str, tuple[Setting, Setting]], ...], folder: Path) -> list[_Group]:
    """All groups; the words' too where their counts are kept in the folder.

    Args:
        pairs: by kind of words, the dense model and the sparse one by one decoder, greedy first.
        folder: of the kept runs.
    """
    _, (dense, sparse) = pairs[0]
    a, b = dense.system, sparse.system
    parts = {
        "speaker (CER)": by_speaker(a, b, "characters"),
        "speaking rate (CER)": by_speaking_rate(a, b, "characters"),
    }
    words = read_words(folder, REAL)
    if words is not None:
        _refuse_uncounted({word for one in a.references for word in one.split()} - words.keys())
        for kind, (dense, sparse) in pairs:
            parts[kind] = by_frequency(dense.system, sparse.system, words)
    groups = [_Group(kind, part) for kind, own in parts.items() for part in own]
    tested = [
        (one, scale, contrast)
        for one in groups
        for scale, of in _SCALES.items()
        if one.large and (contrast := of(one.part)) and math.isfinite(contrast.p)
    ]
    adjusted = holm([contrast.p for _, _, contrast in tested])
    for (one, scale, contrast), p in zip(tested, adjusted, strict=True):
        one.to_rest[scale] = contrast.difference, p
    return groups


def _refuse_uncounted(words: Set[str]) -> None:
    """A word that was not counted is none that the training texts lack."""
    if words:
        raise InputError(
            f"the counts of words of {REAL}",
            expected="a count of each reference word",
            got=f"{len(words)} without one, such as {min(words)!r}",
            remedy="Keep the runs again, with --train.",
        )


def _by_kind(groups: Sequence[_Group]) -> dict[str, list[_Group]]:
    kinds: dict[str, list[_Group]] = {}
    for one in groups:
        kinds.setdefault(one.kind, []).append(one)
    return kinds


def _who(groups: Sequence[_Group]) -> Iterator[str]:
    for kind, own in _by_kind(groups).items():
        told = [_told(one) for one in own if one.told_apart]
        yield f"- **By {kind}**, told apart from the rest: {'; '.join(told) or 'none'}.\n"


def _told(one: _Group) -> str:
    gaps = [_said(scale, gap) for scale, gap in one.told_apart.items()]
    return f"*{one.part.name}* {' and '.join(gaps)}"


def _said(scale: str, gap: Interval) -> str:
    """How much more or less zeros add than in the rest, in points or in percent of errors."""
    unit = "points" if scale == "points" else "% of the dense model's errors"
    sign = math.copysign(1, gap.estimate)
    ends = sorted(sign * 100 * end for end in (gap.low, gap.high))
    return (
        f"{abs(100 * gap.estimate):.1f} {unit} {'more' if sign > 0 else 'less'} "
        f"({ends[0]:.1f} to {ends[1]:.1f})"
    )


def _little_to_lose(groups: Sequence[_Group]) -> Iterator[str]:
    """Where there was no room to err more, and what became of the words that were right."""
    full = [
        f"{one.part.name} ({100 * one.part.rate_a:.0f} %"
        f"{', with a language model' if one.kind == _SEARCHED else ''})"
        for one in groups
        if one.already_wrong and one.part.name not in _NO_GROUPS
    ]
    if full:
        yield f"Little was left to lose where the dense model errs already: {'; '.join(full)}."
    for kind, how in ((_WORDS, ""), (_SEARCHED, " with a language model")):
        lost = [
            _lost(one.part.name, its)
            for one in groups
            if one.kind == kind and (its := one.part.lost) and its.right >= 1
        ]
        if lost:
            yield (
                f"Of the words that the dense model gets right{how}, the sparse one has wrong "
                f"{', '.join(lost)}."
            )


def _lost(name: str, its: Lost) -> str:
    """What became of the words that the dense model has right, of a group that has some."""
    said = f"{100 * its.by_b / its.right:.0f} % of {its.right:.0f} ({name}"
    if math.isfinite(its.by_seed):
        said += f"; another dense seed {100 * its.by_seed / its.right:.0f} %"
    return f"{said})"


def _interval(one: _Group) -> Interval:
    """Of the difference; without ends where a few utterances say nothing of others."""
    gap = one.part.difference
    return gap if one.large else Interval(gap.estimate, math.nan, math.nan)


def _signed(gap: Interval) -> str:
    ends = f" ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})" if math.isfinite(gap.low) else ""
    return f"{100 * gap.estimate:+.1f}{ends}"


def _row(one: _Group) -> list[str]:
    part, gap = one.part, _interval(one)
    row = [
        one.kind,
        part.name,
        str(part.utterances),
        str(part.length),
        f"{100 * part.rate_a:.1f}",
        f"{100 * part.rate_b:.1f}",
        _signed(gap),
        f"{100 * gap.estimate / part.rate_a:+.0f} %" if part.rate_a else "",
    ]
    for scale in _SCALES:
        if found := one.to_rest.get(scale):
            row += [_signed(found[0]), p_value(found[1])]
        else:
            row += ["", ""]
    return row
