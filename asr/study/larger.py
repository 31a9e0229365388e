"""Question 4: a large sparse model against a small dense one, and against its own dense parent."""

from asr.statistics.comparison import compare, counts
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
_PICTURE = "larger.png"


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
    pairs = [
        pair
        for one in sparse
        for kind, other in [
            ("as many weights", _as_large(one, dense)),
            ("its dense parent", next((d for d in dense if d.hidden == one.hidden), None)),
            *(("a narrower dense one", d) for d in dense if d.hidden < one.hidden),
        ]
        if other is not None and not (kind == "a narrower dense one" and _equal(one, other))
        for pair in [(one, kind, other)]
    ]
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
        f"{models}\n{table(head, [_pair(*pair) for pair in pairs])}\n"
        + picture(_PICTURE, "CER over the number of weights, dense and sparse"),
        {_PICTURE: figure},
    )


def _as_large(one: Setting, dense: list[Setting]) -> Setting | None:
    return next((other for other in dense if _equal(one, other)), None)


def _equal(one: Setting, other: Setting) -> bool:
    return abs(other.recurrent_nonzero / one.recurrent_nonzero - 1) < NEAR


def _row(one: Setting) -> list[str]:
    return [f"{name(one)}, {seeds_of(one)}", f"{one.recurrent_nonzero:,}", *rate_cells(one)]


def _pair(one: Setting, kind: str, other: Setting) -> list[str]:
    compared = compare(other.system, one.system, unit="characters")
    return [
        name(one),
        f"{kind}, {name(other)}",
        f"{one.recurrent_nonzero / other.recurrent_nonzero:.2f} times",
        signed(compared.relative),
        p_value(compared.p),
        verdict(compared, 0.0),
    ]


def _point(one: Setting) -> tuple[float, float, str]:
    rate = error_rate_interval(*counts(one.system, "characters")).estimate
    return float(one.recurrent_nonzero), rate, str(one.hidden)


def name(one: Setting) -> str:
    """Units, and zeros."""
    return f"{one.hidden} units, " + ("dense" if one.dense else f"{100 * one.sparsity:.0f} % zeros")
