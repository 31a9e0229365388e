"""Question 5, its first half: where the zeros go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from asr.study import figures
from asr.study.kept import MatrixZeros
from asr.study.method import name
from asr.study.plan import FRAMES, GATES, LASSO, METHODS, REAL, grid
from asr.study.section import Material, Section, nothing_yet, picture
from asr.study.setting import Setting
from asr.study.wording import between, folded, seeds_of, table

_PICTURE = "zeros.png"
_SYNTHETIC: Final = {METHODS: "synthetic speech", LASSO: "synthetic speech in 32-true"}
_FIXED = ("gradual_block", "gradual_regrow")  # the same share of each part that is pruned apart


@dataclass(frozen=True, eq=False)
class _Shares:
    """Of one setting, the shares of zeros in its recurrent layers, all seeds together.

    Args:
        setting: its runs.
        speech: real or synthetic, and the precision where it is not the corpus's usual one.
        splits: the share of each part, of all that the layers, the directions, the two kinds of
            matrix or the gates divide the weights into; a split of one part is left out.
    """

    setting: Setting
    speech: str
    splits: list[dict[str, float]]

    @property
    def what(self) -> str:
        """The method, its block where that is in question, and the speech."""
        return f"{name(self.setting)}, {self.setting.block}, {self.speech}"

    @property
    def free(self) -> bool:
        """Whether the method chooses where its zeros go."""
        together = self.setting.pruning["select"]["gates"] == "together"
        return together or self.setting.method not in _FIXED

    @property
    def share(self) -> dict[str, float]:
        """Of each part of every split."""
        return {part: share for split in self.splits for part, share in split.items()}

    @property
    def extremes(self) -> tuple[str, str]:
        """The parts with most and fewest zeros, of the split whose parts differ most."""
        split = max(self.splits, key=lambda split: max(split.values()) - min(split.values()))
        return max(split, key=split.__getitem__), min(split, key=split.__getitem__)

    @property
    def empty(self) -> str:
        """Rows of the gates' matrices without a weight, of how many; mean of the seeds."""
        parts = [part for run in self.setting.runs for part in run.weights.zeros]
        seeds = len(self.setting.runs)
        rows = self.setting.hidden * len(parts) // seeds
        return f"{round(sum(part.dead_rows for part in parts) / seeds):,} of {rows:,}"


def section(material: Material) -> Section:
    """Zeros by layer, direction, matrix and gate, of every method at 90 %."""
    found = _found(material)
    if not found:
        return nothing_yet("90 % sparse model", material.real.command("sparsity=gradual_block"))
    free, fixed = [one for one in found if one.free], [one for one in found if not one.free]
    text = ""
    if fixed:
        head = ["all gates of all matrices alike, as was asked", "rows without a weight"]
        text = folded(
            "Models that were given the same share of zeros in each gate of each matrix",
            table(head, [[one.what, one.empty] for one in fixed]),
        )
    if not free:
        return Section(text)
    parts = list(dict.fromkeys(part for one in free for part in one.share))
    values = np.array([[one.share.get(part, np.nan) for part in parts] for one in free])
    figure = figures.shares(
        [one.what for one in free], [part.replace(" ", "\n") for part in parts], values
    )
    heads = ["method, block, speech", *parts, "rows without a weight"]
    return Section(
        f"Zeros where the method chooses, in the parts that differ most:\n\n{_most(free)}\n"
        "In percent. Each group of columns splits the same weights: by layer, by direction, by "
        f"matrix, by gate. At least {seeds_of(*(one.setting for one in free))} each; another "
        "seed may change small differences.\n\n"
        f"{table(heads, [_row(one, parts) for one in free])}\n{text}\n"
        + picture(_PICTURE, "zeros by layer, direction, matrix and gate"),
        {_PICTURE: figure},
    )


def answer(material: Material) -> str:
    """Which parts differ most in their share of zeros where a method may choose."""
    found = _found(material)
    places: dict[str, list[_Shares]] = {}
    for one in found:
        if one.free:
            places.setdefault(" over ".join(one.extremes), []).append(one)
    if not places:
        return ""
    said = "; ".join(f"{place} {_by(models)}" for place, models in places.items())
    told = (
        f"Where a method chooses, the parts whose shares of zeros differ most are {said} (at least "
        f"{seeds_of(*(one.setting for one in found if one.free))} each, without intervals)."
    )
    return told + _fixed_on_real_speech(found)


def _by(models: Sequence[_Shares]) -> str:
    """By how much the parts differ that differ most, and which methods do so."""
    ends = [(one.share, *one.extremes) for one in models]
    gaps = [100 * (share[most] - share[least]) for share, most, least in ends]
    methods = dict.fromkeys(name(one.setting) for one in models)
    return f"by {between(gaps, '{:.1f}')} points ({' / '.join(methods)})"


def _fixed_on_real_speech(found: Sequence[_Shares]) -> str:
    """What no method chose there: all of it, or all but what gates that share their zeros do."""
    real = [one for one in found if one.setting.corpus == REAL]
    if real and not any(one.free for one in real):
        return " That is on synthetic speech: on real speech all gates were given the same share."
    if real and all(one.setting.method in _FIXED for one in real):
        return " On real speech gates alone were free; all layers and directions had one share."
    return ""


def _found(material: Material) -> list[_Shares]:
    """Every method at 90 %, of each speech."""
    speeches = {
        material.real: "real speech",
        GATES: "real speech, two layers",
        FRAMES: "real speech in frames of 30 ms",
        **_SYNTHETIC,
    }
    return [
        _Shares(one, speech, _splits(one))
        for experiment, speech in speeches.items()
        if (its := grid(material.settings, experiment))
        for one in its.at_ninety
    ]


def _splits(one: Setting) -> list[dict[str, float]]:
    parts = [part for run in one.runs for part in run.weights.zeros]
    places = [_place(part) for part in parts]
    splits = []
    for names in zip(*places, strict=True):  # all layers, then all directions
        zeros = dict.fromkeys(filter(None, names), 0)
        weights = dict(zeros)
        for part, own in zip(parts, names, strict=True):
            if own:
                zeros[own] += part.zeros
                weights[own] += part.weights
        if len(zeros) > 1:
            splits.append({own: zeros[own] / weights[own] for own in zeros})
    return splits


def _place(part: MatrixZeros) -> tuple[str, str, str, str]:
    """Its layer, direction, kind of matrix and gate; empty what it has not."""
    matrices = part.matrix and f"{part.matrix} matrices"
    return part.layer, part.direction, matrices, part.gate and f"{part.gate} gate"


def _most(free: Sequence[_Shares]) -> str:
    """Of each method, the split whose parts differ most."""
    said = []
    for one in free:
        ends = ", ".join(f"{part} {100 * one.share[part]:.1f} %" for part in one.extremes)
        said.append(f"- **{one.what}**: {ends}.\n")
    return "".join(said)


def _row(one: _Shares, parts: Sequence[str]) -> list[str]:
    shares = [f"{100 * one.share[part]:.1f}" if part in one.share else "" for part in parts]
    return [one.what, *shares, one.empty]
