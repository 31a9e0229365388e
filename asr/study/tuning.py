"""How the dense baseline was tuned, and what the study cost."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from asr.evaluation.result import Result
from asr.study.kept import Kept
from asr.study.plan import REAL, SPARSITY, is_standard
from asr.study.section import Material, Section, between, nothing_yet, seeds_of, table
from asr.study.setting import Setting

EXPERIMENT = "study_tuning"
BUDGET = 24  # hours of a core for all that is kept
RUN_BUDGET = 60  # minutes of a core for a run of the grid
_CLASS = "._target_"  # ends the key of what a part of a configuration is made by
_GROUPS = ("features", "augmentation", "model", "data", "optimizer", "scheduler", "training")


def section(material: Material) -> Section:
    """Every dense try by what it changes, with the CER of validation.

    The changes are to the first try or to the recipe that the grid took, whichever is less to
    tell. Further seeds that the grid trained of that recipe are no tries.
    """
    chosen = material.grid
    recipe = chosen.reference.group_key if chosen else None
    tries = [one for one in _tries(material, recipe) if one[0].dense]
    if not any(EXPERIMENT in one.trained_for[result.run_key] for one, _, result in tries):
        return nothing_yet(
            "tuning", f"python train.py +experiment=amazon_queen experiment_name={EXPERIMENT}"
        )
    tries.sort(key=lambda one: (one[1].config["training"]["epochs"], -one[2].cer))
    first = tries[0][1]
    winner = next((run for _, run, result in tries if result.group_key == recipe), None)
    lines = []
    for _, run, result in tries:
        rate = f"{100 * result.cer:.1f}"
        told = changes(first, run)
        if result.group_key == recipe:
            rate = f"**{rate}**, the grid's recipe"
        elif winner and (fewer := changes(winner, run)).count("`") < told.count("`"):
            told = f"the grid's recipe, but {fewer}"
        lines.append([told, rate, _minutes(run)])
    return Section(table(["changes to the first", "validation CER %", "minutes"], lines))


def of_sparse(material: Material) -> Section:
    """Tries to tune the usual sparse model by itself, beside the one by the dense one's recipe."""
    found = material.grid
    usual = found.ninety() if found else None
    tuned = {one.group_key: one for one in material.tuned}
    alike = (usual.layers, usual.hidden) if usual else None
    tries = [
        one
        for one in _tries(material)
        if is_standard(one[0])
        and one[0].is_at(SPARSITY)
        and (one[0].layers, one[0].hidden) == alike
    ]
    if usual is None or usual.group_key not in tuned or not tries:
        return nothing_yet(
            "sparse model of its own recipe",
            material.real.command(
                f"experiment_name={EXPERIMENT}", "sparsity=gradual_block", "model.dropout=0.1"
            ),
        )
    by_recipe = tuned[usual.group_key]
    rates = between([100 * rate for rate in by_recipe.rates], "{:.1f}")
    lines = [["none", f"{rates} ({seeds_of(by_recipe)})", _minutes(by_recipe.runs[0])]]
    for _, run, result in tries:
        told = changes(by_recipe.runs[0], run)
        lines.append([told, f"{100 * result.cer:.1f}", _minutes(run)])
    head = ["changes to the dense one's recipe", "validation CER %", "minutes"]
    return Section(table(head, lines))


def _tries(material: Material, recipe: str | None = None) -> list[tuple[Setting, Kept, Result]]:
    """Runs of the experiment by their settings, with the result on the validation split.

    The first seed of the recipe that the grid took counts as one of them.
    """
    return [
        (one, run, result)
        for one in material.tuned
        if one.corpus == REAL
        for run, result in zip(one.runs, one.system.results, strict=True)
        if EXPERIMENT in one.trained_for[result.run_key]
        or (one.group_key == recipe and run is one.runs[0])
    ]


def changes(first: Kept, run: Kept) -> str:
    """What a run's recipe changes of another's: values, classes, and parts that it has no more."""
    said = [f"`{key}={value}`" for key, value in changed(first, run)]
    return " ".join([*said, *(f"no `{part}`" for part in _gone(first, run))]) or "none"


def changed(first: Kept, run: Kept) -> list[tuple[str, str]]:
    """Dotted key and value of what a run has otherwise or anew; of a class the key of its part."""
    before = dict(_flat(first.config))
    return [
        (key.removesuffix(_CLASS), value.rpartition(".")[2] if key.endswith(_CLASS) else value)
        for key, value in _flat(run.config)
        if before.get(key) != value
    ]


def _gone(first: Kept, run: Kept) -> list[str]:
    """Largest parts that only the first has, where no other value or class stands for them."""
    before, after = (dict(_flat(one.config)) for one in (first, run))
    parts = {part for key in after for part in _parts(key)}
    gone: dict[str, None] = {}
    for key in before:
        part = next((one for one in _parts(key) if one not in parts), "")
        whole = part.rpartition(".")[0]
        another = before.get(whole + _CLASS) != after.get(whole + _CLASS)
        if part and whole not in after and not another:
            gone[part] = None
    return list(gone)


def _parts(key: str) -> list[str]:
    """Of a.b.c: a, a.b and a.b.c."""
    names = key.split(".")
    return [".".join(names[: end + 1]) for end in range(len(names))]


def _minutes(run: Kept) -> str:
    return f"{run.weights.training_seconds / 60:.0f}"


def _flat(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Dotted key and value, of the groups that a baseline is tuned in."""
    for group in _GROUPS:
        if group in config:
            yield from leaves(group, config[group])


def leaves(key: str, value: Any) -> Iterator[tuple[str, str]]:
    """Dotted keys below a key, and their values as a command writes them."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from leaves(f"{key}.{name}", inner)
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for index, inner in enumerate(value):
            yield from leaves(f"{key}.{index}", inner)
    else:
        yield key, "null" if value is None else str(value).replace(" ", "")


def cost(material: Material) -> Section:
    """Hours of one core by experiment, on the clock."""
    seconds: defaultdict[str, float] = defaultdict(float)
    runs: defaultdict[str, int] = defaultdict(int)
    for run in material.runs:
        experiment = str(run.config["experiment_name"])
        threads = run.config.get("hardware", {}).get("threads", 1)
        seconds[experiment] += run.weights.training_seconds * threads
        runs[experiment] += 1
    rows = [[name, str(runs[name]), f"{seconds[name] / 3600:.1f}"] for name in sorted(seconds)]
    spent = sum(seconds.values()) / 3600
    rows.append(["all", str(len(material.runs)), f"{spent:.1f}"])
    over = f"{spent - BUDGET:.1f} more" if spent > BUDGET else f"{BUDGET - spent:.1f} fewer"
    text = f"The kept runs took {spent:.1f} hours of a core, {over} than the {BUDGET} planned.\n\n"
    text += table(["experiment", "runs kept", "hours of a core"], rows)
    if found := material.grid:
        own = [run for one in (found.reference, *found.equal_width) for run in one.runs]
        minutes = [run.weights.training_seconds / 60 for run in own]
        text += (
            f"\nA run of {found.reference.hidden} units took {median(minutes):.0f} minutes in the "
            f"median; {sum(one > RUN_BUDGET for one in minutes)} of {len(minutes)} took more than "
            f"the {RUN_BUDGET} planned.\n"
        )
    return Section(text)
