"""Question 6: what sparsity buys, in bytes and in time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from asr.inference.benchmark.timing import Rounds
from asr.study import figures
from asr.study.measured import faster, machine, not_measured, of_rounds, read_measured
from asr.study.plan import EXPERIMENT, REAL, SPARSITY, grid
from asr.study.section import (
    Material,
    Section,
    between,
    nothing_yet,
    picture,
    table,
    units_and_zeros,
)
from asr.study.setting import Setting

_SIZES, _SPEED = "sizes.png", "speed.png"
SPEED = "speed.json"  # of asr.inference.benchmark.trained_model, beside the kept runs
_KINDS = ("fp32", "fp16", "int8")
_SPARSE, _OWN = "ours sparse fp16", "ours dense fp16"  # contestants


def sizes(material: Material) -> Section:
    """Bytes of exported files, beside the same model stored densely; of the first seed."""
    found = grid(material.settings, REAL, EXPERIMENT)
    shown = sorted(
        found.standard if found else [],
        key=lambda one: (one.hidden, one.sparsity, one.block or ""),
    )
    if not shown:
        return nothing_yet("sparse model", "python train.py -m +experiment=study_width")
    weights = [one.runs[0].weights for one in shown]
    series = {"dense fp32": [one.file_dense["fp32"] / 1e6 for one in weights]}
    for kind in _KINDS:
        series[f"exported {kind}"] = [one.file_exported[kind] / 1e6 for one in weights]
    figure = figures.bars(
        [f"{units_and_zeros(one)}, {one.block}" for one in shown],
        series,
        "size of the whole model, MB",
    )
    head = ["model", "block", "recurrent matrices, fp32"]
    head += [f"dense {kind}" for kind in _KINDS] + [f"exported {kind}" for kind in _KINDS]
    head += ["exported fp16 to dense fp32"]
    return Section(
        f"{_sentence(shown)}\n\n{table(head, list(map(_size, shown)))}\n"
        + picture(_SIZES, "sizes of models"),
        {_SIZES: figure},
    )


def _sentence(shown: list[Setting]) -> str:
    at = [one for one in shown if one.is_at(SPARSITY)] or shown
    said = []
    for block in dict.fromkeys(one.block for one in at):
        alike = [one for one in at if one.block == block]
        share = between([100 * _share(one) for one in alike], "{:.1f}")
        said.append(f"{block} {share} % and {between(map(_smaller, alike), '1/{:.1f}')}")
    return (
        f"At {100 * at[0].sparsity:.0f} %, what recurrent matrices in fp32 take of their dense "
        "bytes, indices included, and whole models in fp16 of the dense fp32 file: "
        f"{'; '.join(said)}."
    )


def _share(one: Setting) -> float:
    weights = one.runs[0].weights
    return weights.recurrent_exported["fp32"] / weights.recurrent_dense


def _smaller(one: Setting) -> float:
    weights = one.runs[0].weights
    return weights.file_dense["fp32"] / weights.file_exported["fp16"]


def _size(one: Setting) -> list[str]:
    weights = one.runs[0].weights
    return [
        units_and_zeros(one),
        str(one.block),
        f"{100 * _share(one):.1f} % of dense",
        *(f"{weights.file_dense[kind] / 1e6:.2f} MB" for kind in _KINDS),
        *(f"{weights.file_exported[kind] / 1e6:.2f} MB" for kind in _KINDS),
        f"1/{_smaller(one):.1f}",
    ]


def speed(material: Material) -> Section:
    """Real-time factors as measured once by the benchmark."""
    path = material.folder / SPEED
    if not path.is_file():
        return not_measured(
            "speed",
            "python -m asr.inference.benchmark.trained_model SPARSE_RUN --dense DENSE_RUN "
            f"--manifest MANIFEST --json {path}",
        )
    return read_measured(path, "asr.inference.benchmark.trained_model", _speed)


def _speed(measured: dict[str, Any]) -> Section:
    cases = [_Case.of(row, measured["libraries"]) for row in measured["rows"]]
    rows = [cells for one in cases for cells in one.cells(measured["cer"])]
    runs = " and ".join(f"{one['run_key']} ({one['what']})" for one in measured["runs"])
    figure = figures.bars(
        [f"{one.threads} thread(s), {one.batch} at a time" for one in cases],
        {each: [one.real_time_factor(each) for one in cases] for each in cases[0].contestants},
        "real-time factor, audio to text",
    )
    head = ["threads", "at a time", "contestant", "CER % of these", "real-time factor"]
    head += [f"{measured['libraries'][0]} / this", "fastest dense library / this"]
    head += [f"{_OWN} / this"]
    return Section(
        f"Runs {runs}, on {machine(measured)}; {_fastest(cases)}\n\n{table(head, rows)}\n"
        + picture(_SPEED, "real-time factors"),
        {_SPEED: figure},
    )


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


def _fastest(cases: Sequence[_Case]) -> str:
    """How many times faster in fp16 than torch, than libraries, than the same runtime dense."""
    torch = between([one.rounds.ratio(one.libraries[0], _SPARSE) for one in cases], "{:.1f}")
    libraries = between(
        [one.rounds.ratio(one.fastest(_SPARSE), _SPARSE) for one in cases], "{:.1f}"
    )
    own = between([one.rounds.ratio(_OWN, _SPARSE) for one in cases], "{:.1f}")
    return (
        f"over the rows below, {_SPARSE} is {torch} times as fast as torch, {libraries} times as "
        f"the fastest dense library, and {own} times as {_OWN}: only the last is sparsity's "
        f"doing alone. {of_rounds(cases[0].rounds)}"
    )
