"""Question 5, its first half: where the zeros go."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from asr.study import figures
from asr.study.kept import MatrixZeros
from asr.study.method import name
from asr.study.plan import CHEAP, EXPERIMENT, METHODS, REAL, SPARSITY, grid
from asr.study.section import Material, Section, nothing_yet, picture, table
from asr.study.setting import Setting

_PICTURE = "zeros.png"
_MATRIX = re.compile(r"(layer \d+)(?: (\w+))?, (\w+)$")
EVEN = 0.02  # shares this close are equal: a block is one of dozens


@dataclass(frozen=True)
class Shares:
    """Of one setting, the shares of zeros in parts of its recurrent layers, all seeds together."""

    setting: Setting
    speech: str
    share: dict[str, float]  # by layer, direction, matrix and gate
    empty_rows: int  # outputs that no input reaches, of all matrices and gates; mean of the seeds

    @property
    def even(self) -> bool:
        """Whether every part is as sparse as the others."""
        return max(self.share.values()) - min(self.share.values()) < EVEN


def section(material: Material) -> Section:
    """Zeros by layer, direction, matrix and gate, of every method at 90 %."""
    found = [
        _shares(one, speech)
        for corpus, experiment, speech in (
            (REAL, EXPERIMENT, "real"),
            (CHEAP, METHODS, "synthetic"),
        )
        if (its := grid(material.settings, corpus, experiment))
        for one in its.equal_width
        if one.is_at(SPARSITY)
    ]
    if not found:
        return nothing_yet("90 % sparse model", "python train.py -m +experiment=study_width")
    free = [one for one in found if not one.even]
    even = dict.fromkeys(name(one.setting) for one in found if one.even)
    text = f"As sparse in every part, as was asked: {'; '.join(even)}.\n" if even else ""
    if not free:
        return Section(text, {})
    parts = list(dict.fromkeys(part for one in free for part in one.share))
    heads = ["method", "speech", *parts, "rows without a weight"]
    values = np.array([[one.share.get(part, np.nan) for part in parts] for one in free])
    names = [f"{name(one.setting)}, {one.speech}" for one in free]
    figure = figures.shares(names, [part.replace(" ", "\n") for part in parts], values)
    return Section(
        f"Where the method is free to choose; each layer, both directions, both kinds of matrix "
        f"and all gates are the recurrent layers' whole weights, divided differently.\n\n"
        f"{_most(free)}\nZeros in percent.\n\n"
        f"{table(heads, [_row(one, parts) for one in free])}\n{text}\n"
        + picture(_PICTURE, "zeros by layer, direction, matrix and gate"),
        {_PICTURE: figure},
    )


def _shares(one: Setting, speech: str) -> Shares:
    zeros: dict[str, int] = {}
    weights: dict[str, int] = {}
    parts = [part for run in one.runs for part in run.weights.zeros]
    groups = [_groups(part) for part in parts]
    for kind in range(max(map(len, groups))):  # all layers, then all directions
        for part, of in zip(parts, groups, strict=True):
            if kind < len(of) and of[kind]:
                zeros[of[kind]] = zeros.get(of[kind], 0) + part.zeros
                weights[of[kind]] = weights.get(of[kind], 0) + part.weights
    empty = round(sum(part.dead_rows for part in parts) / len(one.runs))
    return Shares(one, speech, {each: zeros[each] / weights[each] for each in zeros}, empty)


def _groups(part: MatrixZeros) -> list[str]:
    """Its layer, direction, matrix and gate, as far as it has them."""
    place = _MATRIX.match(part.matrix)
    if not place:
        return [part.matrix]
    layer, way, matrix = place.groups()
    gate = "" if part.gate == "all" else f"{part.gate} gate"
    return [layer, way or "", f"{matrix} matrices", gate]


def _most(free: Sequence[Shares]) -> str:
    """Of each method, the emptiest part and the fullest one."""
    said = []
    for one in free:
        most, least = (pick(one.share, key=one.share.__getitem__) for pick in (max, min))
        said.append(
            f"- **{name(one.setting)}** ({one.speech} speech): most zeros in {most} "
            f"({100 * one.share[most]:.1f} %), fewest in {least} ({100 * one.share[least]:.1f} %)."
        )
    return "\n".join(said) + "\n"


def _row(one: Shares, parts: Sequence[str]) -> list[str]:
    shares = [f"{100 * one.share[part]:.1f}" if part in one.share else "" for part in parts]
    return [name(one.setting), one.speech, *shares, f"{one.empty_rows:,}"]
