"""How the dense baseline was tuned, and what the study cost."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any

from asr.study.plan import EXPERIMENT as GRID
from asr.study.plan import REAL, grid
from asr.study.section import Material, Section, between, nothing_yet, table

EXPERIMENT = "study_tuning"
_GROUPS = ("features", "augmentation", "model", "data", "optimizer", "scheduler", "training")


def section(material: Material) -> Section:
    """Every try by its settings that the first has otherwise, with the CER of validation.

    Seeds that the grid trained of the setting that won are no tries.
    """
    tries = [
        (run, result)
        for one in material.tuned
        if one.corpus == REAL
        for run, result in zip(one.runs, one.system.results, strict=True)
        if result.experiment == EXPERIMENT
    ]
    if not tries:
        return nothing_yet(
            "tuning", f"python train.py +experiment=amazon_queen experiment_name={EXPERIMENT}"
        )
    chosen = grid(material.settings, REAL, GRID)
    tries.sort(key=lambda one: (one[0].config["training"]["epochs"], -one[1].cer))
    first = dict(_flat(tries[0][0].config))
    lines = []
    for run, result in tries:
        changed = [(key, value) for key, value in _flat(run.config) if first.get(key) != value]
        changes = [f"`{key}={value}`" for key, value in changed]
        minutes = run.weights.training_seconds / 60
        rate = f"{100 * result.cer:.1f}"
        if chosen and result.group_key == chosen.reference.group_key:
            rate = f"**{rate}**, the grid's recipe"
        lines.append([" ".join(changes) or "none", rate, f"{minutes:.0f}"])
    return Section(table(["changes to the first", "validation CER %", "minutes"], lines))


def _flat(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Dotted key and value, of the groups that a baseline is tuned in."""
    for group in _GROUPS:
        if group in config:
            yield from _leaves(group, config[group])


def _leaves(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(f"{key}.{name}", inner)
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for index, inner in enumerate(value):
            yield from _leaves(f"{key}.{index}", inner)
    elif not key.endswith("._target_"):
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
    rows.append(["all", str(len(material.runs)), f"{sum(seconds.values()) / 3600:.1f}"])
    text = table(["experiment", "runs kept", "hours of a core"], rows)
    if found := grid(material.settings, REAL, GRID):
        own = [run for one in (found.reference, *found.equal_width) for run in one.runs]
        minutes = [run.weights.training_seconds / 60 for run in own]
        text += (
            f"\nA run of {found.reference.hidden} units took {median(minutes):.0f} minutes in the "
            f"median ({between(minutes, '{:.0f}')}).\n"
        )
    return Section(text)
