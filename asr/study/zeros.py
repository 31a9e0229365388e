"""Question 5, its first half: where the zeros go."""

import numpy as np
from numpy.typing import NDArray

from asr.study import figures
from asr.study.method import name
from asr.study.plan import BLOCK, EXPERIMENT, REAL, SPARSITY, grid
from asr.study.section import Material, Section, nothing_yet, picture, table
from asr.study.setting import Setting

_PICTURE = "zeros.png"
EVEN = 0.02  # shares this close are equal: a block is one of dozens


def section(material: Material) -> Section:
    """Zeros of each gate of each matrix, by every method at 90 % in 16x16."""
    found = grid(material.settings, REAL, EXPERIMENT)
    shown = [
        one
        for one in (found.equal_width if found else [])
        if one.is_at(SPARSITY) and one.block == BLOCK
    ]
    if not shown:
        return nothing_yet("90 % sparse model", "python train.py -m +experiment=study_width")
    parts = shown[0].runs[0].weights.zeros
    matrices = list(dict.fromkeys(part.matrix for part in parts))
    gates = list(dict.fromkeys(part.gate for part in parts))
    columns = [(one, gate) for one in shown for gate in gates]
    values = np.array(
        [[_share(one, matrix, gate) for one, gate in columns] for matrix in matrices],
        dtype=np.float64,
    )
    heads = [f"{name(one)}: {gate}" for one, gate in columns]
    rows = [
        [matrix, *(f"{100 * share:.1f}" for share in shares)]
        for matrix, shares in zip(matrices, values, strict=True)
    ]
    letters = [chr(ord("A") + index) for index in range(len(shown))]
    short = [f"{gate}\n{letter}" for letter in letters for gate in gates]
    legend = "; ".join(f"{letter}: {name(one)}" for letter, one in zip(letters, shown, strict=True))
    return Section(
        f"{_where(matrices, heads, values)} Zeros in percent of each gate of each matrix, mean of "
        f"the seeds.\n\n{table(['matrix', *heads], rows)}\n{picture(_PICTURE, legend)}",
        {_PICTURE: figures.shares(matrices, short, values)},
    )


def _where(matrices: list[str], heads: list[str], values: NDArray[np.float64]) -> str:
    """The emptiest gate and the fullest one."""
    most = np.unravel_index(np.nanargmax(values), values.shape)
    least = np.unravel_index(np.nanargmin(values), values.shape)
    if values[most] - values[least] < EVEN:
        return "Every gate of every matrix is as sparse as the others, as was asked."
    return (
        f"Where the method is free to choose, most goes from {matrices[most[0]]} "
        f"({heads[most[1]]}: {100 * values[most]:.1f} %) and least from {matrices[least[0]]} "
        f"({heads[least[1]]}: {100 * values[least]:.1f} %)."
    )


def _share(one: Setting, matrix: str, gate: str) -> float:
    shares = [
        part.zeros / part.weights
        for run in one.runs
        for part in run.weights.zeros
        if (part.matrix, part.gate) == (matrix, gate)
    ]
    return sum(shares) / len(shares) if shares else float("nan")
