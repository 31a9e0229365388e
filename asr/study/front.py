"""The few lines that the front page takes from the study."""

from asr.statistics.comparison import compare
from asr.study.plan import EXPERIMENT, REAL, SPARSITY, Grid, grid
from asr.study.section import (
    Material,
    Section,
    beside,
    comparison_figure,
    nothing_yet,
    picture,
    rate_cells,
    seeds_of,
    signed,
    table,
    units_and_zeros,
)
from asr.study.setting import Setting

_PICTURE = "front.png"


def section(material: Material) -> Section:
    """Dense and block-sparse models of every width, with sizes."""
    found = grid(material.settings, REAL, EXPERIMENT)
    if found is None or not found.others:
        return nothing_yet(
            "sparse model on real speech", "python train.py -m +experiment=study_width"
        )
    rows = beside(found.reference, found.others)
    head = [
        "model",
        "weights not zero",
        "file in fp16",
        "CER %",
        "WER %",
        "CER, relative to the first",
    ]
    return Section(
        _sentence(found)
        + table(
            head,
            [
                _row(one.setting, signed(one.comparison.relative) if one.comparison else "")
                for one in rows
            ],
        )
        + "\n"
        + picture(_PICTURE, "CER of dense and sparse models"),
        {_PICTURE: comparison_figure(rows, units_and_zeros)},
    )


def _sentence(found: Grid) -> str:
    """What 90 % cost at equal width, and beside a dense model of as many weights."""
    ninety = [one for one in found.usual if one in found.equal_width and one.is_at(SPARSITY)]
    if not ninety:
        return ""
    one = ninety[0]
    said = [f"**{units_and_zeros(one)}**: CER {_beside(found.reference, one)}"]
    said += [_beside(other, one) for other in found.as_large(one)]
    return f"{', and '.join(said)}.\n\n"


def _beside(dense: Setting, one: Setting) -> str:
    gap = compare(dense.system, one.system, unit="characters").relative
    share = one.nonzero / dense.nonzero
    return f"{signed(gap)} relative to {units_and_zeros(dense)} with {share:.2f} times its weights"


def _row(one: Setting, difference: str) -> list[str]:
    cer, _, wer = rate_cells(one)
    file = one.runs[0].weights.file_exported["fp16"]
    size = f"{file / 1e6:.2f} MB"
    return [
        f"{units_and_zeros(one)}, {seeds_of(one)}",
        f"{one.nonzero:,}",
        size,
        cer,
        wer,
        difference,
    ]
