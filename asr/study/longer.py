"""Beside question 1: whether zeros cost less where training is longer."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any, Final

from asr.statistics.bootstrap import Interval
from asr.statistics.comparison import ALPHA, Unit, counts, holm
from asr.statistics.contrast import Ratio, contrast
from asr.study.compared import compare_settings, each_seed, verdict
from asr.study.equal_width import MARGIN
from asr.study.plan import LONGER, Experiment, grid
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
class Pair:
    """The dense model and the usual sparse one by the recipe of an experiment."""

    experiment: Experiment
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

    long: Pair
    unit: Unit
    searched: bool
    before: Interval
    after: Interval
    change: Interval
    p: float

    @property
    def told_apart(self) -> bool:
        return self.p < ALPHA

    @property
    def told(self) -> str:
        if math.isnan(self.p):  # a dense model without errors: nothing to divide by
            return "not compared"
        return "told apart" if self.told_apart else "not told apart"

    @property
    def rate(self) -> str:
        """What is divided by what, and how it was read."""
        return f"{_RATES[self.unit]}{' with a language model' if self.searched else ''}"


def section(material: Material) -> Section:
    """Dense and the usual sparse model by each recipe, greedily and with a language model."""
    pairs, searched = _both(material)
    if len(pairs) < 2:
        return no_pairs_yet()
    rows = [_row(pairs[0], one, "greedy") for one in pairs]
    rows += [_row(pairs[0], one, "with a language model") for one in searched]
    head = ["epochs", "decoder", "dense, CER %", "90 % zeros, CER %", "dense, WER %"]
    head += ["90 % zeros, WER %", "CER to dense, relative", "of each seed"]
    head += [f"within {100 * MARGIN:g} %", "WER to dense, relative", "of each seed"]
    costs = _costs(pairs, searched)
    said = "".join(f"- {_said(pairs[0], long, costs)}\n" for long in pairs[1:])
    said += "".join(f"- {one}\n" for one in _dense_beside_each_other(pairs, searched))
    adjusted = (
        f"*Told apart* is by Holm over all {len(costs)} changes of a cost (intervals are not "
        "adjusted), as if other speech alone, and no other seed, could change it."
    )
    return Section(f"{said}\n{adjusted}\n\n" + table(head, rows))


def answer(material: Material) -> str:
    """What zeros cost by each longer training, and whether that is another cost.

    In characters greedily, and in words with a language model: what each decoder is judged by.
    Of the other rates, the trainings by which they cost something else.
    """
    pairs, searched = _both(material)
    costs = _costs(pairs, searched)
    said = []
    for by_search, unit in product((False, True), _RATES):
        own = [one for one in costs if one.searched == by_search and one.unit == unit]
        if (by_search, unit) not in ((False, "characters"), (True, "words")):
            own = [one for one in own if one.told_apart]
        said += [_beside_the_first(pairs[0], own)] if own else []
    return "\n".join(said)


def _beside_the_first(short: Pair, costs: Sequence[_Cost]) -> str:
    """Of one rate, what zeros cost by the shorter training and by each longer one."""
    said = []
    for one in costs:
        recipe = recipe_beside(short, one.long)
        said.append(f"{signed(one.after)} by {recipe} ({one.long.seeds}, {one.told})")
    return (
        f"Of the {costs[0].rate} 90 % zeros cost {signed(costs[0].before)} by {short.epochs} "
        f"epochs ({short.seeds}); trained longer {'; '.join(said)}."
    )


def _said(short: Pair, long: Pair, costs: Sequence[_Cost]) -> str:
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
        for one in costs
        if one.long.keys == long.keys
    )
    return (
        f"Trained for {long.epochs} epochs instead of {short.epochs} "
        f"({f'and {other}' if other else 'all else alike'}), {' and '.join(changes)}, at least "
        f"{long.seeds} of the longer training. Zeros cost {said}."
    )


def _dense_beside_each_other(greedy: Sequence[Pair], searched: Sequence[Pair]) -> Iterator[str]:
    """What the longer recipes differ by for the dense model: read greedily, and searched."""
    by_search = {one.keys: one.dense for one in searched}
    for first, second in combinations(greedy[1:], 2):
        gap = compare_settings(first.dense, second.dense).relative
        said = (
            f"Beside the dense model of {recipe_beside(greedy[0], first)} the one of "
            f"{recipe_beside(greedy[0], second)} has {signed(gap)} of the CER"
        )
        if first.keys in by_search and second.keys in by_search:
            words = compare_settings(by_search[first.keys], by_search[second.keys], "words")
            said += f", {signed(words.relative)} of the WER with a language model"
        yield f"{said}; at least {seeds_of(first.dense, second.dense)} each."


def _both(material: Material) -> tuple[list[Pair], list[Pair]]:
    """The grid's recipe and each longer one, read greedily and with a language model."""
    searched = _pairs(material.real, material.searched)
    refuse_several_decoders([each for one in searched for each in (one.dense, one.sparse)])
    return pairs_of(material), searched


def _costs(greedy: Sequence[Pair], searched: Sequence[Pair]) -> list[_Cost]:
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


def recipe_beside(short: Pair, long: Pair) -> str:
    """How long a training is, and what else is not as in the grid's."""
    other = _other_changes(short, long)
    return f"{long.epochs} epochs" + (f", {other}" if other else "")


def _other_changes(short: Pair, long: Pair) -> str:
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


def _added(one: Pair, unit: Unit) -> Ratio:
    """Of each utterance, errors that zeros add, and the dense model's."""
    dense, _ = counts(one.dense.system, unit)
    sparse, _ = counts(one.sparse.system, unit)
    return sparse - dense, dense


def no_pairs_yet() -> Section:
    """What stands where the longer trainings will."""
    return nothing_yet("longer training of both", LONGER[0].command("sparsity=gradual_block"))


def pairs_of(material: Material) -> list[Pair]:
    """By the grid's recipe and by each longer one that is there, read greedily."""
    return _pairs(material.real, material.settings)


def _pairs(real: Experiment, settings: Sequence[Setting]) -> list[Pair]:
    """The grid's and then each longer one that is there, of one depth and width."""
    first, *longer = (_pair(one, settings) for one in (real, *LONGER))
    return [one for one in (first, *longer) if one and first and one.shape == first.shape]


def _pair(experiment: Experiment, settings: Sequence[Setting]) -> Pair | None:
    its = grid(settings, experiment)
    sparse = its and its.ninety()
    return Pair(experiment, its.reference, sparse) if its and sparse else None


def _row(short: Pair, one: Pair, decoder: str) -> list[str]:
    gap = compare_settings(one.dense, one.sparse)
    other = _other_changes(short, one)
    return [
        f"{one.epochs}, {one.seeds}" + (f", {other}" if other else ""),
        decoder,
        *(percent(each.cer_interval) for each in (one.dense, one.sparse)),
        *(percent(each.wer_interval) for each in (one.dense, one.sparse)),
        signed(gap.relative),
        each_seed(one.dense, one.sparse),
        verdict(gap, MARGIN),
        signed(one.cost("words")),
        each_seed(one.dense, one.sparse, "words"),
    ]
