"""Question 5: where the zeros go, and who pays for them."""

import math

import numpy as np
from numpy.typing import NDArray

from asr.statistics.bootstrap import Interval
from asr.statistics.subgroups import Subgroup, by_frequency, by_speaker, by_speaking_rate
from asr.study import figures
from asr.study.kept import read_words
from asr.study.method import name
from asr.study.plan import BLOCK, EXPERIMENT, REAL, SPARSITY, grid
from asr.study.section import Material, Section, compare_settings, nothing_yet, picture, table
from asr.study.setting import Setting, the_one

_PICTURE, _PAYERS = "where.png", "payers.png"
FEW = 10  # utterances, under which a group gets no interval
NEARLY_ALL = 0.9  # of words or characters wrong before pruning, which leaves little to lose
EVEN = 0.02  # shares this close are equal: a block is one of dozens
_TRAIN = "python train.py -m +experiment=study_width"
_NO_GROUPS = ("insertions", "(unnamed)")  # of words and speakers: no one's


def zeros(material: Material) -> Section:
    """Zeros of each gate of each matrix, by every method at 90 % in 16x16."""
    found = grid(material.settings, REAL, EXPERIMENT)
    shown = [
        one
        for one in (found.equal_width if found else [])
        if one.is_at(SPARSITY) and one.block == BLOCK
    ]
    if not shown:
        return nothing_yet("90 % sparse model", _TRAIN)
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


def payers(material: Material) -> Section:
    """Who pays for 90 % in 16x16: speakers, speaking rates, rare words."""
    found = grid(material.settings, REAL, EXPERIMENT)
    wanted = [one for one in (found.usual_at_width if found else []) if one.is_at(SPARSITY)]
    if found is None or not wanted:
        return nothing_yet("90 % sparse model", _TRAIN)
    reference, one = found.reference, the_one(wanted, "90 % in 16x16", lambda _: True)
    dense, sparse = reference.system, one.system
    groups = {
        "speaker (CER)": by_speaker(dense, sparse, "characters"),
        "speaking rate (CER)": by_speaking_rate(dense, sparse, "characters"),
    }
    words = read_words(material.folder, REAL)
    overall = {kind: compare_settings(reference, one).difference.estimate for kind in groups}
    note = "No word counts are kept, so rare words are not told apart.\n"
    if words is not None:
        kind, note = "word, by occurrences in training (WER)", ""
        groups[kind] = by_frequency(dense, sparse, words)
        overall[kind] = compare_settings(reference, one, "words").difference.estimate
    parts = [part for parts in groups.values() for part in parts]
    figure = figures.differences(
        [part.name for part in parts],
        [_interval(part) for part in parts],
        "error rate, sparse less dense, points, with 95 % intervals",
    )
    head = ["by", "group", "utterances", "length", "dense %", "sparse %", "difference, points"]
    rows = [_row(kind, part) for kind, parts in groups.items() for part in parts]
    return Section(
        f"{_who(groups, overall)}\n\n{table(head, rows)}\n{note}\n"
        + picture(_PAYERS, "the difference in each group"),
        {_PAYERS: figure},
    )


def _who(groups: dict[str, list[Subgroup]], overall: dict[str, float]) -> str:
    """The groups whose whole interval lies above the difference of all."""
    said = [
        f"{part.name} ({_gap(part)} points, by {kind}; all: {100 * overall[kind]:+.1f})"
        for kind, parts in groups.items()
        for part in parts
        if part.name not in _NO_GROUPS and _interval(part).low > overall[kind]
    ]
    full = [
        f"{part.name} ({100 * part.rate_a:.0f} %)"
        for parts in groups.values()
        for part in parts
        if part.name not in _NO_GROUPS and part.utterances >= FEW and part.rate_a > NEARLY_ALL
    ]
    text = "No group's loss can be told from that of all."
    if said:
        text = f"More than the whole test split lose: {'; '.join(said)}."
    if full:
        text += f" Little was left to lose where the dense model errs already: {', '.join(full)}."
    return (
        f"{text} Intervals are not adjusted for the number of groups, and not given for fewer "
        f"than {FEW} utterances."
    )


def _interval(part: Subgroup) -> Interval:
    """Of the difference; without ends where a few utterances say nothing of others."""
    gap = part.difference
    return gap if part.utterances >= FEW else Interval(gap.estimate, math.nan, math.nan)


def _gap(part: Subgroup) -> str:
    gap = _interval(part)
    ends = f" ({100 * gap.low:+.1f} to {100 * gap.high:+.1f})" if np.isfinite(gap.low) else ""
    return f"{100 * gap.estimate:+.1f}{ends}"


def _row(kind: str, part: Subgroup) -> list[str]:
    return [
        kind,
        part.name,
        str(part.utterances),
        str(part.length),
        f"{100 * part.rate_a:.1f}",
        f"{100 * part.rate_b:.1f}",
        _gap(part),
    ]
