"""How the dense baseline was tuned, and what the study cost."""

from collections import defaultdict
from typing import Any

from asr.study.plan import REAL
from asr.study.section import Material, Section, nothing_yet, table
from asr.study.setting import Setting

EXPERIMENT = "study_tuning"
_SHOWN = (
    ("epochs", "training", "epochs"),
    ("peak rate", "optimizer", "lr"),
    ("dropout", "model", "dropout"),
    ("layers", "model", "layers"),
    ("units", "model", "hidden"),
    ("batch", "data", "max_batch"),
)


def section(material: Material) -> Section:
    """Every try by its settings, with the CER of the validation split."""
    found = [
        one
        for one in material.tuned
        if one.corpus == REAL and one.system.results[0].experiment == EXPERIMENT
    ]
    if not found:
        return nothing_yet("tuning", "python train.py +experiment=study_tuning")
    rows = sorted(found, key=lambda one: (one.config["training"]["epochs"], -_rate(one)))
    head = [*(title for title, *_ in _SHOWN), "augmentation", "validation CER %", "minutes"]
    return Section(table(head, [_row(one) for one in rows]))


def _rate(one: Setting) -> float:
    return sum(one.rates) / len(one.rates)


def _row(one: Setting) -> list[str]:
    values = [str(one.config[group][key]) for _, group, key in _SHOWN]
    minutes = sum(run.weights.training_seconds for run in one.runs) / 60
    told = f"{minutes:.0f}" if minutes else ""
    return [*values, _augmentation(one.config), f"{100 * _rate(one):.1f}", told]


def _augmentation(config: dict[str, Any]) -> str:
    section = config["augmentation"]
    masks = [one for one in section["spectrum"] if "SpecAugment" in one["_target_"]]
    said = [f"time masks {one['time_masks']} of {100 * one['time_share']:.0f} %" for one in masks]
    if section["speed"]:
        said.append(
            f"speed {min(section['speed']['factors'])} to {max(section['speed']['factors'])}"
        )
    said += [one["_target_"].rsplit(".", 1)[-1] for one in section["waveform"]]
    return ", ".join(said) or "none"


def cost(material: Material) -> Section:
    """Hours of one core by experiment, on the clock."""
    seconds: defaultdict[str, float] = defaultdict(float)
    runs: defaultdict[str, int] = defaultdict(int)
    for run in material.runs:
        experiment = next(iter(run.results.values())).experiment
        seconds[experiment] += run.weights.training_seconds
        runs[experiment] += 1
    rows = [[name, str(runs[name]), f"{seconds[name] / 3600:.1f}"] for name in sorted(seconds)]
    rows.append(["all", str(len(material.runs)), f"{sum(seconds.values()) / 3600:.1f}"])
    return Section(table(["experiment", "runs", "hours of a core"], rows))
