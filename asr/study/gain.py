"""Question 6: what sparsity buys, in bytes and in time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asr.errors import InputError
from asr.inference.benchmark.timing import Rounds
from asr.study import figures
from asr.study.measured import faster, machine, not_measured, of_rounds, read_measured
from asr.study.plan import SPARSITY, Grid
from asr.study.section import Material, Section, nothing_yet, picture
from asr.study.setting import Setting
from asr.study.wording import between, folded, megabytes, table, units_and_zeros

_SIZES, _SPEED = "sizes.png", "speed.png"
SPEED = "speed.json"  # of the benchmark, beside the kept runs
_BENCHMARK = "asr.inference.benchmark.trained_model"
_KINDS = ("fp32", "fp16", "int8")
_SPARSE, _OWN = "ours sparse fp16", "ours dense fp16"  # contestants


def sizes(material: Material) -> Section:
    """Bytes of exported files, beside the same model stored densely; of the first seed."""
    found = material.grid
    shown = sorted(
        found.standard if found else [],
        key=lambda one: (one.hidden, one.sparsity, one.block or ""),
    )
    if not shown:
        return nothing_yet("sparse model", material.real.command("sparsity=gradual_block"))
    weights = [one.runs[0].weights for one in shown]
    series = {f"dense {kind}": [one.file_dense[kind] / 1e6 for one in weights] for kind in _KINDS}
    for kind in _KINDS:
        series[f"exported {kind}"] = [one.file_exported[kind] / 1e6 for one in weights]
    figure = figures.bars(
        [units_and_zeros(one) for one in shown],
        series,
        "size of the whole model, MB",
    )
    head = ["model", "recurrent layers' matrices, fp32"]
    head += [f"dense {kind}" for kind in _KINDS] + [f"exported {kind}" for kind in _KINDS]
    head += ["exported fp16 to dense fp32"]
    return Section(
        f"{_sentence(shown)}\n\n{table(head, list(map(_size, shown)))}\n"
        + picture(_SIZES, "sizes of models"),
        {_SIZES: figure},
    )


def _sentence(shown: list[Setting]) -> str:
    at = [one for one in shown if one.is_at(SPARSITY)]
    if not at:
        return ""
    said = []
    for block in dict.fromkeys(one.block for one in at):
        alike = [one for one in at if one.block == block]
        weights = [one.runs[0].weights for one in alike]
        share = between([100 * one.recurrent_share for one in weights], "{:.2f}")
        smaller = between([one.times_smaller for one in weights], "1/{:.1f}")
        said.append(f"{block} {share} % and {smaller}")
    return (
        f"At {100 * at[0].sparsity:.0f} %, what the recurrent layers' matrices in fp32 take of "
        "their dense bytes, indices included, and whole models in fp16 of the dense fp32 file: "
        f"{'; '.join(said)}."
    )


def _size(one: Setting) -> list[str]:
    weights = one.runs[0].weights
    return [
        units_and_zeros(one),
        f"{100 * weights.recurrent_share:.2f} % of dense",
        *(megabytes(weights.file_dense[kind]) for kind in _KINDS),
        *(megabytes(weights.file_exported[kind]) for kind in _KINDS),
        f"1/{weights.times_smaller:.1f}",
    ]


def answer(material: Material) -> str:
    """How much smaller and faster the usual sparse model is, and what that costs."""
    found = material.grid
    one = found.ninety() if found else None
    if found is None or one is None:
        return ""
    weights = one.runs[0].weights
    smaller = {
        kind: f"1/{weights.file_dense[kind] / weights.file_exported[kind]:.1f}" for kind in _KINDS
    }
    said = (
        f"{units_and_zeros(one)}, has a CER of {100 * one.cer:.1f} instead of "
        f"{100 * found.reference.cer:.1f} %, and takes {smaller['fp16']} of the dense file in "
        f"fp16, {smaller['int8']} in int8, and in fp16 1/{weights.times_smaller:.1f} of dense fp32."
    )
    path = material.measured(SPEED)
    if path.is_file():
        cases = _measured(found, path).cases
        case = cases[0]
        library = case.fastest(_SPARSE)
        said += (
            f"\n{_named(case).capitalize()} it is {faster(case.rounds, _OWN, _SPARSE)} as fast as "
            "the dense one in the same runtime, which is the zeros' doing, and "
            f"{faster(case.rounds, library, _SPARSE)} as the fastest dense library, {library}.\n"
            "Over one thread and two, one utterance and a batch it is "
            f"{_times(cases, lambda one: _OWN)} times as fast as the same dense model and "
            f"{_times(cases, lambda one: one.fastest(_SPARSE))} times as the fastest library, int8 "
            "included."
        )
    return said


def speed(material: Material) -> Section:
    """Real-time factors as measured once by the benchmark."""
    path = material.measured(SPEED)
    if not path.is_file():
        return not_measured(
            "speed",
            f"python -m {_BENCHMARK} SPARSE_RUN --dense DENSE_RUN "
            f"--manifest MANIFEST --json {path}",
        )
    measured = _measured(material.grid, path)
    cases = measured.cases
    rows = [cells for one in cases for cells in one.cells(measured.cer)]
    figure = figures.bars(
        [f"{one.threads} thread(s), {one.batch} at a time" for one in cases],
        {each: [one.real_time_factor(each) for one in cases] for each in cases[0].contestants},
        "real-time factor, audio to text",
    )
    runs = " and ".join(f"{key} ({what})" for key, what in measured.runs.items())
    head = ["threads", "at a time", "contestant", "CER % of these", "real-time factor"]
    head += [f"{cases[0].libraries[0]} / this", "fastest dense library / this"]
    head += [f"{_OWN} / this"]
    return Section(
        f"Runs {runs}, on {measured.machine}; {_fastest(measured)}\n\n"
        + folded(
            "All contestants, with one thread and two, one utterance and a batch", table(head, rows)
        )
        + "\n"
        + picture(_SPEED, "real-time factors"),
        {_SPEED: figure},
    )


def _measured(found: Grid | None, path: Path) -> "_Speed":
    """What the benchmark wrote of the dense model and of the usual sparse one.

    Raises:
        InputError: it measured others, of which the page would say what is not theirs.
    """
    measured = read_measured(path, _BENCHMARK, _Speed.of)
    wanted = [one for one in (found.reference, found.ninety()) if one] if found else []
    keys = [{run.folder.name for run in one.runs} for one in wanted]
    if len(keys) != 2 or any(len(own & measured.runs.keys()) != 1 for own in keys):
        raise InputError(
            str(path),
            expected=f"a run of each: {'; '.join(', '.join(sorted(own)) for own in keys)}"
            if len(keys) == 2
            else "that the dense model and 90 % in 16x16 are kept",
            got=", ".join(measured.runs),
            remedy="Measure runs that are kept beside it.",
        )
    return measured


def _named(case: "_Case") -> str:
    threads = "one thread" if case.threads == 1 else f"{case.threads} threads"
    return f"with {threads} and {'an utterance' if case.batch == 1 else case.batch} at a time"


@dataclass(frozen=True)
class _Case:
    """All contestants on the same audio with as many threads."""

    threads: int
    batch: int  # utterances at a time
    audio_seconds: float
    rounds: Rounds
    libraries: Sequence[str]  # contestants that others are compared with, the first by itself

    @classmethod
    def of(cls, row: Mapping[str, Any], libraries: Sequence[str]) -> "_Case":
        rounds = Rounds.of(row["seconds"])
        return cls(row["threads"], row["batch"], row["audio_seconds"], rounds, libraries)

    @property
    def contestants(self) -> list[str]:
        return list(self.rounds.seconds)

    def fastest(self, contestant: str) -> str:
        """The library that comes closest."""
        return self.rounds.closest(self.libraries, contestant)

    def real_time_factor(self, contestant: str) -> float:
        return self.rounds.median(contestant) / self.audio_seconds

    def cells(self, cer: Mapping[str, float]) -> list[list[str]]:
        return [
            [
                str(self.threads),
                str(self.batch),
                each,
                f"{100 * cer[each]:.1f}" if each in cer else "",
                f"{self.real_time_factor(each):.5f}",
                *(
                    faster(self.rounds, other, each)
                    for other in (self.libraries[0], self.fastest(each), _OWN)
                ),
            ]
            for each in self.contestants
        ]


@dataclass(frozen=True)
class _Speed:
    """What the benchmark wrote."""

    cases: Sequence[_Case]
    runs: Mapping[str, str]  # run key -> what it is
    cer: Mapping[str, float]  # of contestants
    machine: str

    @classmethod
    def of(cls, measured: Mapping[str, Any]) -> "_Speed":
        return cls(
            [_Case.of(row, measured["libraries"]) for row in measured["rows"]],
            {one["run_key"]: one["what"] for one in measured["runs"]},
            {name: float(rate) for name, rate in measured["cer"].items()},
            machine(measured),
        )


def _times(cases: Sequence[_Case], other: Callable[[_Case], str]) -> str:
    """How many times as fast as another contestant the sparse model is, over all cases."""
    return between([one.rounds.ratio(other(one), _SPARSE) for one in cases], "{:.1f}")


def _fastest(measured: _Speed) -> str:
    """How many times faster in fp16 than torch, than libraries, than the same runtime dense."""
    cases = measured.cases
    dense, sparse = (100 * measured.cer[one] for one in (_OWN, _SPARSE))
    torch = _times(cases, lambda one: one.libraries[0])
    libraries = _times(cases, lambda one: one.fastest(_SPARSE))
    own = _times(cases, lambda one: _OWN)
    return (
        f"over the rows below, {_SPARSE} is {torch} times as fast as torch, {libraries} times as "
        f"the fastest dense library, and {own} times as {_OWN}: only the last is sparsity's "
        f"doing alone, and on these utterances takes the CER from {dense:.1f} to {sparse:.1f} %. "
        f"{of_rounds(cases[0].rounds)}"
    )
