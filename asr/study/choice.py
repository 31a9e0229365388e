"""Question 6: which model is worth its time, dense and sparse ones in the same runtime."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.errors import InputError
from asr.inference.benchmark.timing import Rounds
from asr.statistics.bootstrap import Interval
from asr.statistics.median import median_interval
from asr.study import figures
from asr.study.plan import BLOCK, EXPERIMENT, REAL, Grid, grid, is_standard
from asr.study.section import (
    Material,
    Section,
    nothing_yet,
    percent,
    picture,
    table,
    times,
    units_and_zeros,
)
from asr.study.setting import Setting

MEASURED = "models.json"  # of asr.inference.benchmark.several_models, beside the kept runs
_PICTURE = "choice.png"
_OTHERS = "sparse in other blocks"


@dataclass(frozen=True, eq=False)
class _Timed:
    """A model that was measured, by the name of the measured run."""

    run: str
    setting: Setting
    seconds: float  # for a second of audio

    @property
    def name(self) -> str:
        """Of the setting; with its block where that is not the usual one."""
        block = f" in {self.setting.block}" if self.kind == _OTHERS else ""
        return units_and_zeros(self.setting) + block

    @property
    def kind(self) -> str:
        """What it is drawn as."""
        if self.setting.dense:
            return "dense"
        return f"sparse in {BLOCK}" if self.setting.block == BLOCK else _OTHERS

    def beats(self, other: "_Timed") -> bool:
        """Whether it is faster and errs less."""
        return self.seconds < other.seconds and self.setting.cer < other.setting.cer


def section(material: Material) -> Section:
    """Error rates over real-time factors, and which models no other beats in both."""
    path = material.folder / MEASURED
    found = grid(material.settings, REAL, EXPERIMENT)
    if found is None or not path.is_file():
        return nothing_yet(
            "measured model",
            f"python -m asr.inference.benchmark.several_models RUN... --json {path}",
        )
    try:
        measured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rounds = Rounds.of(measured["seconds"])
        timed = _timed(found, rounds, float(measured["audio_seconds"]))
        count = len(next(iter(rounds.seconds.values())))
        how = (
            "{cpu} ({kernel})".format(**measured["machine"])
            + f", threads: {measured['threads']}, utterances at a time: {measured['batch']}, "
            f"weights: {measured['weights']}, rounds: {count}"
        )
    except (ValueError, KeyError, TypeError, StopIteration) as error:
        raise InputError(
            str(path),
            expected="what asr.inference.benchmark.several_models wrote",
            got=f"{type(error).__name__}: {error}",
            remedy="Measure again.",
        ) from error
    reference = _reference(timed, found, path)
    points: dict[str, list[tuple[float, Interval, str]]] = {
        kind: [] for kind in ("dense", f"sparse in {BLOCK}", _OTHERS)
    }
    for one in timed:
        points[one.kind].append((one.seconds, one.setting.cer_interval, one.name))
    figure = figures.over_size(
        points, "real-time factor, audio to text", "CER, %, test split", apart=[_OTHERS]
    )
    unbeaten = [one.name for one in timed if not any(other.beats(one) for other in timed)]
    head = [
        "model",
        "weights not zero",
        "CER %",
        "real-time factor",
        "times as fast as the reference",
    ]
    return Section(
        f"**No other model is both faster and lower in CER than**: {'; '.join(unbeaten)} (by the "
        f"rates and medians alone: see their intervals). On {how}; the reference is "
        f"{reference.name}.\n\n"
        + table(head, [_row(one, reference, rounds) for one in timed])
        + "\n"
        + picture(_PICTURE, "CER over the real-time factor"),
        {_PICTURE: figure},
    )


def _timed(found: Grid, rounds: Rounds, audio_seconds: float) -> list[_Timed]:
    """The settings of which a run was measured, fastest first; methods that are odd left out."""
    timed = [
        _Timed(run.folder.name, one, rounds.median(run.folder.name) / audio_seconds)
        for one in [*found.dense, *filter(is_standard, found.sparse)]
        for run in one.runs
        if run.folder.name in rounds.seconds
    ]
    return sorted(timed, key=lambda one: one.seconds)


def _reference(timed: Sequence[_Timed], found: Grid, path: Path) -> _Timed:
    for one in timed:
        if one.setting is found.reference:
            return one
    raise InputError(
        str(path),
        expected=f"a run of {found.reference.system.name} among those measured",
        got=", ".join(one.name for one in timed) or "none of the grid's",
        remedy="Measure again, with a dense run of the reference's width.",
    )


def _row(one: _Timed, reference: _Timed, rounds: Rounds) -> list[str]:
    faster = "1x"
    if one is not reference:
        faster = times(median_interval(rounds.ratios(reference.run, one.run).tolist()))
    return [
        one.name,
        f"{one.setting.nonzero:,}",
        percent(one.setting.cer_interval),
        f"{one.seconds:.5f}",
        faster,
    ]
