"""Question 6: what sparsity buys, in bytes and in time."""

import json
from typing import Any

from asr.errors import InputError
from asr.study import figures
from asr.study.larger import name
from asr.study.plan import in_grid
from asr.study.section import Material, Section, nothing_yet, picture, table
from asr.study.setting import Setting

_SIZES, _SPEED = "sizes.png", "speed.png"
SPEED = "speed.json"  # of asr.inference.benchmark.trained_model, beside the kept runs


def sizes(material: Material) -> Section:
    """Bytes of exported files, beside the same model stored densely."""
    found = sorted(
        (one for one in material.settings if in_grid(one) and not one.dense and one.block),
        key=lambda one: (one.hidden, one.sparsity, one.block or "", one.method),
    )
    if not found:
        return nothing_yet("sparse models", "python train.py -m +experiment=study_width")
    head = ["model", "block", "pruned matrices", "fp32 file", "fp16 file", "int8 file"]
    head += ["fp16 file beside dense fp32"]
    shown = [one for one in found if one.method == "gradual_block"]
    names = [f"{name(one)}, {one.block}" for one in shown]
    weights = [one.runs[0].weights for one in shown]
    series = {"dense fp32": [one.file_dense["fp32"] / 1e6 for one in weights]}
    for kind in ("fp32", "fp16", "int8"):
        series[f"exported {kind}"] = [one.file_exported[kind] / 1e6 for one in weights]
    figure = figures.bars(names, series, "size of the whole model, MB")
    return Section(
        table(head, list(map(_size, shown))) + "\n" + picture(_SIZES, "sizes of models"),
        {_SIZES: figure},
    )


def _size(one: Setting) -> list[str]:
    weights = one.runs[0].weights
    dense = weights.file_dense["fp32"]
    return [
        name(one),
        str(one.block),
        f"{100 * weights.pruned_exported['fp32'] / weights.pruned_dense:.1f} % of dense fp32",
        *(f"{weights.file_exported[kind] / 1e6:.2f} MB" for kind in ("fp32", "fp16", "int8")),
        f"1/{dense / weights.file_exported['fp16']:.1f} of {dense / 1e6:.2f} MB",
    ]


def speed(material: Material) -> Section:
    """Real-time factors as measured once by the benchmark."""
    path = material.folder / SPEED
    if not path.is_file():
        return nothing_yet("speed", "python -m asr.inference.benchmark.trained_model --help")
    try:
        measured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        rows = [_speed(row) for row in measured["rows"]]
        machine = measured["machine"]["cpu"]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            str(path),
            expected="rows of asr.inference.benchmark.trained_model",
            got=f"{type(error).__name__}: {error}",
            remedy="Measure again.",
        ) from error
    head = [
        "threads",
        "utterances at a time",
        "contestant",
        "real-time factor",
        "dense fp32 / this",
    ]
    contestants = list(measured["rows"][0]["rtf"])
    figure = figures.bars(
        [f"{row['threads']} thread(s), {row['batch']} at a time" for row in measured["rows"]],
        {each: [row["rtf"][each] for row in measured["rows"]] for each in contestants},
        "real-time factor, audio to text",
    )
    return Section(
        f"On {machine}:\n\n{table(head, [cells for row in rows for cells in row])}\n"
        + picture(_SPEED, "real-time factors"),
        {_SPEED: figure},
    )


def _speed(row: dict[str, Any]) -> list[list[str]]:
    own = [str(row["threads"]), str(row["batch"])]
    return [
        [*own, contestant, f"{rtf:.5f}", f"{row['speedup'][contestant]:.1f}x"]
        for contestant, rtf in row["rtf"].items()
    ]
