"""Beside question 1: whether zeros cost less where training is longer."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from asr.statistics.bootstrap import Interval
from asr.statistics.comparison import ALPHA, Unit, counts, holm
from asr.statistics.contrast import Ratio, contrast
from asr.study.equal_width import MARGIN
from asr.study.plan import LONGER, Grid, grid
from asr.study.recipe import augmented, frames, leaves
from asr.study.section import (
    Material,
    Section,
    compare_settings,
    nothing_yet,
    percent,
    points,
    seeds_of,
    signed,
    table,
    verdict,
)
from asr.study.setting import Setting, refuse_several_decoders
from asr.training.run_key import UNHASHED

_EPOCHS = "training.epochs"
_RATES: Final[dict[Unit, str]] = {"characters": "CER", "words": "WER"}


@dataclass(frozen=True, eq=False)
class _Pair:
    """The dense model and the usual sparse one by one recipe."""

    dense: Setting
    sparse: Setting

    @property
    def epochs(self) -> int:
        return int(self.dense.config["training"]["epochs"])

    @property
    def keys(self) -> tuple[str, str]:
        """Group keys, the same by either decoder."""
        return self.dense.group_key, self.sparse.group_key

    @property
    def shape(self) -> tuple[int, int]:
        return self.dense.layers, self.dense.hidden

    @property
    def seeds(self) -> str:
        """The fewer of the two models'."""
        return seeds_of(self.dense, self.sparse)

    def cost(self, unit: Unit) -> Interval:
        """Of the zeros, relative to the dense model."""
        return compare_settings(self.dense, self.sparse, unit).relative


@dataclass(frozen=True, eq=False)
class _Cost:
    """What zeros cost by a longer training, beside what they cost by the shorter one.

    Args:
        long: both models by the longer training.
        unit: of the errors.
        searched: with a language model.
        before: relative to the dense model, by the shorter training.
        after: by the longer one.
        change: the second less the first.
        p: of no change, by Holm over all of these costs.
    """

    long: _Pair
    unit: Unit
    searched: bool
    before: Interval
    after: Interval
    change: Interval
    p: float

    @property
    def told(self) -> str:
        if math.isnan(self.p):  # a dense model without errors: nothing to divide by
            return "not compared"
        return "told apart" if self.p < ALPHA else "not told apart"

    @property
    def beside(self) -> str:
        """The shorter training's cost, and whether it is another one."""
        return f"instead of {100 * self.before.estimate:+.1f} %, {self.told}"

    @property
    def rate(self) -> str:
        """What is divided by what, and how it was read."""
        return f"{_RATES[self.unit]}{' with a language model' if self.searched else ''}"


def section(material: Material) -> Section:
    """Dense and the usual sparse model by each recipe, greedily and with a language model."""
    pairs, searched = _both(material)
    if len(pairs) < 2:
        return nothing_yet("longer training of both", LONGER[0].command("sparsity=gradual_block"))
    rows = [_row(pairs[0], one, "greedy") for one in pairs]
    rows += [_row(pairs[0], one, "with a language model") for one in searched]
    head = ["epochs", "decoder", "dense, CER %", "90 % zeros, CER %", "dense, WER %"]
    head += ["90 % zeros, WER %", "CER to dense, relative", f"within {100 * MARGIN:g} %"]
    head += ["WER to dense, relative"]
    costs = _costs(pairs, searched)
    said = "".join(f"- {_said(pairs[0], long, costs)}\n" for long in pairs[1:])
    said += "".join(f"- {one}\n" for one in _dense_beside_each_other(pairs[1:], searched[1:]))
    adjusted = (
        f"*Told apart* is by Holm over all {len(costs)} changes of a cost; intervals are not."
    )
    return Section(f"{said}\n{adjusted}\n\n" + table(head, rows))


def answer(material: Material) -> str:
    """What zeros cost by each longer training, and whether that is another cost."""
    pairs, searched = _both(material)
    costs = _costs(pairs, searched)
    return "\n".join(_cost_by(pairs[0], long, costs) for long in pairs[1:])


def _cost_by(short: _Pair, long: _Pair, costs: Sequence[_Cost]) -> str:
    first, *others = _in_question(long, costs)
    said = (
        f"By {long.epochs} epochs instead of {short.epochs} ({_recipe_beside(short, long)}; at "
        f"least {long.seeds}) 90 % zeros cost {signed(first.after)} {first.beside}"
    )
    for one in others:
        said += f"; {signed(one.after)} of the {one.rate} {one.beside}"
    return f"{said}."


def _in_question(long: _Pair, costs: Sequence[_Cost]) -> list[_Cost]:
    """Characters greedily, and words with a language model: what each decoder is judged by."""
    judged = {False: "characters", True: "words"}
    return [one for one in _of(long, costs) if one.unit == judged[one.searched]]


def _of(long: _Pair, costs: Sequence[_Cost]) -> list[_Cost]:
    """Of one recipe, by either decoder."""
    return [one for one in costs if one.long.keys == long.keys]


def _recipe_beside(short: _Pair, long: _Pair) -> str:
    other = _other_changes(short, long)
    return f"and {other}" if other else "all else alike"


def _said(short: _Pair, long: _Pair, costs: Sequence[_Cost]) -> str:
    """What a longer training does to either model, and to what zeros cost."""
    changes = [
        f"{name} {100 * after.cer:.1f} % instead of {100 * before.cer:.1f} "
        f"({signed(compare_settings(before, after).relative)})"
        for name, before, after in (
            ("the dense model has", short.dense, long.dense),
            ("that of 90 % zeros", short.sparse, long.sparse),
        )
    ]
    said = "; ".join(
        f"{signed(one.after)} instead of {signed(one.before)} of the {one.rate}, "
        f"{points(one.change)} points ({one.told})"
        for one in _of(long, costs)
    )
    return (
        f"Trained for {long.epochs} epochs instead of {short.epochs} "
        f"({_recipe_beside(short, long)}), {' and '.join(changes)}, at least {long.seeds} of the "
        f"longer training. Zeros cost {said}."
    )


def _dense_beside_each_other(greedy: Sequence[_Pair], searched: Sequence[_Pair]) -> Iterator[str]:
    """What the longer recipes differ by for the dense model: read greedily, and searched."""
    by_search = {one.keys: one.dense for one in searched}
    for first, second in combinations(greedy, 2):
        other = _other_changes(first, second)
        gap = compare_settings(first.dense, second.dense).relative
        said = f"Beside the dense model of {first.epochs} epochs the one "
        said += f"of {second.epochs} " if second.epochs != first.epochs else ""
        said += f"with {other} has {signed(gap)} of the CER"
        if first.keys in by_search and second.keys in by_search:
            words = compare_settings(by_search[first.keys], by_search[second.keys], "words")
            said += f", {signed(words.relative)} of the WER with a language model"
        yield f"{said}; at least {seeds_of(first.dense, second.dense)} each."


def _both(material: Material) -> tuple[list[_Pair], list[_Pair]]:
    """The grid's recipe and each longer one, read greedily and with a language model."""
    searched = _pairs(material.searched_grid, material.searched)
    refuse_several_decoders([each for one in searched for each in (one.dense, one.sparse)])
    return _pairs(material.grid, material.settings), searched


def _costs(greedy: Sequence[_Pair], searched: Sequence[_Pair]) -> list[_Cost]:
    """By each longer training, in words and in characters, by either decoder."""
    asked = [
        (by_search, pairs[0], long, unit)
        for by_search, pairs in ((False, greedy), (True, searched))
        for long in pairs[1:]
        for unit in _RATES
    ]
    found = [contrast(_added(long, unit), _added(short, unit)) for _, short, long, unit in asked]
    adjusted = holm([one.p for one in found])
    return [
        _Cost(long, unit, by_search, short.cost(unit), long.cost(unit), one.difference, p)
        for (by_search, short, long, unit), one, p in zip(asked, found, adjusted, strict=True)
    ]


def _other_changes(short: _Pair, long: _Pair) -> str:
    """What the longer recipe has in the groups of settings that it does not share."""
    groups: dict[str, None] = {}
    for before, after in ((short.dense, long.dense), (short.sparse, long.sparse)):
        one, other = dict(_recipe(before)), dict(_recipe(after))
        keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
        groups |= {".".join(key.split(".")[:2]): None for key in keys}
    return ", ".join(_value(group, long.dense.config) for group in groups)


def _value(group: str, config: Mapping[str, Any]) -> str:
    """In words where readers know it by some."""
    if group == "model.convolutions":
        return f"frames of {frames(config)}"
    if group == "augmentation.spectrum":
        return f"augmentation by {augmented(config['augmentation'])}"
    if group == "training.precision":
        return str(config["training"]["precision"])
    return f"other `{group}`"


def _recipe(one: Setting) -> Iterator[tuple[str, str]]:
    """Dotted key and value of all that a training depends on, but for its epochs and its seed."""
    for group, value in one.config.items():
        if group not in (*UNHASHED, "seed"):
            yield from ((key, said) for key, said in leaves(group, value) if key != _EPOCHS)


def _added(one: _Pair, unit: Unit) -> Ratio:
    """Of each utterance, errors that zeros add, and the dense model's."""
    dense, _ = counts(one.dense.system, unit)
    sparse, _ = counts(one.sparse.system, unit)
    return sparse - dense, dense


def _pairs(short: Grid | None, settings: Sequence[Setting]) -> list[_Pair]:
    """By the grid's recipe and then by each longer one that is there, of one depth and width."""
    first = _pair(short)
    longer = [_pair(grid(settings, one)) for one in LONGER]
    return [one for one in (first, *longer) if one and first and one.shape == first.shape]


def _pair(its: Grid | None) -> _Pair | None:
    sparse = its and its.ninety()
    return _Pair(its.reference, sparse) if its and sparse else None


def _row(short: _Pair, one: _Pair, decoder: str) -> list[str]:
    gap = compare_settings(one.dense, one.sparse)
    other = _other_changes(short, one)
    return [
        f"{one.epochs}, {one.seeds}" + (f", {other}" if other else ""),
        decoder,
        *(percent(each.cer_interval) for each in (one.dense, one.sparse)),
        *(percent(each.wer_interval) for each in (one.dense, one.sparse)),
        signed(gap.relative),
        verdict(gap, MARGIN),
        signed(one.cost("words")),
    ]
