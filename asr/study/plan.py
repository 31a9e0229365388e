"""What the study compares: which kept runs are whose, by their settings alone."""

from collections.abc import Sequence
from dataclasses import dataclass

from asr.errors import InputError
from asr.study.recipe import other_settings
from asr.study.setting import Setting, the_one

REAL = "amazon_queen"  # the corpus that questions are answered on
CHEAP = "synthetic"  # that methods are compared on first
SPARSITY = 0.9  # that sizes of blocks, methods and payers are compared at
ALIKE = 0.1  # models whose weights differ by less, relatively, count as equally large
BLOCK = "16x16"  # that sparsities, widths and methods are compared in
_WIDTH = "model.hidden"
_REMEDY = "Train both by one recipe, or keep this run in an experiment of its own."
STANDARD = {"score": "l2", "regrow": 0.0, "exceptions": [], "start": None, "end": 0.5}


@dataclass(frozen=True)
class Experiment:
    """What belongs together: models on one corpus, compared with the dense one of a width.

    Args:
        name: that its runs were trained for.
        corpus: that they were trained on.
        width: units of each direction of the models that are pruned at equal width.
    """

    name: str
    corpus: str
    width: int

    def command(self, *overrides: str) -> str:
        """That trains a run of it."""
        return " ".join(["python train.py", f"+experiment={self.name}", *overrides])


DEEP = Experiment("study_deep", REAL, 224)  # three layers: the best dense model of the size
TWO_LAYERS = Experiment("study", REAL, 256)  # before a third layer was tried; all widths
# By two layers again: since the average starts again at new masks, TWO_LAYERS is no comparison.
GATES = Experiment("study_gates", REAL, 256)
FRAMES = Experiment("study_frames", REAL, 224)  # three layers, shorter frames, more epochs
LONGER = (  # the same three layers, trained longer
    Experiment("study_28_epochs", REAL, 224),  # all else alike
    Experiment("study_long", REAL, 224),  # by another recipe
    FRAMES,  # by that and shorter frames, in the same time
)
METHODS = Experiment("study_method", CHEAP, 256)
LASSO = Experiment("study_lasso", CHEAP, 256)  # by either step, and what it is compared with


@dataclass(frozen=True, eq=False)
class Grid:
    """The settings of one experiment, and the dense one that its width is compared with."""

    reference: Setting
    dense: Sequence[Setting]  # of all widths, the reference among them
    sparse: Sequence[Setting]

    def parent(self, one: Setting) -> Setting | None:
        """The dense setting with which a sparse one shares all but its pruning."""
        return next((other for other in self.dense if other.group_key == one.baseline_key), None)

    def as_large(self, one: Setting) -> list[Setting]:
        """Dense models that have as many weights as a sparse one has left."""
        return [other for other in self.dense if abs(other.nonzero / one.nonzero - 1) < ALIKE]

    @property
    def others(self) -> list[Setting]:
        """Beside the reference: dense models and the usual sparse ones of every width."""
        dense = [one for one in self.dense if one is not self.reference]
        return sorted([*dense, *self.usual], key=_by_size)

    @property
    def standard(self) -> list[Setting]:
        """Sparse models that only widths, sparsities and blocks tell apart."""
        return [one for one in self.sparse if is_standard(one)]

    @property
    def usual(self) -> list[Setting]:
        """Sparse models that only widths and sparsities tell apart."""
        return sorted((one for one in self.standard if one.block == BLOCK), key=_by_size)

    @property
    def equal_width(self) -> list[Setting]:
        """Sparse models whose dense parent is the reference."""
        return [one for one in self.sparse if one.baseline_key == self.reference.group_key]

    @property
    def usual_at_width(self) -> list[Setting]:
        """The usual sparse models at equal width, by sparsity."""
        equal = self.equal_width
        return [one for one in self.usual if one in equal]

    @property
    def at_ninety(self) -> list[Setting]:
        """Sparse models of equal width and of 90 % zeros."""
        return [one for one in self.equal_width if one.is_at(SPARSITY)]

    def ninety(self, block: str = BLOCK) -> Setting | None:
        """The standard model of equal width and 90 % zeros in blocks of a size, if it is there yet.

        Raises:
            InputError: several could be it.
        """
        at = [one for one in self.at_ninety if is_standard(one) and one.block == block]
        what = f"{100 * SPARSITY:.0f} % in {block}"
        return the_one(at, what, lambda _: True) if at else None


def _by_size(one: Setting) -> tuple[int, float]:
    return one.hidden, one.sparsity


def grid(settings: Sequence[Setting], experiment: Experiment) -> Grid | None:
    """The runs of an experiment, with their dense parents wherever those were trained.

    None where no dense model of the reference's width is there yet.

    Raises:
        InputError: several dense models could be the reference.
    """
    own = [one for one in settings if one.corpus == experiment.corpus]
    keys = {
        key
        for one in own
        if experiment.name in one.experiments
        for key in (one.group_key, one.baseline_key)
    }
    members = [one for one in own if one.group_key in keys]
    dense = [one for one in members if one.dense]
    width = experiment.width
    if not any(one.hidden == width for one in dense):
        return None
    reference = the_one(
        dense,
        f"dense models of {width} units in {experiment.name}",
        lambda one: one.hidden == width,
    )
    sparse = [one for one in members if not one.dense]
    for one in sparse:
        if one.hidden == width and one.baseline_key != reference.group_key:
            raise InputError(
                one.system.name,
                expected=f"the recipe of {reference.system.name}, but for its pruning",
                got=f"one whose dense parent would be {one.baseline_key}",
                remedy=_REMEDY,
            )
    for one in dense:
        _refuse_another_recipe(reference, one)
    return Grid(reference, sorted(dense, key=lambda one: one.hidden), sparse)


def _refuse_another_recipe(reference: Setting, one: Setting) -> None:
    """Models of another width are told by their width alone.

    Raises:
        InputError: more than that differs.
    """
    if other := other_settings(reference.config, one.config, but=[_WIDTH]):
        raise InputError(
            one.system.name,
            expected=f"the recipe of {reference.system.name}, but for its width",
            got=", ".join(f"{key}={value}" for key, value in other.items()),
            remedy=_REMEDY,
        )


def is_standard(setting: Setting) -> bool:
    """Pruned gradually, as in every question but that of the method."""
    pruning = setting.pruning
    return (
        setting.method == "gradual_block"
        and pruning["select"]["gates"] == "separate"
        and not pruning["select"]["keep_diagonal"]
        and all(pruning[key] == value for key, value in STANDARD.items())
    )
