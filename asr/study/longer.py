"""Beside question 1: whether zeros cost less where training is longer."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from asr.statistics.bootstrap import Interval
from asr.statistics.comparison import ALPHA, Unit, counts, holm
from asr.statistics.contrast import Ratio, contrast
from asr.study.compared import compare_settings, verdict
from asr.study.equal_width import MARGIN
from asr.study.plan import LONGER, Grid, grid
from asr.study.recipe import augmented, frames, other_settings
from asr.study.section import Material, Section, nothing_yet
from asr.study.setting import Setting, refuse_several_decoders
from asr.study.wording import percent, points, seeds_of, signed, table

_EPOCHS = "training.epochs"
_WORDS: Final[dict[str, Callable[[Mapping[str, Any]], str]]] = {  # of a group of settings
    "model.convolutions": lambda config: f"frames of {frames(config)}",
    "augmentation.spectrum": lambda config: _augmentation(config["augmentation"]),
    "training.precision": lambda config: str(config["training"]["precision"]),
}
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

    def cost_of_each_seed(self, unit: Unit) -> str:
        """Of the zeros, in seeds that both were trained with: what no interval holds."""
        dense, sparse = self.dense.by_seed(unit), self.sparse.by_seed(unit)
        shared = [seed for seed in dense if seed in sparse and dense[seed]]
        return ", ".join(f"{100 * (sparse[seed] / dense[seed] - 1):+.1f}" for seed in shared)

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
    head += ["90 % zeros, WER %", "CER to dense, relative", "of each seed"]
    head += [f"within {100 * MARGIN:g} %", "WER to dense, relative", "of each seed"]
    costs = _costs(pairs, searched)
    said = "".join(f"- {_said(pairs[0], long, costs)}\n" for long in pairs[1:])
    said += "".join(f"- {one}\n" for one in _dense_beside_each_other(pairs[1:], searched[1:]))
    adjusted = (
        f"*Told apart* is by Holm over all {len(costs)} changes of a cost (intervals are not "
        "adjusted), as if other speech alone, and no other seed, could change it."
    )
    return Section(f"{said}\n{adjusted}\n\n" + table(head, rows))


def answer(material: Material) -> str:
    """What zeros cost by each longer training, and whether that is another cost.

    In characters greedily, and in words with a language model: what each decoder is judged by.
    """
    pairs, searched = _both(material)
    costs = _costs(pairs, searched)
    judged = [
        [one for one in costs if one.searched == by_search and one.unit == unit]
        for by_search, unit in ((False, "characters"), (True, "words"))
    ]
    return "\n".join(_beside_the_first(pairs[0], own) for own in judged if own)


def _beside_the_first(short: _Pair, costs: Sequence[_Cost]) -> str:
    """Of one rate, what zeros cost by the shorter training and by each longer one."""
    said = []
    for one in costs:
        other = _other_changes(short, one.long)
        recipe = f"{one.long.epochs} epochs" + (f", {other}" if other else "")
        said.append(f"{signed(one.after)} by {recipe} ({one.long.seeds}, {one.told})")
    return (
        f"Of the {costs[0].rate} 90 % zeros cost {signed(costs[0].before)} by {short.epochs} "
        f"epochs ({short.seeds}); trained longer {'; '.join(said)}."
    )


def _of(long: _Pair, costs: Sequence[_Cost]) -> list[_Cost]:
    """Of one recipe, by either decoder."""
    return [one for one in costs if one.long.keys == long.keys]


def _said(short: _Pair, long: _Pair, costs: Sequence[_Cost]) -> str:
    """What a longer training does to either model, and to what zeros cost."""
    other = _other_changes(short, long)
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
        f"({f'and {other}' if other else 'all else alike'}), {' and '.join(changes)}, at least "
        f"{long.seeds} of the longer training. Zeros cost {said}."
    )


def _dense_beside_each_other(greedy: Sequence[_Pair], searched: Sequence[_Pair]) -> Iterator[str]:
    """What the longer recipes differ by for the dense model: read greedily, and searched."""
    by_search = {one.keys: one.dense for one in searched}
    for first, second in combinations(greedy, 2):
        other = _other_changes(first, second)
        gap = compare_settings(first.dense, second.dense).relative
        said = f"Beside the dense model of {first.epochs} epochs the one "
        said += f"of {second.epochs} " if second.epochs != first.epochs else ""
        said += f"with {other or 'all else alike'} has {signed(gap)} of the CER"
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
    """What the longer recipe has in the groups of settings that either model does not share."""
    said: dict[str, None] = {}
    for before, after in ((short.dense, long.dense), (short.sparse, long.sparse)):
        keys = other_settings(before.config, after.config, but=[_EPOCHS])
        groups = dict.fromkeys(".".join(key.split(".")[:2]) for key in keys)
        said |= {_value(group, before.config, after.config): None for group in groups}
    return ", ".join(said)


def _value(group: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """What a group has become, in words where some tell its change."""
    in_words = _WORDS.get(group)
    if in_words is None or (said := in_words(after)) == in_words(before):
        return f"other `{group}`"
    return said


def _augmentation(own: Mapping[str, Any]) -> str:
    said = augmented(own)
    return "no augmentation" if said == "none" else f"augmentation by {said}"


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
        one.cost_of_each_seed("characters"),
        verdict(gap, MARGIN),
        signed(one.cost("words")),
        one.cost_of_each_seed("words"),
    ]
