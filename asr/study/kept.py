"""What is kept of a run: small files that its part of a study can be worked out from again."""

import csv
import json
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from asr.errors import InputError
from asr.evaluation.result import HYPOTHESES, RESULT, Result, read_result
from asr.files import atomic_write

WEIGHTS = "weights.json"
CONFIG = "config.yaml"
METRICS = "metrics.csv"
WORDS = "words_{corpus}.json"


@dataclass(frozen=True, slots=True)
class MatrixZeros:
    """Zeros of one gate of one matrix of a recurrent layer, counted from the weights."""

    layer: int
    direction: str  # forwards or backwards
    matrix: str  # input or recurrent
    gate: str
    weights: int
    zeros: int
    dead_rows: int  # outputs that no input reaches


@dataclass(frozen=True, slots=True)
class Weights:
    """A trained model's size, and where its zeros are; sizes in bytes."""

    training_seconds: float  # on the clock, of all parts of a run that was interrupted
    epochs: int
    zeros: list[MatrixZeros]
    pruned_dense: int  # the pruned matrices in dense fp32
    pruned_exported: dict[str, int]  # the same in blocks with their indices, by weight type
    file_dense: dict[str, int]  # the whole model stored densely, by weight type
    file_exported: dict[str, int]  # the exported file, by weight type


@dataclass(frozen=True)
class Kept:
    """A run of the study."""

    folder: Path
    config: dict[str, Any]
    weights: Weights
    scored: dict[str, Path]  # split -> eval folder, of greedy decoding
    results: dict[str, Result]  # split -> result


def keep(run: Path, into: Path, weights: Weights) -> Path:
    """Copy what is kept of a finished, scored run to `into/<experiment>/<run key>`.

    Raises:
        InputError: it is not finished or was not scored.
    """
    scored = sorted(run.glob(f"eval/*/{RESULT}"))
    if not scored:
        raise InputError(
            str(run),
            expected=f"a run that was scored, with eval/*/{RESULT}",
            got="none",
            remedy="Score it first: python evaluate.py 'runs=[RUN]'.",
        )
    out = into / run.parent.name / run.name
    for result in scored:
        folder = out / "eval" / result.parent.name
        folder.mkdir(parents=True, exist_ok=True)
        for name in (RESULT, HYPOTHESES):
            shutil.copyfile(result.parent / name, folder / name)
    shutil.copyfile(run / CONFIG, out / CONFIG)
    _keep_validations(run / METRICS, out / METRICS)
    with atomic_write(out / WEIGHTS) as file:
        json.dump(asdict(weights), file, indent=1)
        file.write("\n")
    return out


def _keep_validations(source: Path, out: Path) -> None:
    """The rows that a validation wrote: the rest is of every tenth step, and most of the file."""
    with open(source, newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row.get("validation_loss")]
    columns = [name for name in rows[0] if any(row[name] for row in rows)] if rows else []
    with atomic_write(out) as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def read_kept(folder: str | Path) -> list[Kept]:
    """Every run kept below a folder, by experiment and key.

    Raises:
        InputError: none is there, or a file of one is missing or damaged.
    """
    found = [_read(path.parent) for path in sorted(Path(folder).glob(f"**/{WEIGHTS}"))]
    if not found:
        raise InputError(
            str(folder),
            expected=f"kept runs, each with {WEIGHTS}",
            got="none",
            remedy="Keep runs that are finished and scored: python -m asr.study.collect RUN...",
        )
    return found


def _read(folder: Path) -> Kept:
    try:
        config = yaml.safe_load((folder / CONFIG).read_text(encoding="utf-8"))
        content = json.loads((folder / WEIGHTS).read_text(encoding="utf-8"))
        zeros = [MatrixZeros(**one) for one in content.pop("zeros")]
        weights = Weights(zeros=zeros, **content)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, yaml.YAMLError) as error:
        raise InputError(
            str(folder),
            expected=f"{CONFIG} and {WEIGHTS} as python -m asr.study.collect writes them",
            got=f"{type(error).__name__}: {error}",
            remedy="Keep the run again.",
        ) from error
    found = {path.parent: read_result(path) for path in sorted(folder.glob(f"eval/*/{RESULT}"))}
    # What a model alone does: a language model is another question.
    greedy = {path: result for path, result in found.items() if result.decoder == "greedy"}
    scored = {result.split: path for path, result in greedy.items()}
    results = {result.split: result for result in greedy.values()}
    return Kept(folder, config, weights, scored, results)


def read_words(folder: str | Path, corpus: str) -> dict[str, int] | None:
    """Occurrences of the reference words in a corpus' training texts; None where none were kept."""
    path = Path(folder) / WORDS.format(corpus=corpus)
    if not path.is_file():
        return None
    words: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    return words
