"""Question 6: which model is worth its time, dense and sparse ones in the same runtime."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from pathlib import Path
from typing import Any

import numpy as np

from asr.errors import InputError
from asr.inference.benchmark.timing import Rounds
from asr.statistics.bootstrap import Interval
from asr.statistics.median import median_interval
from asr.study import figures
from asr.study.compared import compare_settings, told_apart
from asr.study.measured import faster, machine, not_measured, of_rounds, read_measured
from asr.study.plan import BLOCK, SPARSITY, Grid
from asr.study.section import Material, Section, nothing_yet, picture
from asr.study.setting import Setting
from asr.study.wording import between, folded, megabytes, percent, signed, table, units_and_zeros

MEASURED = "models.json"  # of asr.inference.benchmark.several_models, beside the kept runs
_PROGRAM = "asr.inference.benchmark.several_models"
_PICTURE = "choice.png"
_OTHERS = "sparse in other blocks"
_USUAL = f"sparse in {BLOCK}"


@dataclass(frozen=True)
class _Measured:
    """What the benchmark wrote."""

    rounds: Rounds  # by the names of runs
    audio_seconds: float
    how: str
    untrained: tuple[str, ...]  # of the names, those of which the shape alone was timed

    @classmethod
    def of(cls, measured: Mapping[str, Any]) -> "_Measured":
        return cls(
            Rounds.of(measured["seconds"]),
            float(measured["audio_seconds"]),
            f"{machine(measured)}; threads: {measured['threads']}, utterances at a time: "
            f"{measured['batch']}, weights: {measured['weights']}",
            tuple(measured.get("untrained", ())),  # older files lack it
        )

    @property
    def stand_ins(self) -> str:
        """How many models were timed by others of their shape."""
        if not self.untrained:
            return ""
        models = len(self.rounds.seconds)
        count = "All" if len(self.untrained) == models else f"{len(self.untrained)} of {models}"
        return (
            f" {count} models were timed by untrained ones of the same shape, the sparse ones with "
            "as many blocks left, at random places."
        )


@dataclass(frozen=True, eq=False)
class _Timed:
    """A model that was measured, by the name of the measured run."""

    run: str
    setting: Setting
    seconds: Interval  # for a second of audio: the median of the rounds
    usual_width: bool

    @property
    def name(self) -> str:
        """Of the setting."""
        return units_and_zeros(self.setting)

    @property
    def label(self) -> str:
        """In the picture, where models lie close together and colours tell their kinds."""
        if self.setting.dense:
            return str(self.setting.hidden)
        if self.kind == _OTHERS and self.setting.is_at(SPARSITY):
            return str(self.setting.block)
        zeros = f"{100 * self.setting.sparsity:.0f} %"
        if self.kind == _OTHERS:
            zeros = f"{zeros}, {self.setting.block}"
        return zeros if self.usual_width else f"{self.setting.hidden}, {zeros}"

    @property
    def kind(self) -> str:
        """What it is drawn as."""
        if self.setting.dense:
            return "dense"
        return _USUAL if self.setting.block == BLOCK else _OTHERS


def section(material: Material) -> Section:
    """Error rates over real-time factors, and which models another is shown to beat in both."""
    path = material.measured(MEASURED)
    found = material.grid
    if found is None:
        return nothing_yet("dense model", material.real.command())
    if not path.is_file():
        return not_measured(
            "model's time",
            f"python -m {_PROGRAM} --untrained RUN... --rounds 15 "
            f"--manifest MANIFEST --json {path}",
        )
    measured = read_measured(path, _PROGRAM, _Measured.of)
    rounds = measured.rounds
    timed = _timed(found, measured, path)
    reference = next(one for one in timed if one.setting is found.reference)
    points: dict[str, list[tuple[Interval, Interval, str]]] = {
        kind: [] for kind in ("dense", _USUAL, _OTHERS)
    }
    for one in timed:
        points[one.kind].append((one.seconds, one.setting.cer_interval, one.label))
    figure = figures.over_size(
        points, "real-time factor, audio to text", "CER, %, test split", apart=[_USUAL, _OTHERS]
    )
    head = ["model", "weights not zero", "file in fp16", "CER %", "real-time factor"]
    return Section(
        f"{_better_than_dense(timed, rounds)} {_beaten(timed, rounds)} "
        f"{_beside_lines(found, timed, rounds)}\n\n"
        f"On {measured.how}.{measured.stand_ins} {of_rounds(rounds)} Of one "
        f"model's rounds the slowest took up to {_unrest(rounds)} times as long as the fastest."
        f"{_untimed(found, timed)}\n\n"
        + table(
            [*head, f"times as fast as {reference.name}"],
            [_row(one, reference, rounds) for one in timed],
        )
        + f"\n{_to_usual(found, timed, rounds)}{_neighbours(timed, rounds)}\n"
        + picture(_PICTURE, "CER over the real-time factor"),
        {_PICTURE: figure},
    )


def answer(material: Material) -> str:
    """Whether a sparse model beats a dense one of any width."""
    path = material.measured(MEASURED)
    found = material.grid
    if found is None or not path.is_file():
        return ""
    measured = read_measured(path, _PROGRAM, _Measured.of)
    timed = _timed(found, measured, path)
    told = _better_than_dense(timed, measured.rounds) + _how_many(found, timed)
    return "\n".join(filter(None, (told, _beside_lines(found, timed, measured.rounds))))


def _candidates(found: Grid) -> list[Setting]:
    return [*found.dense, *found.standard]


def _timed(found: Grid, measured: _Measured, path: Path) -> list[_Timed]:
    """The measured settings, fastest first.

    Raises:
        InputError: a run is of no such setting, two are of one, or none is the reference's.
    """
    rounds = measured.rounds
    runs = [
        (run.folder.name, one)
        for one in _candidates(found)
        for run in one.runs
        if run.folder.name in rounds.seconds
    ]
    settings = {one: run for run, one in runs}
    if found.reference not in settings or not len(settings) == len(runs) == len(rounds.seconds):
        raise InputError(
            str(path),
            expected=f"a run of {found.reference.system.name}, and at most one of other settings",
            got=", ".join(rounds.seconds),
            remedy="Measure again, of these runs: "
            + " ".join(one.runs[0].folder.name for one in _candidates(found)),
        )
    timed = [
        _Timed(
            run,
            one,
            median_interval((rounds.seconds[run] / measured.audio_seconds).tolist()),
            usual_width=one.hidden == found.reference.hidden,
        )
        for run, one in runs
    ]
    # By ratios within a round: the processor's speed may change between rounds.
    return sorted(timed, key=lambda one: rounds.ratio(one.run, settings[found.reference]))


def _beside_lines(found: Grid, timed: Sequence[_Timed], rounds: Rounds) -> str:
    """Sparse models beside what dense ones of other widths would have at their bytes and times."""
    reference = next(one for one in timed if one.setting is found.reference)
    ways: tuple[tuple[str, Callable[[_Timed], float]], ...] = (
        ("as large a file", lambda one: one.setting.runs[0].weights.file_exported["fp16"]),
        ("as long a time", lambda one: rounds.ratio(one.run, reference.run)),
    )
    said = []
    for what, size in ways:
        gaps = list(_to_line(timed, size))
        if gaps:
            said.append(f"{between(gaps, '{:+.1f}')} points for {what} ({len(gaps)} of them)")
    if not said:
        return ""
    return (
        "CER of sparse models, less that of a dense one of a width between those that were trained "
        f"(on straight lines over the logarithm, without intervals): {'; '.join(said)}."
    )


def _to_line(timed: Sequence[_Timed], size: Callable[[_Timed], float]) -> Iterator[float]:
    """In points, of the sparse models between the smallest and the largest dense one."""
    line = sorted((log(size(one)), one.setting.cer) for one in timed if one.setting.dense)
    sizes, rates = zip(*line, strict=True)
    for one in timed:
        here = log(size(one))
        if not one.setting.dense and sizes[0] <= here <= sizes[-1]:
            yield 100 * (one.setting.cer - float(np.interp(here, sizes, rates)))


def _beaten(timed: Sequence[_Timed], rounds: Rounds) -> str:
    """The models that a faster one errs less than, each with the one that errs least."""
    said = []
    for one in timed:
        better = [other for other in timed if _beats(other, one, rounds)]
        if better:
            best = min(better, key=lambda other: other.setting.cer)
            said.append(f"{one.name} (by {best.name})")
    if not said:
        return "No model at all is shown to be beaten by another in both."
    return (
        f"Shown to be beaten by another in both: {'; '.join(said)}. Among the "
        "others more time buys fewer errors, or the intervals do not tell them apart. Pairs are "
        "not adjusted for their number."
    )


def _better_than_dense(timed: Sequence[_Timed], rounds: Rounds) -> str:
    """The sparse models that are shown to be faster and to err less than a dense one."""
    better = [
        f"{one.name} (than {other.name})"
        for one in timed
        for other in timed
        if other.setting.dense and not one.setting.dense and _beats(one, other, rounds)
    ]
    if better:
        return (
            f"Shown to be both faster and lower in CER than a dense model: {'; '.join(better)}; "
            "pairs are not adjusted for their number."
        )
    return "No sparse model is shown to be both faster and lower in CER than a dense one."


def _untimed(found: Grid, timed: Sequence[_Timed]) -> str:
    known = {one.setting for one in timed}
    left = [units_and_zeros(one) for one in _candidates(found) if one not in known]
    return f" Not timed: {'; '.join(left)}." if left else ""


def _how_many(found: Grid, timed: Sequence[_Timed]) -> str:
    """Of how many models that is said, where not all are timed."""
    models = len(_candidates(found))
    return f" Only {len(timed)} of {models} models are timed." if len(timed) < models else ""


def _beats(one: _Timed, other: _Timed, rounds: Rounds) -> bool:
    """Whether it is shown to be faster and, by p, to err less."""
    if one is other:
        return False
    sooner = median_interval(rounds.ratios(other.run, one.run).tolist())
    return sooner.low > 1 and told_apart(compare_settings(one.setting, other.setting)) > 0


def _to_usual(found: Grid, timed: Sequence[_Timed], rounds: Rounds) -> str:
    """Times of other blocks, and of dense models of as many weights, to the usual sparse one's."""
    usual = next((one for one in timed if one.setting is found.ninety()), None)
    if usual is None:
        return ""
    alike = [
        one
        for one in timed
        if one.setting in found.as_large(usual.setting)
        or (one is not usual and one.setting in found.at_ninety)
    ]
    said = [f"{one.name} {faster(rounds, one.run, usual.run)}" for one in alike]
    return f"Times as long as {usual.name}: {', '.join(said)}.\n\n" if said else ""


def _neighbours(timed: Sequence[_Timed], rounds: Rounds) -> str:
    """Each sparse model beside the dense ones next to it in time, on either side."""
    rows = []
    for place, one in enumerate(timed):
        if one.setting.dense:
            continue
        faster_ones = [other for other in timed[:place] if other.setting.dense]
        slower_ones = [other for other in timed[place:] if other.setting.dense]
        for other in (*faster_ones[-1:], *slower_ones[:1]):
            gap = compare_settings(other.setting, one.setting).relative
            rows.append([one.name, other.name, faster(rounds, other.run, one.run), signed(gap)])
    head = ["sparse model", "beside", "times as fast as it", "CER to it, relative"]
    return folded(
        "Each sparse model beside the dense ones next to it in time, the faster and the slower",
        table(head, rows),
    )


def _unrest(rounds: Rounds) -> str:
    """How far the rounds of one model lay apart."""
    return f"{max(float(each.max() / each.min()) for each in rounds.seconds.values()):.1f}"


def _row(one: _Timed, reference: _Timed, rounds: Rounds) -> list[str]:
    return [
        one.name,
        f"{one.setting.nonzero:,}",
        megabytes(one.setting.runs[0].weights.file_exported["fp16"]),
        percent(one.setting.cer_interval),
        f"{one.seconds.estimate:.5f}",
        faster(rounds, reference.run, one.run),
    ]
