"""The lowest error rate that was reached, by the grid's dense model or by longer trainings."""

import math
from collections.abc import Mapping

from asr.statistics.comparison import Unit
from asr.study.compared import compare_settings, rate_cells
from asr.study.plan import LONGER, REAL, grid
from asr.study.recipe import augmented, frames
from asr.study.section import Material, Section, nothing_yet
from asr.study.setting import Setting, refuse_several_decoders
from asr.study.wording import megabytes, percent, seeds_of, signed, table

EXPERIMENT = "study_best"


def section(material: Material) -> Section:
    """Models of their own experiment and the dense ones, the lowest validation CER first."""
    found = [one for one in material.settings if _own(one)]
    if not found:
        return nothing_yet("larger model", f"python train.py +experiment={EXPERIMENT}")
    longer = [grid(material.settings, one) for one in LONGER]
    for each in (material.grid, *longer):
        if each and each.reference not in found:
            found.append(each.reference)
    chosen = {one.group_key: one.cer for one in material.tuned if one.corpus == REAL}
    ordered = sorted(found, key=lambda one: chosen.get(one.group_key, math.inf))
    best = ordered[0]
    shown = {one.group_key for one in found}
    by_search = [one for one in material.searched if one.group_key in shown]
    refuse_several_decoders(by_search)
    searched = {one.group_key: one for one in by_search}
    head = ["model", "epochs", "a frame", "augmentation", "precision", "parameters"]
    head += ["file in fp16", "validation CER %", "CER %", "of each seed", "WER %"]
    head += ["CER to the first, relative"]
    head += ["CER % with a language model", "WER % with it", "that WER to the first, relative"]
    rows = [
        [
            *_described(one),
            f"{100 * chosen[one.group_key]:.1f}" if one.group_key in chosen else "",
            *rate_cells(one),
            _to(best, one, "characters"),
            *_with_search(best, one, searched),
            _minutes(one),
        ]
        for one in ordered
    ]
    text = table([*head, "minutes"], rows)
    if best.group_key not in chosen:
        return Section(text)
    said = (
        f"The model with the lowest validation CER, of {best.parameters:,} parameters, has "
        f"{percent(best.cer_interval)} % on the test split"
    )
    if its := searched.get(best.group_key):
        said += f", and {percent(its.cer_interval)} % with a language model"
    return Section(f"{said}.\n\n{text}")


def _own(one: Setting) -> bool:
    return one.corpus == REAL and EXPERIMENT in one.experiments


def _described(one: Setting) -> list[str]:
    kind = "dense" if one.dense else f"{100 * one.sparsity:.0f} % zeros in {one.block}"
    return [
        f"{one.layers} layers of {one.hidden}, {kind}, {seeds_of(one)}",
        str(one.config["training"]["epochs"]),
        frames(one.config),
        augmented(one.config["augmentation"]),
        one.config["training"]["precision"],
        f"{one.parameters:,}",
        megabytes(one.runs[0].weights.file_exported["fp16"]),
    ]


def _with_search(best: Setting, one: Setting, searched: Mapping[str, Setting]) -> list[str]:
    """Both rates with a language model, and words beside the first's."""
    its, first = searched.get(one.group_key), searched.get(best.group_key)
    if its is None:
        return ["", "", ""]
    beside = "" if first is None else _to(first, its, "words")
    return [percent(its.cer_interval), percent(its.wer_interval), beside]


def _to(first: Setting, one: Setting, unit: Unit) -> str:
    return "" if one is first else signed(compare_settings(first, one, unit).relative)


def _minutes(one: Setting) -> str:
    return f"{sum(run.weights.training_seconds for run in one.runs) / len(one.runs) / 60:.0f}"
