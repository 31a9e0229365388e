"""Question 3: the method at equal sparsity."""

from collections.abc import Sequence

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
    LASSO,
    METHODS,
    SPARSITY,
    TWO_LAYERS,
    Experiment,
    Grid,
    grid,
    is_standard,
)
from asr.study.section import Material, Section, nothing_yet, picture
from asr.study.setting import NEAR, Setting, settings
from asr.study.wording import seeds_of, signed

_PICTURE = "method.png"
_OF_CHANCE = (
    "They differ in rounding, and in the program's version of their day. An interval is of other "
    "speech, not of other trainings: of a difference no larger between two single trainings the "
    "method need not be the cause."
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
    near, missed = _apart(found)
    sentence, methods, rows = _ranked("On synthetic speech", found, near, material)
    low, high = 100 * (SPARSITY - NEAR), 100 * (SPARSITY + NEAR)
    text = f"{sentence} Settings from {low:.1f} to {high:.1f} % zeros count as 90 %.\n\n{methods}"
    text += _elsewhere(missed) + _in_other_blocks(found)
    return Section(
        f"{text}\n{picture(_PICTURE, 'CER at 90 % by method, synthetic speech')}\n"
        + _lasso(material)
        + (f"\n{chance} {_OF_CHANCE}\n" if (chance := _chance(material)) else "")
        + "\n"
        + _again("On real speech, by two layers", TWO_LAYERS, material),
        {_PICTURE: comparison_figure(rows, name)},
    )


def answer(material: Material) -> str:
    """How methods stand to the usual one in its blocks, on each speech."""
    said = [
        f"{where}, CER at 90 % in {BLOCK} to that of {_NAMES['gradual_block']} pruning: {text}."
        for where, experiment in (
            ("Synthetic speech", METHODS),
            ("Synthetic speech, all in 32-true", LASSO),
            ("Real speech, two layers", TWO_LAYERS),
        )
        if (found := grid(material.settings, experiment))
        and (text := _standing(found, _compared(experiment, found)))
    ]
    return "\n".join(said)


def _compared(experiment: Experiment, found: Grid) -> list[Setting]:
    """Settings of a table, over which its p are adjusted: in all blocks only of all methods."""
    return [one for one in found.at_ninety if experiment == METHODS or one.block == BLOCK]


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
        sides[side].append(f"{name(one.setting)} {signed(gap)}")
    told = [f"{side}: {' / '.join(ones)}" for side, ones in sides.items() if ones]
    least = seeds_of(*(one.setting for one in rows)) if rows else ""
    return f"{'; '.join(told)}; at least {least} each" if told else ""


def _in_other_blocks(found: Grid) -> str:
    """Methods to gradual pruning in blocks that are not the usual ones, each in its own."""
    said = [
        f"\nIn {one.block} the CER of {name(one)} is "
        f"{signed(compare_settings(usual, one).relative)} relative to that of {name(usual)} "
        f"(at least {seeds_of(usual, one)} each).\n"
        for one in found.at_ninety
        if one.block != BLOCK and not is_standard(one)
        if (usual := found.ninety(one.block or BLOCK))
    ]
    return "".join(said)


def _apart(found: Grid) -> tuple[list[Setting], list[Setting]]:
    """Sparse settings that are at 90 %, and those that are not."""
    near = found.at_ninety
    return near, [one for one in found.equal_width if one not in near]


def _elsewhere(missed: Sequence[Setting]) -> str:
    landed = ", ".join(f"{name(one)} {100 * one.sparsity:.1f} %" for one in missed)
    return f"\nNot compared, since they landed elsewhere: {landed}.\n" if missed else ""


def _lasso(material: Material) -> str:
    """Group lasso by both of its steps, beside gradual pruning and beside each other."""
    found = grid(material.settings, LASSO)
    text = _again("On synthetic speech in 32-true", LASSO, material)
    near, missed = _apart(found) if found else ([], [])
    steps = {one.pruning["penalty"]["step"]: one for one in near if one.method == "group_lasso"}
    if len(steps) == 2:
        gap = compare_settings(steps["proximal"], steps["gradient"])
        text += f"\nSub-gradient steps relative to proximal ones: CER {signed(gap.relative)}.\n"
    return text + _elsewhere(missed)


def _chance(material: Material) -> str:
    """How far one method lies from itself in another precision, seed for seed."""
    pair = _in_both_precisions(material)
    if pair is None:
        return ""
    gap = signed(compare_settings(*pair).relative)
    return (
        f"{name(pair[0])} of the same seed in both precisions differs from itself by {gap}: as "
        "much as that may lie between two single trainings of one method."
    )


def _in_both_precisions(material: Material) -> tuple[Setting, Setting] | None:
    """One method and the same seeds in two precisions: what lies between two trainings of it."""
    both = [
        one
        for experiment in (METHODS, LASSO)
        if (found := grid(material.settings, experiment)) and (one := found.ninety())
    ]
    runs = [{run.config["seed"]: run for run in one.runs} for one in both]
    if len(runs) != 2 or not (shared := runs[0].keys() & runs[1].keys()):
        return None
    pair = settings((one[seed] for one in runs for seed in sorted(shared)), "test")
    if len(pair) != 2:  # one setting, kept for both experiments
        return None
    return pair[0], pair[1]


def _again(where: str, experiment: Experiment, material: Material) -> str:
    """Methods in the usual blocks, compared once more where an experiment has several."""
    found = grid(material.settings, experiment)
    near = _compared(experiment, found) if found else []
    if found is None or len({name(one) for one in near}) < 2:
        return f"{where} there is no second method yet.\n"
    sentence, methods, _ = _ranked(where, found, near, material)
    return f"{sentence}\n\n{methods}"


def _ranked(
    where: str, found: Grid, near: Sequence[Setting], material: Material
) -> tuple[str, str, list[Compared]]:
    """Which method comes first, the table of all by validation, and its rows."""
    chosen_by = _chosen_by(material, near)
    ranked = sorted(near, key=lambda one: chosen_by.get(one.group_key, one.cer))
    rows = _rows(found, ranked)
    return _sentence(where, ranked, chosen_by), _table(rows, chosen_by), rows


def _chosen_by(material: Material, near: Sequence[Setting]) -> dict[str, float]:
    """Validation rates by group key; none unless all of these settings have one."""
    rates = {one.group_key: one.cer for one in material.tuned}
    return rates if all(one.group_key in rates for one in near) else {}


def _rows(found: Grid, near: Sequence[Setting]) -> list[Compared]:
    """The dense model and the methods beside the usual one, or beside the dense one without it."""
    usual = next((one for one in near if one in found.usual), None)
    if usual is None:
        return beside(found.reference, near)
    return beside(usual, [found.reference, *(one for one in near if one is not usual)])


def _table(rows: Sequence[Compared], chosen_by: dict[str, float]) -> str:
    def validation(one: Setting) -> str:
        rate = chosen_by.get(one.group_key)
        return "" if rate is None else f"{100 * rate:.1f}"

    columns = {
        "block": lambda one: one.block or "",
        "zeros": lambda one: f"{100 * one.sparsity:.1f} %",
        "weights not zero": lambda one: f"{one.nonzero:,}",
        "validation CER %": validation,
    }
    first = name(rows[0].setting)
    return comparison_table(rows, name, what="method", more=columns, to=first)


def name(setting: Setting) -> str:
    """The method with what of it is in question: score, gates, penalty, collapse."""
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
    if setting.collapsed:
        said.append("collapsed")
    return ", ".join(said)


def _sentence(where: str, near: Sequence[Setting], chosen_by: dict[str, float]) -> str:
    """The best in blocks by validation, and whether the test split tells it from the second."""
    in_blocks = [one for one in near if one.block == BLOCK]
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
        rates = [f"{100 * chosen_by[one.group_key]:.1f}" for one in (first, second)]
        by = f" ({rates[0]} %, the next {rates[1]} %)"
    return (
        f"{where}, in {BLOCK} blocks and by the {chosen} split{by}, {name(first)} comes "
        f"first; {said} on the test split (at least {seeds_of(first, second)} each), {told}."
    )
