"""Question 3: the method at equal sparsity."""

from collections.abc import Sequence

from asr.study.equal_width import rates_figure
from asr.study.plan import CHEAP, WIDTH, in_grid, is_reference
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
)
from asr.study.setting import Setting, the_one

EXPERIMENT = "study_method"  # on the cheap corpus
SPARSITY = 0.9
_PICTURE = "method.png"
_NAMES = {
    "weight_pruning": "single weights by a threshold (WP)",
    "block_pruning": "blocks by a threshold (BP)",
    "group_lasso_pruning": "group lasso and a threshold (GLP)",
    "group_lasso": "group lasso alone (GL)",
    "gradual_block": "gradual",
    "gradual_regrow": "gradual, regrown",
}


def section(material: Material) -> Section:
    """Every method on the cheap corpus, the best on real speech too."""
    cheap = [
        one
        for one in material.settings
        if one.corpus == CHEAP and one.system.results[0].experiment == EXPERIMENT
    ]
    if not any(one.dense for one in cheap):
        return nothing_yet("methods", "python train.py -m +experiment=study_method")
    dense = the_one(cheap, f"the dense model on {CHEAP}", lambda one: one.dense)
    near = [one for one in cheap if not one.dense and one.is_at(SPARSITY)]
    missed = [one for one in cheap if not one.dense and not one.is_at(SPARSITY)]
    rows = beside(dense, sorted(near, key=lambda one: sum(one.rates) / len(one.rates)))
    text = _sentence(rows, CHEAP) + "\n\n" + _table(rows)
    if missed:
        landed = ", ".join(f"{name(one)} {100 * one.sparsity:.1f} %" for one in missed)
        text += f"\nNot compared, since they landed elsewhere: {landed}.\n"
    text += "\n" + picture(_PICTURE, "CER at 90 % by method, synthetic speech")
    return Section(
        text + _on_real(material),
        {_PICTURE: rates_figure(rows, [name(one.setting) for one in rows])},
    )


def _on_real(material: Material) -> str:
    found = [
        one
        for one in material.settings
        if in_grid(one) and one.hidden == WIDTH and one.is_at(SPARSITY) and one.block == "16x16"
    ]
    if len({name(one) for one in found}) < 2 or not any(map(is_reference, material.settings)):
        return "\nOn real speech no second method is kept yet.\n"
    dense = the_one(material.settings, "the dense model", is_reference)
    rows = beside(dense, sorted(found, key=lambda one: sum(one.rates) / len(one.rates)))
    return f"\nOn real speech:\n\n{_table(rows)}"


def _table(rows: Sequence[Compared]) -> str:
    head = ["method", "zeros", *RATE_HEADS, *DIFFERENCE_HEADS]
    return table(
        head,
        [
            [
                f"{name(one.setting)}, {seeds_of(one.setting)}",
                f"{100 * one.setting.sparsity:.1f} %",
                *rate_cells(one.setting),
                *difference_cells(one),
            ]
            for one in rows
        ],
    )


def name(setting: Setting) -> str:
    """The method with what of it is in question: score, gates, the penalty's step."""
    if setting.dense:
        return "dense"
    pruning = setting.pruning
    said = [_NAMES.get(setting.method, setting.method)]
    if "score" in pruning:
        said.append(f"score {pruning['score']}")
    if penalty := pruning.get("penalty"):
        said.append({"proximal": "proximal", "gradient": "sub-gradient"}[penalty["step"]])
    if pruning["select"]["gates"] == "together":
        said.append("gates together")
    return ", ".join(said)


def _sentence(rows: Sequence[Compared], corpus: str) -> str:
    if len(rows) < 2:
        return f"On {corpus} speech only the dense model is kept yet."
    best, worst = rows[1], rows[-1]
    assert best.comparison is not None
    assert worst.comparison is not None
    return (
        f"On {corpus} speech, {name(best.setting)} costs least, {signed(best.comparison.relative)} "
        f"of CER relative to dense, and {name(worst.setting)} most, "
        f"{signed(worst.comparison.relative)}."
    )
