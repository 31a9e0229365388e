"""The few lines that the front page takes from the study."""

from asr.study.larger import name
from asr.study.plan import in_grid, is_reference, is_standard
from asr.study.section import (
    DIFFERENCE_HEADS,
    RATE_HEADS,
    Material,
    Section,
    beside,
    difference_cells,
    nothing_yet,
    rate_cells,
    seeds_of,
    table,
)
from asr.study.setting import the_one


def section(material: Material) -> Section:
    """Dense and block-sparse models of every width, with sizes."""
    if not any(map(is_reference, material.settings)):
        return nothing_yet("the grid", "python train.py -m +experiment=study_width")
    dense = the_one(material.settings, "the dense model", is_reference)
    others = [
        one
        for one in material.settings
        if in_grid(one)
        and one is not dense
        and (one.dense or is_standard(one))
        and one.block in (None, "16x16")
    ]
    rows = beside(dense, sorted(others, key=lambda one: (one.hidden, one.sparsity)))
    head = ["model", "weights not zero", "file in fp16", *RATE_HEADS, *DIFFERENCE_HEADS]
    cells = [
        [
            f"{name(one.setting)}, {seeds_of(one.setting)}",
            f"{one.setting.nonzero:,}",
            f"{one.setting.runs[0].weights.file_exported['fp16'] / 1e6:.2f} MB",
            *rate_cells(one.setting),
            *difference_cells(one),
        ]
        for one in rows
    ]
    return Section(table(head, cells))
