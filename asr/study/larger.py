"""Question 4: a large sparse model against a small dense one, and against its own dense parent."""

from dataclasses import dataclass
from functools import cached_property

from asr.statistics.comparison import Comparison, compare, counts
from asr.statistics.interval import error_rate_interval
from asr.study import figures
from asr.study.plan import in_grid, is_standard
from asr.study.section import (
    RATE_HEADS,
    Material,
    Section,
    nothing_yet,
    p_value,
    picture,
    rate_cells,
    seeds_of,
    signed,
    table,
    verdict,
)
from asr.study.setting import Setting

NEAR = 0.1  # weights this close, relatively, count as equally many
TIMES = (1.5, 2.0)  # as wide as the dense model it is to replace
_PICTURE = "larger.png"


@dataclass(frozen=True, eq=False)
class _Pair:
    sparse: Setting
    kind: str
    dense: Setting

    @cached_property
    def comparison(self) -> Comparison:
        return compare(self.dense.system, self.sparse.system, unit="characters")

    @property
    def weights(self) -> float:
        """How many times the recurrent weights, zeros not counted."""
        return self.sparse.recurrent_nonzero / self.dense.recurrent_nonzero


def section(material: Material) -> Section:
    """All widths and sparsities by weights, and three kinds of pairs among them."""
    dense = sorted(
        (one for one in material.settings if in_grid(one) and one.dense), key=lambda one: one.hidden
    )
    sparse = sorted(
        (one for one in material.settings if is_standard(one) and one.block == "16x16"),
        key=lambda one: (one.hidden, one.sparsity),
    )
    if len(dense) < 2 or not sparse:
        return nothing_yet("several widths", "python train.py -m +experiment=study_larger")
    pairs = [pair for one in sparse for pair in _pairs(one, dense)]
    head = ["model", "recurrent weights not zero", *RATE_HEADS]
    models = table(head, [_row(one) for one in [*dense, *sparse]])
    head = ["sparse", "beside", "recurrent weights", "CER, relative", "p", "at or below"]
    points = {
        "dense": [_point(one) for one in dense],
        "90 % in 16x16": [_point(one) for one in sparse if one.is_at(0.9)],
        "95 % in 16x16": [_point(one) for one in sparse if one.is_at(0.95)],
    }
    figure = figures.over_size(points, "recurrent weights that are not zero", "CER, %, test split")
    return Section(
        f"{_sentences(pairs)}\n{models}\n{table(head, list(map(_row_of_pair, pairs)))}\n"
        + picture(_PICTURE, "CER over the number of weights, dense and sparse"),
        {_PICTURE: figure},
    )


def _pairs(one: Setting, dense: list[Setting]) -> list[_Pair]:
    """What a sparse model is measured against: as many weights, its parent, narrower ones."""
    found = []
    for other in dense:
        wider = one.hidden / other.hidden
        if _equal(one, other):
            found.append(_Pair(one, "as many weights", other))
        elif wider == 1:
            found.append(_Pair(one, "its dense parent", other))
        elif wider in TIMES:
            found.append(_Pair(one, f"{wider:g} times as narrow", other))
    return found


def _equal(one: Setting, other: Setting) -> bool:
    return abs(other.recurrent_nonzero / one.recurrent_nonzero - 1) < NEAR


def _row(one: Setting) -> list[str]:
    return [f"{name(one)}, {seeds_of(one)}", f"{one.recurrent_nonzero:,}", *rate_cells(one)]


def _row_of_pair(pair: _Pair) -> list[str]:
    compared = pair.comparison
    return [
        name(pair.sparse),
        f"{pair.kind}, {name(pair.dense)}",
        f"{pair.weights:.2f} times",
        signed(compared.relative),
        p_value(compared.p),
        verdict(compared, 0.0),
    ]


def _sentences(pairs: list[_Pair]) -> str:
    """One for each pair but those of a model and its own parent."""
    return "".join(
        f"- **{name(pair.sparse)}** beside {name(pair.dense)} ({pair.kind}): {pair.weights:.2f} "
        f"times the recurrent weights, CER {signed(pair.comparison.relative)}.\n"
        for pair in pairs
        if pair.kind != "its dense parent"
    )


def _point(one: Setting) -> tuple[float, float, str]:
    rate = error_rate_interval(*counts(one.system, "characters")).estimate
    return float(one.recurrent_nonzero), rate, str(one.hidden)


def name(one: Setting) -> str:
    """Units, and zeros."""
    return f"{one.hidden} units, " + ("dense" if one.dense else f"{100 * one.sparsity:.0f} % zeros")
