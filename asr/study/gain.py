"""Question 6: what sparsity buys, in bytes and in time."""

import json
from typing import Any

from asr.errors import InputError
from asr.study import figures
from asr.study.plan import EXPERIMENT, REAL, SPARSITY, grid, is_standard
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


def sizes(material: Material) -> Section:
    """Bytes of exported files, beside the same model stored densely; of the first seed."""
    found = grid(material.settings, REAL, EXPERIMENT)
    shown = sorted(
        (one for one in (found.sparse if found else []) if is_standard(one)),
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
    shares = between([100 * _share(one) for one in at], "{:.1f}")
    files = between([_smaller(one) for one in at], "1/{:.1f}")
    return (
        f"At {100 * at[0].sparsity:.0f} %, recurrent matrices in fp32 take {shares} % of their "
        f"dense bytes, indices included, and whole models in fp16 {files} of the dense fp32 file."
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
        return nothing_yet(
            "measured speed",
            "python -m asr.inference.benchmark.trained_model SPARSE_RUN --dense DENSE_RUN "
            f"--manifest MANIFEST --json {path}",
        )
    try:
        measured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rows = [cells for row in measured["rows"] for cells in _speed(row, measured["cer"])]
        runs = " and ".join(f"{one['run_key']} ({one['what']})" for one in measured["runs"])
        where = "{cpu} ({kernel})".format(**measured["machine"])
        said = f"Runs {runs}, on {where}; {_fastest(measured['rows'])}"
        contestants = list(measured["rows"][0]["rtf"])
        figure = figures.bars(
            [f"{row['threads']} thread(s), {row['batch']} at a time" for row in measured["rows"]],
            {each: [row["rtf"][each] for row in measured["rows"]] for each in contestants},
            "real-time factor, audio to text",
        )
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(
            str(path),
            expected="rows of asr.inference.benchmark.trained_model",
            got=f"{type(error).__name__}: {error}",
            remedy="Measure again.",
        ) from error
    head = ["threads", "at a time", "contestant", "CER % of these", "real-time factor"]
    head += ["torch dense fp32 / this", "fastest dense library / this"]
    return Section(
        f"{said}\n\n{table(head, rows)}\n" + picture(_SPEED, "real-time factors"), {_SPEED: figure}
    )


def _fastest(rows: list[dict[str, Any]]) -> str:
    """How many times faster in fp16 than torch, than libraries, than the same runtime dense."""
    sparse, dense = "ours sparse fp16", "ours dense fp16"
    torch = between([row["speedup"][sparse] for row in rows], "{:.1f}")
    libraries = between([row["speedup_vs_best"][sparse] for row in rows], "{:.1f}")
    own = between([row["speedup"][sparse] / row["speedup"][dense] for row in rows], "{:.1f}")
    return (
        f"over the rows below, {sparse} is {torch} times as fast as torch, {libraries} times as "
        f"the fastest dense library, and {own} times as {dense}: only the last is sparsity's "
        "doing alone."
    )


def _speed(row: dict[str, Any], cer: dict[str, float]) -> list[list[str]]:
    return [
        [
            str(row["threads"]),
            str(row["batch"]),
            contestant,
            f"{100 * cer[contestant]:.1f}" if contestant in cer else "",
            f"{rtf:.5f}",
            f"{row['speedup'][contestant]:.1f}x",
            f"{row['speedup_vs_best'][contestant]:.1f}x",
        ]
        for contestant, rtf in row["rtf"].items()
    ]
