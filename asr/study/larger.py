"""Question 4: a large sparse model against a small dense one, and against its own dense parent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations

from asr.statistics.bootstrap import Interval
from asr.statistics.comparison import Comparison, holm
from asr.study import figures
from asr.study.compared import compare_settings, rate_cells, verdict
from asr.study.plan import ALIKE, BLOCK, SPARSITY, Grid
from asr.study.section import Material, Section, nothing_yet, picture
from asr.study.setting import Setting
from asr.study.wording import p_value, seeds_of, signed, table, units_and_zeros, with_seeds

NARROWER = {1.5: "two thirds as wide", 2.0: "half as wide"}  # by how much wider the sparse one is
_TIMES = {name: f"{times:g}" for times, name in NARROWER.items()}
_PICTURE = "larger.png"
_AS_MANY, _PARENT = "as many weights", "its dense parent"
_SPARSE_ONE = {  # what a sparse model is, by what the dense one beside it is
    _AS_MANY: "As many weights as a dense model",
    _PARENT: "Beside the dense parent",
    NARROWER[1.5]: "1.5 times as wide as a dense model",
    NARROWER[2.0]: "Twice as wide as a dense model",
}


@dataclass(frozen=True, eq=False)
class Pair:
    """A sparse model, what the dense one beside it is to it, and that one."""

    sparse: Setting
    kind: str
    dense: Setting

    @property
    def comparison(self) -> Comparison:
        """Of the sparse model with the dense one."""
        return compare_settings(self.dense, self.sparse)

    @property
    def weight_ratio(self) -> float:
        """How many times the dense model's recurrent weights, zeros not counted."""
        return self.sparse.recurrent_nonzero / self.dense.recurrent_nonzero


def section(material: Material) -> Section:
    """All widths and sparsities by weights, and three kinds of pairs among them."""
    found = material.grid
    pairs = _pairs(found)
    if found is None or not pairs:
        return nothing_yet(
            "second width", material.real.command(f"model.hidden={material.real.width // 2}")
        )
    models = table(
        ["model", "weights not zero", "in recurrent layers", "CER %", "of each seed", "WER %"],
        [_row(one) for one in [*found.dense, *found.usual]],
    )
    adjusted = holm([pair.comparison.p for pair in pairs])
    compared = table(
        ["sparse", "beside", "recurrent layers' weights", "CER, relative", "p", "at or below"],
        [_row_of_pair(pair, p) for pair, p in zip(pairs, adjusted, strict=True)],
    )
    points = {"dense": [_point(one) for one in found.dense]}
    for one in found.usual:
        points.setdefault(f"{100 * one.sparsity:.0f} % in {BLOCK}", []).append(_point(one))
    across = "weights of the recurrent layers that are not zero"
    figure = figures.over_size(points, across, "CER, %, test split")
    shown = " ".join([_at_or_below(pairs), *_searched(material)])
    return Section(
        f"{shown}\n\n{_sentences(pairs)}"
        + "".join(f"- {one}\n" for one in _pruned_less(found))
        + f"\n{models}\n{compared}\n"
        + picture(_PICTURE, "CER over the number of weights, dense and sparse"),
        {_PICTURE: figure},
    )


def answer(material: Material) -> str:
    """What zeros cost beside a dense model of as many weights, and of their own width and wider."""
    pairs = _pairs(material.grid)
    as_many = [
        f"Beside a dense model of as many weights ({units_and_zeros(pair.dense)}) "
        f"{units_and_zeros(pair.sparse)}, has {signed(pair.comparison.relative)} of the CER."
        for pair in pairs
        if pair.kind == _AS_MANY
    ]
    return "\n".join([*as_many, *_won_back(pairs), *_pruned_less(material.grid)])


def _searched(material: Material) -> Iterator[str]:
    """In how many pairs of models that were searched with a language model it is shown."""
    if pairs := _pairs(material.searched_grid):
        yield f"By the CER with a language model: in {_shown(pairs)}."


def _won_back(pairs: Sequence[Pair]) -> Iterator[str]:
    """What a dense model loses when it is pruned itself, and when a wider one is pruned for it."""
    at = [pair for pair in pairs if pair.sparse.is_at(SPARSITY)]
    for own in (pair for pair in at if pair.kind == _PARENT):
        wider = [pair for pair in at if pair.dense is own.dense and pair.kind in _TIMES]
        costs = [
            f", {signed(pair.comparison.relative)} {_TIMES[pair.kind]} times as wide"
            for pair in sorted(wider, key=lambda pair: pair.sparse.hidden)
        ]
        if costs:
            yield (
                f"Beside {units_and_zeros(own.dense)}, {100 * SPARSITY:.0f} % zeros cost "
                f"{signed(own.comparison.relative)} of the CER at its own width{''.join(costs)}."
            )


def _at_or_below(pairs: Sequence[Pair]) -> str:
    return (
        "A sparse model is shown to err at most as much as the dense one beside it in "
        f"{_shown(pairs)}."
    )


def _shown(pairs: Sequence[Pair]) -> str:
    shown = [
        f"{units_and_zeros(pair.sparse)} beside {units_and_zeros(pair.dense)}"
        for pair in pairs
        if verdict(pair.comparison, 0.0) == "shown"
    ]
    which = f" ({'; '.join(shown)})" if shown else ""
    return f"{len(shown)} of {len(pairs)} pairs{which}"


def _pairs(found: Grid | None) -> list[Pair]:
    """All, or none before there is a second width."""
    if found is None or len(found.dense) < 2:
        return []
    return [pair for one in found.usual for pair in pairs_of(one, found)]


def pairs_of(one: Setting, found: Grid) -> list[Pair]:
    """What a sparse model is measured against: as many weights, its parent, narrower ones."""
    pairs = []
    parent = found.parent(one)
    for other in found.dense:
        wider = one.hidden / other.hidden
        if other in found.as_large(one):
            pairs.append(Pair(one, _AS_MANY, other))
        elif other is parent:
            pairs.append(Pair(one, _PARENT, other))
        elif wider in NARROWER:
            pairs.append(Pair(one, NARROWER[wider], other))
    return pairs


def _row(one: Setting) -> list[str]:
    sizes = [f"{one.nonzero:,}", f"{one.recurrent_nonzero:,}"]
    return [with_seeds(one), *sizes, *rate_cells(one)]


def _row_of_pair(pair: Pair, p: float) -> list[str]:
    compared = pair.comparison
    return [
        units_and_zeros(pair.sparse),
        f"{pair.kind}, {units_and_zeros(pair.dense)}",
        f"{pair.weight_ratio:.2f} times",
        signed(compared.relative),
        p_value(p),
        verdict(compared, 0.0),
    ]


def _sentences(pairs: Sequence[Pair]) -> str:
    """One for each kind of pair: the differences."""
    said = []
    for kind, name in _SPARSE_ONE.items():
        own = [pair for pair in pairs if pair.kind == kind]
        if not own:
            continue
        listed = "; ".join(
            f"{units_and_zeros(pair.sparse)} beside {units_and_zeros(pair.dense)} "
            f"{signed(pair.comparison.relative)}"
            for pair in own
        )
        seeds = seeds_of(*(one for pair in own for one in (pair.sparse, pair.dense)))
        said.append(f"- **{name}**: CER {listed}; at least {seeds} each.\n")
    return "".join(said)


def _pruned_less(found: Grid | None) -> Iterator[str]:
    """A sparse model beside a narrower one that was pruned less and has as many weights left."""
    for wide, narrow in permutations(found.usual if found else (), 2):
        if wide.hidden > narrow.hidden and abs(wide.nonzero / narrow.nonzero - 1) < ALIKE:
            gap = signed(compare_settings(narrow, wide).relative)
            yield (
                f"{units_and_zeros(wide)}, to {units_and_zeros(narrow)}, which has as many "
                f"weights: CER {gap}, at least {seeds_of(wide, narrow)} each."
            )


def _point(one: Setting) -> tuple[Interval, Interval, str]:
    weights = float(one.recurrent_nonzero)
    return Interval(weights, weights, weights), one.cer_interval, str(one.hidden)
