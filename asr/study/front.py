"""The few lines that the front page takes from the study."""

from collections.abc import Mapping

from asr.study.compared import beside, compare_settings, comparison_figure, rate_cells
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
    said += f"CER {signed(compare_settings(dense, one).relative)}, WER {words}"
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
