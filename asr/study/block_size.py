"""Question 2: the size of blocks at equal sparsity."""

from collections.abc import Sequence

from asr.statistics.comparison import ALPHA
from asr.study.compared import (
    Compared,
    beside,
    comparison_figure,
    comparison_table,
    without_reference,
)
from asr.study.plan import BLOCK, is_standard
from asr.study.section import Material, Section, nothing_yet, picture
from asr.study.setting import Setting
from asr.study.wording import seeds_of, signed

MARGIN = 0.1
_PICTURE = "block_size.png"


def section(material: Material) -> Section:
    """A row a block size at 90 %, from single weights to 32x32."""
    rows = _rows(material)
    if not rows:
        return nothing_yet(
            "second block size",
            material.real.command("sparsity=gradual_block", "'sparsity.block=[4,4]'"),
        )
    columns = {"zeros": lambda one: f"{100 * one.sparsity:.1f} %"}
    return Section(
        f"{answer(material)} {_beside_usual(rows)}".rstrip()
        + "".join(_of_chance(one.setting) for one in rows[1:])
        + "\n\n"
        + comparison_table(rows, _name, what="block", more=columns, margin=MARGIN)
        + "\n"
        + picture(_PICTURE, "CER at 90 % by block size"),
        {_PICTURE: comparison_figure(rows, _name)},
    )


def answer(material: Material) -> str:
    """What the zeros cost in each block."""
    found = without_reference(_rows(material))
    if not found:
        return ""
    said = ", ".join(f"{_name(one)} {signed(gap.relative)}" for one, gap in found)
    return (
        f"What 90 % zeros cost of the dense model's CER: {said}; at least "
        f"{seeds_of(*(one for one, _ in found))} each."
    )


def _rows(material: Material) -> list[Compared]:
    """Dense, then 90 % in blocks of rising size; none before there are two."""
    found = material.grid
    sparse = [one for one in found.at_ninety if is_standard(one)] if found else []
    if found is None or len(sparse) < 2:
        return []
    return beside(found.reference, sorted(sparse, key=_size))


def _size(setting: Setting) -> int:
    rows, columns = map(int, (setting.block or "1x1").split("x"))
    return rows * columns


def _name(setting: Setting) -> str:
    if setting.dense:
        return "dense"
    return "single weights" if _size(setting) == 1 else str(setting.block)


def _beside_usual(rows: Sequence[Compared]) -> str:
    """Each block beside the one that sparsities, widths and methods are compared in."""
    sparse = [one.setting for one in rows[1:]]
    usual = next((one for one in sparse if one.block == BLOCK), None)
    if usual is None:
        return ""
    found = beside(usual, [one for one in sparse if one is not usual])[1:]
    said = [
        f"{_name(one.setting)} {signed(one.comparison.relative)}"
        f"{'' if one.p < ALPHA else ' (not told apart)'}"
        for one in found
        if one.comparison is not None
    ]
    return (
        f"Beside {BLOCK}, {seeds_of(usual)}: {', '.join(said)}; p by Holm over these, at least "
        f"{seeds_of(*sparse)} each."
    )


def _of_chance(one: Setting) -> str:
    """How far the seeds of a block lie apart: a step as large may be theirs."""
    if len(one.runs) < 2 or not min(one.rates):
        return ""
    apart = max(one.rates) / min(one.rates) - 1
    return (
        f" The highest of the {seeds_of(one)} of {_name(one)} is {100 * apart:.1f} % above the "
        "lowest: between single seeds a step as large may be chance."
    )
