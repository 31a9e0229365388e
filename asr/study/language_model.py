"""What sparsity costs beside a language model, where words count."""

from asr.errors import InputError
from asr.statistics.comparison import Unit
from asr.study.compared import Compared, beside, compare_settings
from asr.study.plan import Grid
from asr.study.section import Material, Section
from asr.study.setting import Setting, refuse_several_decoders
from asr.study.wording import (
    each,
    p_value,
    percent,
    seeds_of,
    signed,
    table,
    units_and_zeros,
    with_seeds,
)

_UNITS: tuple[Unit, ...] = ("words", "characters")


def section(material: Material) -> Section:
    """Dense and block-sparse models of every width and block, searched by the same decoder."""
    found = material.searched_grid
    if found is None or not found.others:
        return Section("No pair of models yet: score and keep them by the commands above.\n")
    models = _models(found)
    refuse_several_decoders([found.reference, *models])
    rows = beside(found.reference, models, unit="words")
    greedy = {one.group_key: one for one in material.settings}
    head = ["model", "WER %", "of each seed", "greedy WER %", "WER to the first, relative", "p"]
    head += ["CER %", "greedy CER %", "CER to the first, relative"]
    text = f"{_with_and_without(material)} {_left_out(material)}\n\n{_sentences(found)}\n" + table(
        head, [_row(one, found.reference, greedy) for one in rows]
    )
    searched = {one.group_key for one in material.searched}
    everything = material.grid
    missing = [
        units_and_zeros(one)
        for one in (_models(everything) if everything else [])
        if one.group_key not in searched
    ]
    if missing:
        text += f"\nNot scored with it: {'; '.join(missing)}.\n"
    return Section(text)


def _left_out(material: Material) -> str:
    """Words that the dense and the usual sparse model leave out, greedily and with a model."""
    said = []
    for name, found in (
        ("greedily", material.grid),
        ("with a language model", material.searched_grid),
    ):
        one = found.ninety() if found else None
        if found and one:
            shares = [f"{100 * _deleted(model):.1f}" for model in (found.reference, one)]
            said.append(f"{name} {shares[0]} and {shares[1]} %")
    return f"Of the words said, the two leave out: {'; '.join(said)}." if len(said) == 2 else ""


def _deleted(one: Setting) -> float:
    """Deletions by reference words, of all seeds."""
    results = one.system.results
    words = sum(result.hits + result.substitutions + result.deletions for result in results)
    return sum(result.deletions for result in results) / words


def _with_and_without(material: Material) -> str:
    """What the usual sparse model costs with a language model, beside what it costs without."""
    pairs = [
        (found.reference, one)
        for found in (material.searched_grid, material.grid)
        if found and (one := found.ninety())
    ]
    if len(pairs) != 2:
        return ""
    costs = [
        " and ".join(
            f"{signed(compare_settings(dense, sparse, unit).relative)} of the {rate}"
            for unit, rate in zip(_UNITS, ("WER", "CER"), strict=True)
        )
        for dense, sparse in pairs
    ]
    return (
        f"With a language model {units_and_zeros(pairs[0][1])}, costs {costs[0]}; without, "
        f"{costs[1]}."
    )


def _models(found: Grid) -> list[Setting]:
    """Beside the reference, those in other blocks last."""
    return [*found.others, *(one for one in found.standard if one not in found.others)]


def _sentences(found: Grid) -> str:
    """Each sparse model beside the reference, and beside dense ones of as many weights."""
    said = []
    for one in found.usual:
        pairs = [(found.reference, "")]
        parent = found.parent(one)
        if parent is not None and parent is not found.reference:
            pairs.append((parent, "its dense parent, "))
        pairs += [(other, "as many weights, ") for other in found.as_large(one)]
        for other, kind in pairs:
            words, characters = (
                signed(compare_settings(other, one, unit).relative) for unit in _UNITS
            )
            said.append(
                f"- **{units_and_zeros(one)}** ({seeds_of(one)}) beside {units_and_zeros(other)} "
                f"({kind}{seeds_of(other)}): WER {words}, CER {characters}.\n"
            )
    return "".join(said)


def _row(one: Compared, reference: Setting, greedy: dict[str, Setting]) -> list[str]:
    own, found = one.setting, one.comparison
    alone = greedy.get(own.group_key)
    if alone is None or len(alone.runs) != len(own.runs):
        raise InputError(
            own.system.name,
            expected=f"{seeds_of(own)} scored by greedy decoding too, as with the language model",
            got="none" if alone is None else seeds_of(alone),
            remedy="Score all of its seeds by both decoders, and keep them.",
        )
    relative, p, characters = "", "", ""
    if found is not None:
        relative, p = signed(found.relative), p_value(one.p)
        characters = signed(compare_settings(reference, own).relative)
    return [
        with_seeds(own),
        percent(own.wer_interval),
        each(own.by_seed("words").values()),
        percent(alone.wer_interval),
        relative,
        p,
        *(percent(one.cer_interval) for one in (own, alone)),
        characters,
    ]
