"""Question 3: the method at equal sparsity."""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from asr.statistics.comparison import ALPHA
from asr.study.compared import (
    Compared,
    beside,
    compare_settings,
    comparison_figure,
    comparison_table,
    told_apart,
)
from asr.study.plan import (
    BLOCK,
    FRAMES,
    LASSO,
    METHODS,
    SPARSITY,
    STANDARD,
    TWO_LAYERS,
    Experiment,
    Grid,
    grid,
    is_standard,
)
from asr.study.section import Material, Section, nothing_yet, picture
from asr.study.setting import NEAR, Setting
from asr.study.wording import between, each, p_value, seeds_of, signed

_OF_CHANCE = (
    "An interval is of other speech, not of other trainings: of a difference no larger than these "
    "between two single trainings the method need not be the cause."
)
_NAMES = {
    "weight_pruning": "single weights by a threshold (WP)",
    "block_pruning": "blocks by a threshold (BP)",
    "group_lasso_pruning": "group lasso and a threshold (GLP)",
    "group_lasso": "group lasso alone (GL)",
    "gradual_block": "gradual",
    "gradual_regrow": "gradual, regrown",
}


def section(material: Material) -> Section:
    """Every method on the cheap corpus, those that are on real speech there too."""
    found = grid(material.settings, METHODS)
    if found is None or not found.equal_width:
        return nothing_yet("second method", "python train.py -m +experiment=study_method")
    low, high = 100 * (SPARSITY - NEAR), 100 * (SPARSITY + NEAR)
    parts = [
        _ranked("synthetic speech", METHODS, found, material),
        Section(f"Settings from {low:.1f} to {high:.1f} % zeros count as 90 %.\n"),
        Section(_elsewhere(found)),
        Section(_in_other_blocks(found)),
        *_lasso(material),
        Section(_chance(material)),
        _again("real speech, by two layers", TWO_LAYERS, material),
        _again("real speech, by three layers and frames of 30 ms", FRAMES, material),
    ]
    return Section(
        "\n".join(part.text for part in parts if part.text),
        {name: figure for part in parts for name, figure in part.figures.items()},
    )


def answer(material: Material) -> str:
    """How methods stand to the usual one in its blocks, on each speech."""
    said = [
        f"{where}, CER at 90 % in {BLOCK} to that of {_NAMES['gradual_block']} pruning: {text}."
        for where, experiment in (
            ("Synthetic speech", METHODS),
            ("Synthetic speech, all in 32-true", LASSO),
            ("Real speech, two layers", TWO_LAYERS),
            ("Real speech, three layers and frames of 30 ms", FRAMES),
        )
        if (found := grid(material.settings, experiment))
        and (text := _standing(found, _compared(experiment, found)))
    ]
    return "\n".join(said)


def _compared(experiment: Experiment, found: Grid) -> list[Setting]:
    """Settings of a table, over which its p are adjusted: in all blocks only of all methods."""
    return found.at_ninety if experiment == METHODS else _blocks_alone(found.at_ninety)


def _blocks_alone(settings: Sequence[Setting]) -> list[Setting]:
    """Those in the usual blocks."""
    return [one for one in settings if one.block == BLOCK]


def _standing(found: Grid, near: Sequence[Setting]) -> str:
    """Methods to the usual one in the same blocks, by whether they are told apart from it."""
    if not any(one in found.usual for one in near):
        return ""
    rows = [
        one
        for one in _rows(found, near)
        if one.comparison and one.setting.block == BLOCK and not is_standard(one.setting)
    ]
    sides: dict[str, list[str]] = {"lower": [], "not told apart": [], "higher": []}
    for one in sorted(rows, key=lambda one: one.setting.cer):
        assert one.comparison is not None
        gap = one.comparison.relative
        side = "not told apart" if one.p >= ALPHA else "higher" if gap.estimate > 0 else "lower"
        p = f", p {p_value(one.p)}" if side == "not told apart" else ""  # intervals know no Holm
        sides[side].append(f"{name(one.setting)} {signed(gap)}{p}")
    told = [f"{side}: {' / '.join(ones)}" for side, ones in sides.items() if ones]
    least = seeds_of(*(one.setting for one in rows)) if rows else ""
    return f"{'; '.join(told)}; at least {least} each" if told else ""


def _in_other_blocks(found: Grid) -> str:
    """Methods to gradual pruning in blocks that are not the usual ones, each in its own."""
    said = [
        f"In {one.block} the CER of {name(one)} is "
        f"{signed(compare_settings(usual, one).relative)} relative to that of {name(usual)} "
        f"(at least {seeds_of(usual, one)} each).\n"
        for one in found.at_ninety
        if one.block != BLOCK and not is_standard(one)
        if (usual := found.ninety(one.block or BLOCK))
    ]
    return "".join(said)


def _elsewhere(found: Grid) -> str:
    """Sparse models of equal width that are not at 90 %."""
    near = found.at_ninety
    landed = ", ".join(
        f"{name(one)} {100 * one.sparsity:.1f} % (CER {100 * one.cer:.1f} %)"
        for one in found.equal_width
        if one not in near
    )
    return f"Not compared, since they landed elsewhere: {landed}.\n" if landed else ""


def _lasso(material: Material) -> Iterator[Section]:
    """Group lasso by both of its steps, beside gradual pruning and beside each other."""
    found = grid(material.settings, LASSO)
    yield _again("synthetic speech in 32-true", LASSO, material)
    near = found.at_ninety if found else []
    steps = {one.pruning["penalty"]["step"]: one for one in near if one.method == "group_lasso"}
    if len(steps) == 2:
        gap = compare_settings(steps["proximal"], steps["gradient"])
        yield Section(
            f"Sub-gradient steps relative to proximal ones: CER {signed(gap.relative)}.\n"
        )
    yield Section(_elsewhere(found) if found else "")


def _chance(material: Material) -> str:
    """How far trainings of one method lie apart, of other seeds and precisions."""
    rates: dict[str, dict[str, float]] = {}
    for experiment in (METHODS, LASSO):
        found = grid(material.settings, experiment)
        for one in _blocks_alone(found.at_ninety) if found else []:
            own = {result.run_key: result.cer for result in one.system.results}
            rates.setdefault(name(one), {}).update(own)
    said = [
        f"{method} {between((100 * rate for rate in own.values()), '{:.1f}')} % "
        f"({len(own)} trainings)"
        for method, own in rates.items()
        if len(own) > 1
    ]
    if not said:
        return ""
    return (
        f"CER of one method by other seeds or in the other precision: {'; '.join(said)}. "
        f"{_OF_CHANCE}\n"
    )


def _again(where: str, experiment: Experiment, material: Material) -> Section:
    """Methods in the usual blocks, compared once more where an experiment has several."""
    found = grid(material.settings, experiment)
    if found is None or len({name(one) for one in _compared(experiment, found)}) < 2:
        return Section(f"On {where} there is no second method yet.\n")
    return _ranked(where, experiment, found, material)


def _ranked(where: str, experiment: Experiment, found: Grid, material: Material) -> Section:
    """Which method comes first, the table and picture of all by validation."""
    near = _compared(experiment, found)
    chosen_by = _chosen_by(material, near)
    ranked = sorted(near, key=lambda one: _mean(chosen_by, one))
    rows = _rows(found, ranked)
    file = f"method_{experiment.name}.png"
    return Section(
        f"{_sentence(f'On {where}', ranked, chosen_by)}\n\n{_table(rows, chosen_by)}\n"
        + picture(file, f"CER at 90 % by method, {where}"),
        {file: comparison_figure(rows, _with_block)},
    )


def _chosen_by(material: Material, near: Sequence[Setting]) -> dict[str, list[float]]:
    """Validation rates of the seeds by group key; none unless all of these settings have one."""
    rates = {one.group_key: one.rates for one in material.tuned}
    return rates if all(one.group_key in rates for one in near) else {}


def _mean(chosen_by: Mapping[str, Sequence[float]], one: Setting) -> float:
    """What a setting is ranked by: its validation rate, or that of the test split without it."""
    return fmean(chosen_by.get(one.group_key, one.rates))


def _rows(found: Grid, near: Sequence[Setting]) -> list[Compared]:
    """The dense model and the methods beside the usual one, or beside the dense one without it."""
    usual = next((one for one in near if one in found.usual), None)
    if usual is None:
        return beside(found.reference, near)
    return beside(usual, [found.reference, *(one for one in near if one is not usual)])


def _table(rows: Sequence[Compared], chosen_by: Mapping[str, Sequence[float]]) -> str:
    def validation(one: Setting) -> str:
        rates = chosen_by.get(one.group_key, ())
        seeds = f" ({each(rates)})" if len(rates) > 1 else ""
        return f"{100 * fmean(rates):.1f}{seeds}" if rates else ""

    columns = {
        "block": lambda one: one.block or "",
        "zeros": lambda one: f"{100 * one.sparsity:.1f} %",
        "weights not zero": lambda one: f"{one.nonzero:,}",
        "validation CER %": validation,
    }
    first = name(rows[0].setting)
    return comparison_table(rows, name, what="method", more=columns, to=first)


def name(setting: Setting) -> str:
    """The method with what of it is in question: score, gates, window, penalty, collapse."""
    if setting.dense:
        return "dense"
    pruning = setting.pruning
    said = [_NAMES.get(setting.method, setting.method)]
    if "score" in pruning:
        said.append(f"score {pruning['score']}")
    if penalty := pruning.get("penalty"):
        step = {"proximal": "proximal", "gradient": "sub-gradient"}[penalty["step"]]
        said.append(f"{step} of strength {penalty['strength']:g}")
    if pruning["select"]["gates"] == "together":
        said.append("gates together")
    if setting.method.startswith("gradual") and pruning["end"] != STANDARD["end"]:
        said.append(f"masks final at {100 * pruning['end']:g} %")
    if setting.collapsed:
        said.append("collapsed")
    return ", ".join(said)


def _with_block(setting: Setting) -> str:
    """The same, and the block where it is not the usual one."""
    block = "" if setting.block in (BLOCK, None) else f", {setting.block}"
    return f"{name(setting)}{block}"


def _sentence(where: str, near: Sequence[Setting], chosen_by: Mapping[str, Sequence[float]]) -> str:
    """The best in blocks by validation, and whether the test split tells it from the second."""
    in_blocks = _blocks_alone(near)
    if len(in_blocks) < 2:
        return ""
    first, second = in_blocks[:2]
    chosen = "validation" if chosen_by else "test"
    if is_standard(second):  # relative to the usual method, as in the table
        compared = compare_settings(second, first)
        better = -told_apart(compared)
        said = f"its CER is {signed(compared.relative)} relative to the next, {name(second)},"
    else:
        compared = compare_settings(first, second)
        better = told_apart(compared)
        said = f"the CER of the next, {name(second)}, is {signed(compared.relative)} relative to it"
    told = "which does not tell the two apart"
    if better > 0:
        told = "which tells the two apart"
    elif better < 0:
        told = "where the next is the lower one"
    by = ""
    if chosen_by:
        rates = [f"{100 * _mean(chosen_by, one):.1f}" for one in (first, second)]
        by = f" ({rates[0]} %, the next {rates[1]} %)"
    return (
        f"{where}, in {BLOCK} blocks and by the {chosen} split{by}, {name(first)} comes "
        f"first; {said} on the test split (at least {seeds_of(first, second)} each), {told}."
    )
