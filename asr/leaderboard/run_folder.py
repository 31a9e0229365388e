"""What stands beside a result in its run folder: the model's description and training curves."""

import base64
import csv
import math
from collections.abc import Sequence
from pathlib import Path

import yaml

from asr.files import parse_yaml

Curve = list[tuple[float, float]]
_WAYS = {"one": "forward only", "sum": "both ways, summed", "concatenate": "both ways"}
_SECTION_LIMIT = 8192  # characters; a hundred thousand brackets crash libyaml
_POINTS = 400  # of a curve; more are not seen


def run_folder(result: Path) -> Path:
    """The run folder of a `result.json`: two above, or where a result was copied to."""
    folder = result.parent
    return folder.parent.parent if folder.parent.name == "eval" else folder


def describe_model(folder: Path) -> str:
    """The network in a few words, from `config.yaml`; empty where that says nothing.

    Only the section `model` is parsed: with a thousand runs YAML is what takes the time.
    """
    try:
        section = parse_yaml(_section(folder / "config.yaml", "model"))["model"]
        cell, layers, hidden = section["cell"], section["layers"], section["hidden"]
        words = f"{cell} {layers}x{hidden}, {_WAYS.get(section['directions'])}"
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, RecursionError):
        return ""
    return words + (f", projection {section['projection']}" if section.get("projection") else "")


def _section(path: Path, name: str) -> str:
    """The lines of one top-level key."""
    kept: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{name}:"):
            kept.append(line)
        elif kept and not line.startswith((" ", "-")):
            break
        elif kept:
            kept.append(line)
    if sum(map(len, kept)) > _SECTION_LIMIT:
        raise ValueError(f"{path}: too long a section {name}")
    return "\n".join(kept)


def training_curves(folder: Path, names: Sequence[str], notes: list[str]) -> dict[str, Curve]:
    """Columns of `metrics.csv` over the step; long ones thinned evenly, ends kept.

    None without that file; of one that cannot be read a note tells.
    """
    path = folder / "metrics.csv"
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, csv.Error) as error:
        notes.append(f"no curves: {path}: {type(error).__name__}: {error}")
        return {}
    curves: dict[str, Curve] = {}
    for name in names:
        curve = [point for row in rows if (point := _point(row, name)) is not None]
        if len(curve) > 1:
            curves[name] = _thinned(curve)
    return curves


def _point(row: dict[str, str], name: str) -> tuple[float, float] | None:
    try:
        step, value = float(row["step"]), float(row[name])
    except (KeyError, TypeError, ValueError):
        return None  # a row of other metrics
    return (step, value) if math.isfinite(step) and math.isfinite(value) else None


def _thinned(curve: Curve) -> Curve:
    if len(curve) <= _POINTS:
        return curve
    last = len(curve) - 1
    return [curve[round(i * last / (_POINTS - 1))] for i in range(_POINTS)]


def mask_pictures(folder: Path, notes: list[str]) -> list[tuple[str, str]]:
    """Name and data URI of every picture in `masks/`; a note tells of one that cannot be read."""
    pictures: list[tuple[str, str]] = []
    for path in sorted((folder / "masks").glob("*.png")):
        try:
            content = base64.b64encode(path.read_bytes()).decode()
        except OSError as error:
            notes.append(f"no mask picture: {path}: {type(error).__name__}: {error}")
        else:
            pictures.append((path.stem, f"data:image/png;base64,{content}"))
    return pictures
