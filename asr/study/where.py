"""Question 5: where the zeros go, and who pays for them."""

import numpy as np
from numpy.typing import NDArray

from asr.statistics.subgroups import Subgroup, by_frequency, by_speaker, by_speaking_rate
from asr.study import figures
from asr.study.kept import read_words
from asr.study.method import name
from asr.study.plan import REAL, WIDTH, in_grid, is_reference, is_standard
from asr.study.section import Material, Section, nothing_yet, picture, table
from asr.study.setting import Setting, the_one

_PICTURE, _PAYERS = "where.png", "payers.png"
EVEN = 0.02  # shares this close are equal: a block is one of dozens


def zeros(material: Material) -> Section:
    """Sparsity by matrix and gate, of every setting that leaves any of it to the method."""
    found = [
        one
        for one in material.settings
        if in_grid(one) and one.hidden == WIDTH and one.is_at(0.9) and one.block == "16x16"
    ]
    if not found:
        return nothing_yet("90 % sparse models", "python train.py -m +experiment=study_width")
    columns = [(one, gate) for one in found for gate in ("reset", "update", "new")]
    places = [
        (layer, direction, matrix)
        for layer in sorted({part.layer for part in found[0].runs[0].weights.zeros})
        for direction in ("forwards", "backwards")
        for matrix in ("input", "recurrent")
    ]
    values = np.array(
        [[_share(one, *place, gate) for one, gate in columns] for place in places], dtype=np.float64
    )
    names = [f"layer {layer} {direction}, {matrix}" for layer, direction, matrix in places]
    heads = [f"{name(one)}: {gate}" for one, gate in columns]
    rows = [
        [place, *(f"{100 * share:.1f}" for share in shares)]
        for place, shares in zip(names, values, strict=True)
    ]
    short = [f"{gate}\n{chr(ord('A') + index // 3)}" for index, (_, gate) in enumerate(columns)]
    legend = "; ".join(f"{chr(ord('A') + i)}: {name(one)}" for i, one in enumerate(found))
    return Section(
        f"{_where(names, heads, values)} Zeros in percent of each gate of each matrix, mean of the "
        f"seeds.\n\n"
        f"{table(['matrix', *heads], rows)}\n{picture(_PICTURE, legend)}",
        {_PICTURE: figures.shares(names, short, values)},
    )


def _where(places: list[str], heads: list[str], values: NDArray[np.float64]) -> str:
    """The emptiest gate and the fullest one."""
    (y, x), (v, u) = (
        np.unravel_index(at, values.shape) for at in (values.argmax(), values.argmin())
    )
    if values[y, x] - values[v, u] < EVEN:
        return "Every gate of every matrix is as sparse as the others, as was asked."
    return (
        f"Where the method is free to choose, most goes from {places[y]} ({heads[x]}: "
        f"{100 * values[y, x]:.1f} %) and least from {places[v]} ({heads[u]}: "
        f"{100 * values[v, u]:.1f} %)."
    )


def _share(one: Setting, layer: int, direction: str, matrix: str, gate: str) -> float:
    shares = [
        part.zeros / part.weights
        for run in one.runs
        for part in run.weights.zeros
        if (part.layer, part.direction, part.matrix, part.gate) == (layer, direction, matrix, gate)
    ]
    return sum(shares) / len(shares) if shares else float("nan")


def payers(material: Material) -> Section:
    """Who pays for 90 % in 16x16: speakers, speaking rates, rare words."""
    wanted = [
        one
        for one in material.settings
        if is_standard(one) and one.hidden == WIDTH and one.block == "16x16" and one.is_at(0.9)
    ]
    if not wanted or not any(map(is_reference, material.settings)):
        return nothing_yet("90 % sparse models", "python train.py -m +experiment=study_width")
    dense = the_one(material.settings, "the dense model", is_reference).system
    sparse = the_one(wanted, "90 % in 16x16", lambda _: True).system
    groups = {
        "speaker (CER)": by_speaker(dense, sparse, "characters"),
        "speaking rate (CER)": by_speaking_rate(dense, sparse, "characters"),
    }
    words = read_words(material.folder, REAL)
    if words is not None:
        groups["word, by occurrences in training (WER)"] = by_frequency(dense, sparse, words)
    rows = [_row(kind, part) for kind, parts in groups.items() for part in parts]
    head = ["by", "group", "utterances", "length", "dense %", "sparse %", "difference, points"]
    parts = [part for parts in groups.values() for part in parts]
    figure = figures.differences(
        [part.name for part in parts],
        [part.difference for part in parts],
        "error rate, sparse less dense, points, with 95 % intervals",
    )
    return Section(
        f"{_who(groups)}\n\n{table(head, rows)}\n"
        + picture(_PAYERS, "the difference in each group"),
        {_PAYERS: figure},
    )


def _who(groups: dict[str, list[Subgroup]]) -> str:
    """The group that loses most of each kind."""
    said = []
    for kind, parts in groups.items():
        named = [part for part in parts if np.isfinite(part.difference.low)]
        if named:
            worst = max(named, key=lambda part: part.difference.estimate)
            said.append(f"by {kind}: {worst.name} ({100 * worst.difference.estimate:+.1f} points)")
    return f"Who loses most, {'; '.join(said)}." if said else "No group's interval can be told."


def _row(kind: str, part: Subgroup) -> list[str]:
    gap = part.difference
    ends = f" ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})" if np.isfinite(gap.low) else ""
    return [
        kind,
        part.name,
        str(part.utterances),
        str(part.length),
        f"{100 * part.rate_a:.1f}",
        f"{100 * part.rate_b:.1f}",
        f"{100 * gap.estimate:+.1f}{ends}",
    ]
