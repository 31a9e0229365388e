"""Question 2: the size of blocks at equal sparsity."""

from asr.study.equal_width import rates_figure
from asr.study.plan import WIDTH, is_reference, is_standard
from asr.study.section import (
    DIFFERENCE_HEADS,
    RATE_HEADS,
    Compared,
    Material,
    Section,
    beside,
    difference_cells,
    nothing_yet,
    picture,
    rate_cells,
    seeds_of,
    signed,
    table,
    verdict,
)
from asr.study.setting import Setting, the_one

SPARSITY = 0.9
MARGIN = 0.1
_PICTURE = "block_size.png"


def section(material: Material) -> Section:
    """A row a block size at 90 %, from single weights to 32x32."""
    found = [
        one
        for one in material.settings
        if is_standard(one) and one.hidden == WIDTH and one.is_at(SPARSITY)
    ]
    if len(found) < 2 or not any(map(is_reference, material.settings)):
        return nothing_yet("block sizes", "python train.py -m +experiment=study_block")
    dense = the_one(material.settings, "the dense model", is_reference)
    rows = beside(dense, sorted(found, key=_size))
    head = ["block", "zeros", *RATE_HEADS, *DIFFERENCE_HEADS, "within 10 %"]
    return Section(
        f"{_sentence(rows)}\n\n{table(head, list(map(_row, rows)))}\n"
        + picture(_PICTURE, "CER at 90 % by block size"),
        {_PICTURE: rates_figure(rows, [_name(one.setting) for one in rows])},
    )


def _size(setting: Setting) -> int:
    rows, columns = map(int, (setting.block or "1x1").split("x"))
    return rows * columns


def _name(setting: Setting) -> str:
    if setting.dense:
        return "dense"
    return "single weights" if _size(setting) == 1 else str(setting.block)


def _row(one: Compared) -> list[str]:
    setting = one.setting
    return [
        f"{_name(setting)}, {seeds_of(setting)}",
        f"{100 * setting.sparsity:.1f} %",
        *rate_cells(setting),
        *difference_cells(one),
        "" if one.comparison is None else verdict(one.comparison, MARGIN),
    ]


def _sentence(rows: list[Compared]) -> str:
    first, last = rows[1], rows[-1]
    assert first.comparison is not None
    assert last.comparison is not None
    return (
        f"At 90 %, {_name(first.setting)} cost {signed(first.comparison.relative)} of CER relative "
        f"to dense and {_name(last.setting)} blocks {signed(last.comparison.relative)}."
    )
