"""The study's targets, and what became of them."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from asr.study.block_size import MARGIN as LARGE_BLOCKS
from asr.study.compared import compare_settings, in_seeds, verdict
from asr.study.equal_width import MARGIN
from asr.study.larger import NARROWER, pairs_of
from asr.study.plan import BLOCK, TWO_LAYERS, Grid, grid
from asr.study.section import Material, Section, nothing_yet
from asr.study.wording import seeds_of, signed, table, units_and_zeros

LARGEST = "32x32"
QUARTER = 1 / 4  # of the recurrent layers' weights of a narrower dense model
TENTH, EIGHTH = 1 / 10, 1 / 8  # of the pruned matrices' dense fp32 bytes, and of the whole file's
_WIDER = ((1.5, 0.9), (2.0, 0.95))  # than the dense model, and its zeros


@dataclass(frozen=True)
class _Target:
    asked: str
    found: str = "not trained and scored yet"
    verdict: str = "open"


def section(material: Material) -> Section:
    """A row a target, with the interval of what was measured."""
    grids = [
        each
        for one in dict.fromkeys((material.real, TWO_LAYERS))
        if (each := grid(material.settings, one)) and each.standard
    ]
    if not grids:
        return nothing_yet("sparse model", material.real.command("sparsity=gradual_block"))
    targets = [*_at_equal_width(grids), *_wider(grids), *_sizes(grids[0])]
    verdicts: defaultdict[str, set[str]] = defaultdict(set)  # reached where all of its pairs are
    for one in targets:
        verdicts[one.asked].add(one.verdict)
    reached = sum(each <= {"shown", "met"} for each in verdicts.values())
    left = sum("open" in each and each <= {"shown", "open"} for each in verdicts.values())
    return Section(
        f"Of {len(verdicts)} targets, reached: {reached}; not reached: "
        f"{len(verdicts) - reached - left}; open: {left}.\n\n"
        + table(
            ["target", "measured", "verdict"],
            [[one.asked, one.found, one.verdict] for one in targets],
        )
    )


def _at_equal_width(grids: Sequence[Grid]) -> Iterator[_Target]:
    """Of the first grid that has such a model."""
    for block, margin in ((BLOCK, MARGIN), (LARGEST, LARGE_BLOCKS)):
        found = next((each for each in grids if each.ninety(block)), grids[0])
        one = found.ninety(block)
        asked = f"90 % in {block}: CER within {100 * margin:g} % of dense at equal width"
        if one is None:
            yield _Target(asked)
            continue
        compared = compare_settings(found.reference, one)
        seeds = seeds_of(found.reference, one)
        yield _Target(
            asked,
            f"{one.layers} layers: {signed(compared.relative)}{in_seeds(found.reference, one)}, "
            f"at least {seeds} each",
            verdict(compared, margin),
        )


def _wider(grids: Sequence[Grid]) -> Iterator[_Target]:
    """Of the first grid that has such a pair."""
    for times, sparsity in _WIDER:
        asked = (
            f"{times:g} times as wide, {100 * sparsity:.0f} % zeros: CER at or below the dense "
            "one's, with at most a quarter of its recurrent weights"
        )
        of_each = [
            [
                pair
                for one in found.usual
                if one.is_at(sparsity)
                for pair in pairs_of(one, found)
                if pair.kind == NARROWER[times]
            ]
            for found in grids
        ]
        pairs = next(filter(None, of_each), [])
        references = {found.reference for found in grids}
        if not pairs:
            yield _Target(asked)
        for pair in pairs:
            tuned = "" if pair.dense in references else " (not the tuned one, but by its recipe)"
            yield _Target(
                asked,
                f"{units_and_zeros(pair.sparse)} beside {units_and_zeros(pair.dense)}{tuned}, "
                f"{pair.dense.layers} layers: {signed(pair.comparison.relative)} with "
                f"{pair.weight_ratio:.2f} times the weights, "
                f"at least {seeds_of(pair.sparse, pair.dense)} each",
                verdict(pair.comparison, 0.0) if pair.weight_ratio <= QUARTER else "missed",
            )


def _sizes(found: Grid) -> Iterator[_Target]:
    one = found.ninety()
    matrices = f"90 % in {BLOCK}: pruned matrices in fp32 at most a tenth of their dense bytes"
    whole = f"90 % in {BLOCK}: the whole model in fp16 at most an eighth of the dense one in fp32"
    if one is None:
        yield from (_Target(matrices), _Target(whole))
        return
    weights = one.runs[0].weights
    share, file = weights.recurrent_share, 1 / weights.times_smaller
    said = f"{100 * share:.2f} %, indices included"
    if weights.recurrent_left > TENTH:
        said += (
            f"; {100 * weights.recurrent_left:.2f} % of the weights are left, since each gate of "
            "each matrix prunes whole blocks"
        )
    yield _Target(matrices, said, _met(share <= TENTH))
    zeros = weights.file_dense["fp16"] / weights.file_exported["fp16"]
    smaller = f"1/{weights.times_smaller:.1f}; 1/{zeros:.1f} of the dense one in fp16"
    yield _Target(whole, smaller, _met(file <= EIGHTH))


def _met(reached: bool) -> str:
    return "met" if reached else "missed"
