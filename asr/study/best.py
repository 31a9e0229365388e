"""The lowest error rate that was reached, by the grid's dense model or by longer trainings."""

import math
from collections.abc import Mapping
from typing import Any

from asr.study.language_model import refuse_several_decoders
from asr.study.plan import LONGER, REAL, grid
from asr.study.section import Material, Section, nothing_yet, rate_cells, seeds_of, table
from asr.study.setting import Setting

EXPERIMENT = "study_best"


def section(material: Material) -> Section:
    """Models of their own experiment and the dense ones, the lowest validation CER first."""
    found = [one for one in material.settings if _own(one)]
    if not found:
        return nothing_yet("larger model", f"python train.py +experiment={EXPERIMENT}")
    longer = [grid(material.settings, one) for one in LONGER]
    for its in (material.grid, *longer):
        if its and its.reference not in found:
            found.append(its.reference)
    chosen = {one.group_key: one.cer for one in material.tuned if one.corpus == REAL}
    ordered = sorted(found, key=lambda one: chosen.get(one.group_key, math.inf))
    best = ordered[0]
    shown = {one.group_key for one in found}
    by_search = [one for one in material.searched if one.group_key in shown]
    refuse_several_decoders(by_search)
    searched = {one.group_key: rate_cells(one) for one in by_search}
    head = ["model", "epochs", "augmentation", "precision", "parameters", "file in fp16"]
    head += ["CER %", "of each seed", "WER %"]
    head += ["CER % with a language model", "WER % with it", "minutes"]
    rows = table(head, [_row(one, searched) for one in ordered])
    if best.group_key not in chosen:
        return Section(rows)
    said = (
        f"The model with the lowest validation CER, of {best.parameters:,} parameters, has "
        f"{rate_cells(best)[0]} % on the test split"
    )
    if cells := searched.get(best.group_key):
        said += f", and {cells[0]} % with a language model"
    return Section(f"{said}.\n\n{rows}")


def _own(one: Setting) -> bool:
    return one.corpus == REAL and EXPERIMENT in one.experiments


def _augmented(augmentation: Mapping[str, Any]) -> str:
    """The kinds of it, and how many masks."""
    said = []
    for masks in augmentation["spectrum"]:
        said.append(f"{masks['time_masks']} time and {masks['frequency_masks']} frequency masks")
    if augmentation["waveform"]:
        said.append("waveform")
    if augmentation["speed"]:
        said.append("speed")
    return ", ".join(said) or "none"


def _row(one: Setting, searched: Mapping[str, list[str]]) -> list[str]:
    kind = "dense" if one.dense else f"{100 * one.sparsity:.0f} % zeros in {one.block}"
    minutes = sum(run.weights.training_seconds for run in one.runs) / len(one.runs) / 60
    size = one.runs[0].weights.file_exported["fp16"] / 1e6
    cer, _, wer = searched.get(one.group_key, ["", "", ""])
    return [
        f"{one.layers} layers of {one.hidden}, {kind}, {seeds_of(one)}",
        str(one.config["training"]["epochs"]),
        _augmented(one.config["augmentation"]),
        one.config["training"]["precision"],
        f"{one.parameters:,}",
        f"{size:.2f} MB",
        *rate_cells(one),
        cer,
        wer,
        f"{minutes:.0f}",
    ]
