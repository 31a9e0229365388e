"""Question 1: dense against block-sparse at equal width."""

from collections.abc import Sequence

from asr.study.compared import (
    Compared,
    beside,
    comparison_figure,
    comparison_table,
    in_seeds,
    verdict,
    without_reference,
)
from asr.study.kept import validations
from asr.study.section import Material, Section, nothing_yet, picture
from asr.study.setting import Setting
from asr.study.wording import between, seeds_of, signed

MARGIN = 0.05
PICTURE = "equal_width.png"


def section(material: Material) -> Section:
    """A row a sparsity in 16x16 blocks, and whether each is within 5 % of dense."""
    rows = compared(material)
    if rows is None:
        return nothing_yet(
            "sparse model of equal width", material.real.command("sparsity=gradual_block")
        )
    columns = {"weights not zero": lambda one: f"{one.nonzero:,}"}
    return Section(
        f"{answer(material)}\n\n"
        + comparison_table(rows, name, what="model", more=columns, margin=MARGIN)
        + _still_learning([one.setting for one in rows])
        + "\n"
        + picture(PICTURE, "CER of the dense model and of sparse ones"),
        {PICTURE: comparison_figure(rows, name)},
    )


def answer(material: Material) -> str:
    """What the dense model's rate becomes with zeros, and how many are within the margin."""
    rows = compared(material) or []
    found = without_reference(rows)
    if not found:
        return ""
    rates = "; ".join(
        f"{100 * one.cer:.1f} % at {100 * one.sparsity:.0f} % zeros, {signed(gap.relative)}, "
        f"{seeds_of(one)}{in_seeds(rows[0].setting, one)}"
        for one, gap in found
    )
    verdicts = [verdict(gap, MARGIN) for _, gap in found]
    return (
        f"The dense model's CER of {100 * rows[0].setting.cer:.1f} % becomes {rates}. Within "
        f"{100 * MARGIN:g} % of it: shown for {verdicts.count('shown')} of {len(found)}, refuted "
        f"for {verdicts.count('refuted')}."
    )


def compared(material: Material) -> list[Compared] | None:
    """Dense, then the sparsities in 16x16 in rising order."""
    found = material.grid
    if found is None:
        return None
    sparse = found.usual_at_width
    return beside(found.reference, sparse) if sparse else None


def name(setting: Setting) -> str:
    """By its zeros."""
    return "dense" if setting.dense else f"{100 * setting.sparsity:.0f} % in {setting.block}"


def _still_learning(models: Sequence[Setting]) -> str:
    """What the last epoch changed: a model that was still falling might have come closer.

    (Where an average of weights is scored, its forgetting falls too.)
    """
    said = []
    for one in models:
        rates = [validations(run)[-2:] for run in one.runs]
        fell = [100 * (each[1] - each[0]) for each in rates if len(each) == 2]
        if fell:
            said.append(f"{name(one)} {between(fell, '{:+.1f}')}")
    if not said:
        return ""
    return f"\nIn the last epoch the validation CER changed by, in points: {'; '.join(said)}.\n"
