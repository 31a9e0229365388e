"""Question 1: dense against block-sparse at equal width."""

from matplotlib.figure import Figure

from asr.statistics.comparison import counts
from asr.statistics.interval import error_rate_interval
from asr.study import figures
from asr.study.plan import REAL, WIDTH, is_reference, is_standard
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

MARGIN = 0.05
_PICTURE = "equal_width.png"


def section(material: Material) -> Section:
    """A row a sparsity in 16x16 blocks, and whether each is within 5 % of dense."""
    found = [
        one
        for one in material.settings
        if is_standard(one) and one.hidden == WIDTH and one.block == "16x16"
    ]
    if not found or not any(map(is_reference, material.settings)):
        return nothing_yet("dense and sparse models", "python train.py -m +experiment=study_width")
    dense = the_one(material.settings, f"the dense model on {REAL}", is_reference)
    rows = beside(dense, sorted(found, key=lambda one: one.sparsity))
    head = ["model", "weights not zero", *RATE_HEADS, *DIFFERENCE_HEADS, "within 5 %"]
    text = "\n".join(map(_sentence, rows[1:])) + "\n\n" + table(head, list(map(_row, rows)))
    return Section(
        text + "\n" + picture(_PICTURE, "CER of dense and of 80, 90 and 95 % sparse models"),
        {_PICTURE: rates_figure(rows, [_name(one.setting) for one in rows])},
    )


def rates_figure(rows: list[Compared], names: list[str]) -> Figure:
    """The CER of each row with its interval and seeds."""
    return figures.rates(
        names,
        [error_rate_interval(*counts(one.setting.system, "characters")) for one in rows],
        [one.setting.rates for one in rows],
        "CER on the test split, %, with 95 % intervals; ticks: seeds",
    )


def _row(one: Compared) -> list[str]:
    within = "" if one.comparison is None else verdict(one.comparison, MARGIN)
    setting = one.setting
    return [
        f"{_name(setting)}, {seeds_of(setting)}",
        f"{setting.nonzero:,}",
        *rate_cells(setting),
        *difference_cells(one),
        within,
    ]


def _name(setting: Setting) -> str:
    return "dense" if setting.dense else f"{100 * setting.sparsity:.0f} % in {setting.block}"


def _sentence(one: Compared) -> str:
    assert one.comparison is not None
    said = {
        "shown": "which shows it within 5 % of dense",
        "refuted": "which refutes that it is within 5 % of dense",
        "open": "which leaves open whether it is within 5 % of dense",
    }[verdict(one.comparison, MARGIN)]
    return (
        f"- **{_name(one.setting)}** ({seeds_of(one.setting)}): CER "
        f"{signed(one.comparison.relative)} relative to dense, {said}."
    )
