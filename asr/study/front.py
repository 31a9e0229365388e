"""The few lines that the front page takes from the study."""

from collections.abc import Mapping

from asr.study.compared import (
    beside,
    compare_settings,
    comparison_figure,
    in_seeds,
    rate_cells,
)
from asr.study.longer import no_pairs_yet, pairs_of, recipe_beside
from asr.study.plan import Grid
from asr.study.section import Material, Section, nothing_yet, picture
from asr.study.setting import Setting
from asr.study.wording import megabytes, seeds_of, signed, table, units_and_zeros, with_seeds

_PICTURE = "front.png"


def section(material: Material) -> Section:
    """Dense and block-sparse models of every width, with sizes."""
    found = material.grid
    if found is None or not found.others:
        return nothing_yet(
            "sparse model on real speech", material.real.command("sparsity=gradual_block")
        )
    rows = beside(found.reference, found.others)
    head = [
        "model",
        "weights not zero",
        "file in fp16",
        "CER %",
        "WER %",
        "CER, relative to the first",
    ]
    return Section(
        _sentence(found, {one.group_key: one for one in material.searched})
        + table(
            head,
            [
                _row(one.setting, signed(one.comparison.relative) if one.comparison else "")
                for one in rows
            ],
        )
        + "\n"
        + picture(_PICTURE, "CER of dense and sparse models"),
        {_PICTURE: comparison_figure(rows, units_and_zeros)},
    )


def longer(material: Material) -> Section:
    """The same two models trained longer, and by which command."""
    pairs = pairs_of(material)
    if len(pairs) < 2:
        return no_pairs_yet()
    rows = []
    for pair in pairs[1:]:
        gap = compare_settings(pair.dense, pair.sparse)
        for one, sparsity, difference in (
            (pair.dense, "dense", ""),
            (
                pair.sparse,
                "gradual_block",
                f"{signed(gap.relative)}{in_seeds(pair.dense, pair.sparse)}",
            ),
        ):
            cer, _, wer = rate_cells(one)
            command = f"`{pair.experiment.command(f'sparsity={sparsity}')}`"
            rows.append(
                [with_seeds(one), recipe_beside(pairs[0], pair), cer, wer, difference, command]
            )
    head = ["model", "trained for", "CER %", "WER %", "CER, relative to dense", "seed 1 by"]
    return Section(table(head, rows))


def _sentence(found: Grid, searched: Mapping[str, Setting]) -> str:
    """What 90 % cost at equal width, and beside a dense model of as many weights."""
    one = found.ninety()
    if one is None:
        return ""
    said = [_beside(dense, one, searched) for dense in (found.reference, *found.as_large(one))]
    return f"**{units_and_zeros(one)}** ({seeds_of(one)}), {'; '.join(said)}.\n\n"


def _beside(dense: Setting, one: Setting, searched: Mapping[str, Setting]) -> str:
    """By greedy decoding and, where both were so scored, with a language model."""
    share = one.nonzero / dense.nonzero
    said = f"with {share:.2f} times the weights of {units_and_zeros(dense)} ({seeds_of(dense)}): "
    words = signed(compare_settings(dense, one, "words").relative)
    cer = f"{signed(compare_settings(dense, one).relative)}{in_seeds(dense, one)}"
    said += f"CER {cer}, WER {words}"
    if dense.group_key in searched and one.group_key in searched:
        both = compare_settings(searched[dense.group_key], searched[one.group_key], "words")
        said += f", WER with a language model {signed(both.relative)}"
    return said


def _row(one: Setting, difference: str) -> list[str]:
    cer, _, wer = rate_cells(one)
    return [
        with_seeds(one),
        f"{one.nonzero:,}",
        megabytes(one.runs[0].weights.file_exported["fp16"]),
        cer,
        wer,
        difference,
    ]
