"""What sparsity costs beside a language model, where words count."""

from asr.errors import InputError
from asr.statistics.comparison import compare, counts
from asr.statistics.interval import error_rate_interval
from asr.study.larger import name
from asr.study.plan import EXPERIMENT, REAL, Grid, grid
from asr.study.section import (
    Compared,
    Material,
    Section,
    beside,
    nothing_yet,
    p_value,
    percent,
    rate_cells,
    seeds_of,
    signed,
    table,
)
from asr.study.setting import Setting


def section(material: Material) -> Section:
    """Dense and block-sparse models of every width, all searched by the same decoder."""
    found = grid(material.searched, REAL, EXPERIMENT)
    if found is None or not found.others:
        return nothing_yet(
            "pair of models with a language model", "python train.py -m +experiment=study_width"
        )
    _refuse_several_decoders(found)
    greedy = {one.group_key: one for one in material.settings}
    rows = beside(found.reference, found.others, unit="words")
    head = ["model", "WER %", "without", "WER to the first, relative", "p", "CER %"]
    head += ["CER to the first, relative"]
    sentences = [_sentence(one) for one in rows[1:] if not one.setting.dense]
    return Section("".join(sentences) + "\n" + table(head, [_row(one, greedy) for one in rows]))


def _sentence(one: Compared) -> str:
    assert one.comparison is not None
    return (
        f"- **{name(one.setting)}** ({seeds_of(one.setting)}): WER "
        f"{signed(one.comparison.relative)} relative to dense with the same language model.\n"
    )


def _row(one: Compared, greedy: dict[str, Setting]) -> list[str]:
    cer, _, wer = rate_cells(one.setting)
    alone = greedy.get(one.setting.group_key)
    without = "" if alone is None else percent(error_rate_interval(*counts(alone.system, "words")))
    words, p, characters = "", "", ""
    if (found := one.comparison) is not None:
        words, p = signed(found.relative), p_value(one.p)
        characters = signed(compare(found.a, found.b, unit="characters").relative)
    label = f"{name(one.setting)}, {seeds_of(one.setting)}"
    return [label, wer, without, words, p, cer, characters]


def _refuse_several_decoders(found: Grid) -> None:
    """Another weight, bonus or language model would be compared with, not sparsity alone."""
    used = {
        (one.system.decoder, str(one.system.results[0].language_model))
        for one in (found.reference, *found.others)
    }
    if len(used) > 1:
        raise InputError(
            "the kept results with a language model",
            expected="one decoder and one language model for all models",
            got="; ".join(" with ".join(one) for one in sorted(used)),
            remedy="Score all models by one command line, and keep only those results.",
        )
