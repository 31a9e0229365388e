"""Results to rows: the seeds of a setting are one row, with a cell for each test set."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import mean

from asr.errors import InputError
from asr.evaluation.result import HYPOTHESES
from asr.leaderboard.reading import Found, Located
from asr.leaderboard.run_folder import describe_model, run_folder
from asr.leaderboard.scores import UNITS, Difference, Rate, difference, load_system, rate
from asr.statistics.comparison import Unit, holm
from asr.statistics.system import System


@dataclass(frozen=True, slots=True)
class TestSet:
    """A manifest; two of one name are two test sets."""

    name: str
    corpus: str
    split: str
    manifest_sha256: str
    utterances: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Cell:
    """A setting on one test set."""

    seeds: tuple[Located, ...]  # by seed
    rates: dict[Unit, Rate]
    differences: dict[Unit, Difference] | None  # from dense; None for dense, or without it
    baseline_seeds: int = 0  # of dense on this test set; 0 where there are no differences

    @property
    def one_seed(self) -> bool:
        """Whether chance in training stands uncounted: one seed here, or of the baseline."""
        seeds = len({one.result.seed for one in self.seeds})
        return seeds == 1 or self.baseline_seeds == 1


@dataclass(frozen=True, slots=True)
class Row:
    """A setting, scored by one decoder; numbers are means over its runs."""

    group_key: str
    decoder: str
    language_model: str | None
    baseline_key: str | None
    experiments: tuple[str, ...]  # that its runs were trained for
    model: str
    method: str
    block: str | None
    sparsity: float
    sparsity_model: float
    parameters: int
    nonzero: float
    bytes: float
    bytes_of: str  # "exported file", or "fp32 weights"
    rtf: float  # processing by audio seconds, over all its results; NaN on several devices
    threads: tuple[int, ...]
    devices: tuple[str, ...]
    seeds: tuple[int, ...]
    collapsed: int  # runs
    runs: tuple[str, ...]  # run keys, by seed
    cells: dict[str, Cell]  # by the test set's name

    @property
    def experiment(self) -> str:
        """All of them, as text."""
        return ", ".join(self.experiments)


@dataclass(frozen=True, slots=True)
class Board:
    """The whole table."""

    sets: tuple[TestSet, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]  # what a reader should know of missing numbers


_Group = tuple[str, str, str | None]  # group key, decoder, what its language model is


def build(found: Found) -> Board:
    """The table of all results that were found, in the order in which they were."""
    sets = manifests(found.located)
    names = {one.manifest_sha256: one.name for one in sets}
    grouped: dict[_Group, dict[str, list[Located]]] = {}
    for one in found.located:
        r = one.result
        cells = grouped.setdefault((r.group_key, *r.decoding), {})
        cells.setdefault(names[r.manifest_sha256], []).append(one)
    for cells in grouped.values():
        for seeds in cells.values():
            seeds.sort(key=lambda one: (one.result.seed, one.result.run_key))
    notes = list(found.notes)
    scored = _score(grouped, sets, notes)
    rows = [_row(group, scored[group], found.exported) for group in grouped]
    notes += [
        f"no rtf for {row.experiment}/{row.group_key}: it was scored on "
        f"{' and '.join(row.devices)}, and no mean tells both times. Score it again on one."
        for row in rows
        if len(row.devices) > 1
    ]
    return Board(sets, tuple(rows), tuple(notes))


def manifests(located: Iterable[Located]) -> tuple[TestSet, ...]:
    """The test sets in order of their names; the hash tells two of one name apart."""
    known = {one.result.manifest_sha256: one.result for one in located}
    plain = [f"{r.corpus}-{r.split}" for r in known.values()]
    sets = [
        TestSet(
            name=name if plain.count(name) == 1 else f"{name} ({digest[:8]})",
            corpus=r.corpus,
            split=r.split,
            manifest_sha256=digest,
            utterances=r.utterances,
            seconds=r.seconds,
        )
        for (digest, r), name in zip(known.items(), plain, strict=True)
    ]
    return tuple(sorted(sets, key=lambda one: one.name))


def _score(
    grouped: dict[_Group, dict[str, list[Located]]], sets: Sequence[TestSet], notes: list[str]
) -> dict[_Group, dict[str, Cell]]:
    """Cells of every group, test set by test set: draws are shared, and memory is one set's."""
    scored: dict[_Group, dict[str, Cell]] = {group: {} for group in grouped}
    for one in sets:
        here = {group: cells[one.name] for group, cells in grouped.items() if one.name in cells}
        _note_missing(one, here, notes)
        systems = {group: load_system(seeds, notes) for group, seeds in here.items()}
        for group, seeds in here.items():
            rates = {unit: rate(seeds, systems[group], unit) for unit in UNITS}
            found = _differences(group, here, systems, notes)
            dense = [] if found is None else here[_baseline(group, seeds)]
            trained = len({each.result.seed for each in dense})
            scored[group][one.name] = Cell(tuple(seeds), rates, found, trained)
    return scored


def _note_missing(test_set: TestSet, here: dict[_Group, list[Located]], notes: list[str]) -> None:
    """Tell what has no interval for want of hypotheses: a row with some, how many with none."""
    without = 0
    for group, seeds in here.items():
        lacking = [one.path.parent for one in seeds if not (one.path.parent / HYPOTHESES).is_file()]
        without += len(lacking) == len(seeds)
        if 0 < len(lacking) < len(seeds):
            notes.append(
                f"no interval for {seeds[0].result.experiment}/{group[0]} on {test_set.name}: "
                f"{len(lacking)} of {len(seeds)} results have no {HYPOTHESES}: "
                f"{', '.join(map(str, lacking))}. Score them again, or take them out."
            )
    if without:
        notes.append(
            f"no intervals for {without} of {len(here)} rows on {test_set.name}: no {HYPOTHESES} "
            "beside their results"
        )


def _baseline(group: _Group, seeds: Sequence[Located]) -> _Group:
    """The dense row that a setting is compared with: same decoder and language model."""
    return (seeds[0].result.baseline_key or group[0], *group[1:])


def _differences(
    group: _Group,
    here: dict[_Group, list[Located]],
    systems: dict[_Group, System | None],
    notes: list[str],
) -> dict[Unit, Difference] | None:
    dense = _baseline(group, here[group])
    if dense == group or dense not in here:
        return None
    try:
        return {
            unit: difference(here[group], systems[group], here[dense], systems[dense], unit)
            for unit in UNITS
        }
    except InputError as error:
        notes.append(f"no difference: {error}")
        return None


def _row(group: _Group, cells: dict[str, Cell], exported: dict[str, int]) -> Row:
    located = [one for cell in cells.values() for one in cell.seeds]
    runs = {one.result.run_key: one for one in located}  # one result a run is enough for its size
    results = [one.result for one in runs.values()]
    first = results[0]
    files = [exported[key] for key in runs if key in exported]
    seconds = math.fsum(one.result.seconds for one in located)
    devices = tuple(sorted({one.result.device for one in located}))
    seeds = sorted((result.seed, result.run_key) for result in results)
    return Row(
        group_key=group[0],
        decoder=group[1],
        language_model=first.language_model,
        baseline_key=first.baseline_key,
        experiments=tuple(sorted({result.experiment for result in results})),
        model=describe_model(run_folder(located[0].path)),
        method=first.method,
        block=first.block,
        sparsity=mean(result.sparsity for result in results),
        sparsity_model=mean(result.sparsity_model for result in results),
        parameters=first.parameters,
        nonzero=mean(result.nonzero for result in results),
        bytes=mean(files) if files else mean(result.bytes for result in results),
        bytes_of="exported file" if files else "fp32 weights",
        rtf=math.fsum(one.result.rtf * one.result.seconds for one in located) / seconds
        if seconds and len(devices) == 1
        else math.nan,
        threads=tuple(sorted({one.result.threads for one in located})),
        devices=devices,
        seeds=tuple(seed for seed, _ in seeds),
        collapsed=sum(result.collapsed for result in results),
        runs=tuple(key for _, key in seeds),
        cells=cells,
    )


def adjusted(board: Board) -> Board:
    """The board with Holm's p-values: a family is all rows of one test set and rate."""
    for one in board.sets:
        for unit in UNITS:
            found = [_difference(row, one, unit) for row in board.rows]
            p_values = holm([math.nan if each is None else each.p for each in found])
            rows = [
                row if each is None else _with(row, one, unit, replace(each, p_holm=p))
                for row, each, p in zip(board.rows, found, p_values, strict=True)
            ]
            board = replace(board, rows=tuple(rows))
    return board


def _difference(row: Row, test_set: TestSet, unit: Unit) -> Difference | None:
    cell = row.cells.get(test_set.name)
    return cell.differences[unit] if cell and cell.differences else None


def _with(row: Row, test_set: TestSet, unit: Unit, found: Difference) -> Row:
    """The row with another difference."""
    cell = row.cells[test_set.name]
    changed = replace(cell, differences={**(cell.differences or {}), unit: found})
    return replace(row, cells={**row.cells, test_set.name: changed})
