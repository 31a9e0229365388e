"""Beside question 1: whether zeros cost less where training is longer."""

from dataclasses import dataclass

from asr.statistics.comparison import ALPHA, counts
from asr.statistics.contrast import Contrast, Ratio, contrast
from asr.study.equal_width import MARGIN
from asr.study.language_model import refuse_several_decoders
from asr.study.plan import LONG, Grid, grid
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
from asr.study.tuning import changed


@dataclass(frozen=True, eq=False)
class _Pair:
    """The dense model and the usual sparse one by one recipe."""

    dense: Setting
    sparse: Setting

    @property
    def epochs(self) -> int:
        return int(self.dense.config["training"]["epochs"])


def section(material: Material) -> Section:
    """Dense and the usual sparse model by either recipe, greedily and with a language model."""
    pairs = _pairs(material.grid, grid(material.settings, LONG))
    if pairs is None:
        return nothing_yet("longer training of both", LONG.command("sparsity=gradual_block"))
    searched = _pairs(material.searched_grid, grid(material.searched, LONG))
    refuse_several_decoders([each for one in searched or () for each in (one.dense, one.sparse)])
    rows = [_row(one, "greedy") for one in pairs]
    rows += [_row(one, "with a language model") for one in searched or ()]
    head = ["epochs", "decoder", "dense, CER %", "90 % zeros, CER %", "dense, WER %"]
    head += ["90 % zeros, WER %", "CER to dense, relative", f"within {100 * MARGIN:g} %"]
    return Section(f"{answer(material)}\n\n" + table(head, rows))


def answer(material: Material) -> str:
    """What longer training does to either model, and to what zeros cost."""
    pairs = _pairs(material.grid, grid(material.settings, LONG))
    if pairs is None:
        return ""
    short, long = pairs
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
    told = "told apart" if found.p < ALPHA else "not told apart"
    return (
        f"Trained for {long.epochs} epochs instead of {short.epochs}, by a recipe that differs in "
        f"{_recipe(short, long)}, {' and '.join(changes)}: zeros cost {costs[0]} instead of "
        f"{costs[1]}, {points(found.difference)} points of it ({told}; at least "
        f"{seeds_of(long.dense, long.sparse)} of the longer training)."
    )


def _recipe(short: _Pair, long: _Pair) -> str:
    """The groups of settings that the dense models do not share."""
    keys = [key for key, _ in changed(short.dense.runs[0], long.dense.runs[0])]
    return ", ".join(dict.fromkeys(f"`{'.'.join(key.split('.')[:2])}`" for key in keys))


def _cost_beside(short: _Pair, long: _Pair) -> Contrast:
    """What zeros cost, relative to dense, by the longer training less by the shorter one."""
    return contrast(_cost(long), _cost(short))


def _cost(one: _Pair) -> Ratio:
    """Of each utterance, errors that zeros add, and the dense model's."""
    dense, _ = counts(one.dense.system, "characters")
    sparse, _ = counts(one.sparse.system, "characters")
    return sparse - dense, dense


def _pairs(short: Grid | None, long: Grid | None) -> tuple[_Pair, _Pair] | None:
    """By either recipe; None until both are there, of one depth and width."""
    if short is None or long is None:
        return None
    sparse = short.ninety(), long.ninety()
    if sparse[0] is None or sparse[1] is None:
        return None
    shapes = {(one.reference.layers, one.reference.hidden) for one in (short, long)}
    if len(shapes) > 1:
        return None
    return _Pair(short.reference, sparse[0]), _Pair(long.reference, sparse[1])


def _row(one: _Pair, decoder: str) -> list[str]:
    gap = compare_settings(one.dense, one.sparse)
    return [
        f"{one.epochs}, {seeds_of(one.dense, one.sparse)}",
        decoder,
        *(percent(each.cer_interval) for each in (one.dense, one.sparse)),
        *(percent(each.wer_interval) for each in (one.dense, one.sparse)),
        signed(gap.relative),
        verdict(gap, MARGIN),
    ]
