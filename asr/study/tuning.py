"""How the dense baseline was tuned, and what the study cost."""

from collections import defaultdict
from statistics import median

from asr.evaluation.result import Result
from asr.study.kept import Kept
from asr.study.plan import LONGER, REAL, SPARSITY, is_standard
from asr.study.recipe import augmented, changes
from asr.study.section import Material, Section, nothing_yet
from asr.study.setting import Setting
from asr.study.wording import between, seeds_of, table

EXPERIMENT = "study_tuning"
BUDGET = 24  # hours of a core for the grid
NOT_KEPT = {  # hours of a core, by the logs of their day
    "tries of tuning that were stopped": 1.5,
    "the first grid, of two layers and 24 epochs": 2.1,
    "trainings of three layers stopped, done again or not kept": 1.2,
}
RUN_BUDGET = 60  # minutes of a core for a run of the grid
_SHOWN = (  # in columns of their own
    *("training.epochs", "training.precision", "optimizer.lr"),
    *("model.layers", "model.hidden", "model.dropout"),
)


def section(material: Material) -> Section:
    """Every dense try by its recipe, with the CER of validation.

    Further seeds that the grid trained of the recipe that it took are no tries.
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
    lines = []
    for _, run, result in tries:
        rate = f"{100 * result.cer:.1f}"
        if result.group_key == recipe:
            rate = f"**{rate}**, the grid's recipe"
        lines.append([*_recipe(run).values(), _other_changes(first, run), rate, _minutes(run)])
    head = [*_recipe(first), "other changes to the first", "validation CER %", "minutes"]
    return Section(table(head, lines))


def _recipe(run: Kept) -> dict[str, str]:
    """What most tries differ in; of an augmentation its kinds and how many masks."""
    model, training = run.config["model"], run.config["training"]
    return {
        "epochs": str(training["epochs"]),
        "layers x units": f"{model['layers']} x {model['hidden']}",
        "augmentation": augmented(run.config["augmentation"]),
        "dropout": str(model["dropout"]),
        "peak rate": str(run.config["optimizer"]["lr"]),
        "precision": training["precision"],
    }


def _other_changes(first: Kept, run: Kept) -> str:
    """What a run changes that its row does not say, in the augmentation too."""
    shown: tuple[str, ...] = _SHOWN
    if _recipe(run)["augmentation"] != _recipe(first)["augmentation"]:
        shown = (*shown, "augmentation")
    return changes(first, run, shown)


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

    The first seed of the recipe that the grid took counts as one of them, and that of each dense
    model that was trained longer.
    """
    longer = {one.name for one in LONGER}
    return [
        (one, run, result)
        for one in material.tuned
        if one.corpus == REAL
        for run, result in zip(one.runs, one.system.results, strict=True)
        if EXPERIMENT in one.trained_for[result.run_key]
        or (
            run is one.runs[0]
            and (one.group_key == recipe or (one.dense and one.experiments & longer))
        )
    ]


def _minutes(run: Kept) -> str:
    return f"{run.weights.training_seconds / 60:.0f}"


def cost(material: Material) -> Section:
    """Hours of one core by experiment, on the clock, and of what was not kept."""
    minutes: defaultdict[str, list[float]] = defaultdict(list)
    for run in material.runs:
        threads = run.config.get("hardware", {}).get("threads", 1)
        own = minutes[str(run.config["experiment_name"])]
        own.append(run.weights.training_seconds * threads / 60)
    rows = [
        [
            name,
            *(str(len(own)), f"{sum(own) / 60:.1f}", f"{median(own):.0f}", f"{max(own):.0f}"),
            str(sum(one > RUN_BUDGET for one in own)),
        ]
        for name, own in sorted(minutes.items())
    ]
    kept = sum(map(sum, minutes.values())) / 60
    rows.append(["all that is kept", str(len(material.runs)), f"{kept:.1f}", "", "", ""])
    rows += [[what, "", f"{hours:.1f}", "", "", ""] for what, hours in NOT_KEPT.items()]
    spent = kept + sum(NOT_KEPT.values())
    rows.append(["together", "", f"{spent:.1f}", "", "", ""])
    over = f"{spent - BUDGET:.1f} more" if spent > BUDGET else f"{BUDGET - spent:.1f} fewer"
    text = (
        f"Trainings took at least {spent:.1f} hours of a core, {over} than the {BUDGET} planned "
        "for the grid.\n\n"
    )
    head = ["experiment", "runs kept", "hours of a core", "minutes of a run, median", "longest"]
    return Section(text + table([*head, f"runs over {RUN_BUDGET} minutes"], rows))
