"""Beside question 1: whether zeros cost less where training is longer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from asr.statistics.comparison import ALPHA, counts
from asr.statistics.contrast import Contrast, Ratio, contrast
from asr.study.equal_width import MARGIN
from asr.study.language_model import refuse_several_decoders
from asr.study.plan import LONGER, Grid, grid
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
from asr.study.setting import Setting
from asr.study.tuning import leaves
from asr.training.run_key import UNHASHED

_EPOCHS = "training.epochs"


@dataclass(frozen=True, eq=False)
class _Pair:
    """The dense model and the usual sparse one by one recipe."""

    dense: Setting
    sparse: Setting

    @property
    def epochs(self) -> int:
        return int(self.dense.config["training"]["epochs"])

    @property
    def shape(self) -> tuple[int, int]:
        return self.dense.layers, self.dense.hidden


def section(material: Material) -> Section:
    """Dense and the usual sparse model by each recipe, greedily and with a language model."""
    pairs = _pairs(material.grid, material.settings)
    if len(pairs) < 2:
        return nothing_yet("longer training of both", LONGER[0].command("sparsity=gradual_block"))
    searched = _pairs(material.searched_grid, material.searched)
    refuse_several_decoders([each for one in searched for each in (one.dense, one.sparse)])
    rows = [_row(pairs[0], one, "greedy") for one in pairs]
    rows += [_row(pairs[0], one, "with a language model") for one in searched]
    head = ["epochs", "decoder", "dense, CER %", "90 % zeros, CER %", "dense, WER %"]
    head += ["90 % zeros, WER %", "CER to dense, relative", f"within {100 * MARGIN:g} %"]
    said = "\n".join(f"- {_said(pairs[0], long)}" for long in pairs[1:])
    return Section(f"{said}\n\n" + table(head, rows))


def answer(material: Material) -> str:
    """What zeros cost by each longer training, and whether that is another cost."""
    pairs = _pairs(material.grid, material.settings)
    return " ".join(_cost_by(pairs[0], long) for long in pairs[1:])


def _cost_by(short: _Pair, long: _Pair) -> str:
    gap = compare_settings(long.dense, long.sparse).relative
    return (
        f"By {long.epochs} epochs ({_recipe_beside(short, long)}) 90 % zeros turn "
        f"{100 * long.dense.cer:.1f} % into {100 * long.sparse.cer:.1f} %, {signed(gap)}, "
        f"{_told(_cost_beside(short, long))} from that by {short.epochs}."
    )


def _told(found: Contrast) -> str:
    return "told apart" if found.p < ALPHA else "not told apart"


def _recipe_beside(short: _Pair, long: _Pair) -> str:
    other = _other_changes(short, long)
    return f"and other {other}" if other else "all else alike"


def _said(short: _Pair, long: _Pair) -> str:
    """What a longer training does to either model, and to what zeros cost."""
    changes = [
        f"{name} {100 * after.cer:.1f} % instead of {100 * before.cer:.1f} "
        f"({signed(compare_settings(before, after).relative)})"
        for name, before, after in (
            ("the dense model has", short.dense, long.dense),
            ("that of 90 % zeros", short.sparse, long.sparse),
        )
    ]
    costs = [signed(compare_settings(one.dense, one.sparse).relative) for one in (long, short)]
    found = _cost_beside(short, long)
    return (
        f"Trained for {long.epochs} epochs instead of {short.epochs} "
        f"({_recipe_beside(short, long)}), {' and '.join(changes)}: zeros cost {costs[0]} instead "
        f"of {costs[1]}, {points(found.difference)} points of it ({_told(found)}; at least "
        f"{seeds_of(long.dense, long.sparse)} of the longer training)."
    )


def _other_changes(short: _Pair, long: _Pair) -> str:
    """The groups of settings that either model does not share, but for the epochs."""
    groups: dict[str, None] = {}
    for before, after in ((short.dense, long.dense), (short.sparse, long.sparse)):
        one, other = dict(_recipe(before)), dict(_recipe(after))
        keys = [key for key in {**one, **other} if one.get(key) != other.get(key)]
        groups |= {f"`{'.'.join(key.split('.')[:2])}`": None for key in keys}
    return ", ".join(groups)


def _recipe(one: Setting) -> Iterator[tuple[str, str]]:
    """Dotted key and value of all that a training depends on, but for its epochs and its seed."""
    for group, value in one.config.items():
        if group not in (*UNHASHED, "seed"):
            yield from ((key, said) for key, said in leaves(group, value) if key != _EPOCHS)


def _cost_beside(short: _Pair, long: _Pair) -> Contrast:
    """What zeros cost, relative to dense, by the longer training less by the shorter one."""
    return contrast(_cost(long), _cost(short))


def _cost(one: _Pair) -> Ratio:
    """Of each utterance, errors that zeros add, and the dense model's."""
    dense, _ = counts(one.dense.system, "characters")
    sparse, _ = counts(one.sparse.system, "characters")
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
        f"{one.epochs}, {seeds_of(one.dense, one.sparse)}" + (f", other {other}" if other else ""),
        decoder,
        *(percent(each.cer_interval) for each in (one.dense, one.sparse)),
        *(percent(each.wer_interval) for each in (one.dense, one.sparse)),
        signed(gap.relative),
        verdict(gap, MARGIN),
    ]
