"""Question 2: the size of blocks at equal sparsity."""

from asr.study.plan import EXPERIMENT, REAL, SPARSITY, grid, is_standard
from asr.study.section import (
    Compared,
    Material,
    Section,
    beside,
    compare_settings,
    comparison_figure,
    comparison_table,
    nothing_yet,
    picture,
    seeds_of,
    signed,
)
from asr.study.setting import Setting

MARGIN = 0.1
_PICTURE = "block_size.png"


def section(material: Material) -> Section:
    """A row a block size at 90 %, from single weights to 32x32."""
    found = grid(material.settings, REAL, EXPERIMENT)
    sparse = [
        one
        for one in (found.equal_width if found else [])
        if is_standard(one) and one.is_at(SPARSITY)
    ]
    if found is None or len(sparse) < 2:
        return nothing_yet("second block size", "python train.py -m +experiment=study_block")
    rows = beside(found.reference, sorted(sparse, key=_size))
    columns = {"zeros": lambda one: f"{100 * one.sparsity:.1f} %"}
    return Section(
        f"{_sentence(rows)}\n\n"
        + comparison_table(rows, _name, what="block", more=columns, margin=MARGIN)
        + "\n"
        + picture(_PICTURE, "CER at 90 % by block size"),
        {_PICTURE: comparison_figure(rows, _name)},
    )


def _size(setting: Setting) -> int:
    rows, columns = map(int, (setting.block or "1x1").split("x"))
    return rows * columns


def _name(setting: Setting) -> str:
    if setting.dense:
        return "dense"
    return "single weights" if _size(setting) == 1 else str(setting.block)


def _sentence(rows: list[Compared]) -> str:
    said = [
        f"{_name(one.setting)} {signed(one.comparison.relative)}"
        for one in rows[1:]
        if one.comparison is not None
    ]
    least = seeds_of(*(one.setting for one in rows[1:]))
    small, large = rows[1].setting, rows[-1].setting
    gap = compare_settings(small, large).relative
    return (
        f"CER at 90 % relative to dense ({least} at least): {', '.join(said)}. The largest beside "
        f"the smallest, {_name(large)} to {_name(small)}: {signed(gap)}."
    )
