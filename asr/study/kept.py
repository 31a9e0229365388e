"""What is kept of a run: small files that its part of a study can be worked out from again."""

import csv
import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from asr.errors import InputError
from asr.evaluation.result import (
    HYPOTHESES,
    RESULT,
    Hypothesis,
    Result,
    read_hypotheses,
    read_result,
    save,
)
from asr.files import atomic_write

WEIGHTS = "weights.json"
CONFIG = "config.yaml"
METRICS = "metrics.csv"
WORDS = "words_{corpus}.json"
Decoding = Literal["greedy", "language model"]
GREEDY: Final = "greedy"  # what models are compared by
SEARCHED: Final = "language model"  # a beam search with one


@dataclass(frozen=True, slots=True)
class MatrixZeros:
    """Zeros of one gate of one matrix, or of one without gates, counted from the weights."""

    layer: str  # "layer 1" and on, or a projection's name
    direction: str  # "forwards" or "backwards"; empty of what both share
    matrix: str  # "input" or "recurrent"; empty of a projection
    gate: str  # empty without gates
    weights: int
    zeros: int
    dead_rows: int  # outputs that no input reaches


@dataclass(frozen=True, slots=True)
class Weights:
    """A trained model's size, and where its zeros are; sizes in bytes, by weight type."""

    training_seconds: float  # on the clock, of all parts of a run that was interrupted
    epochs: int
    zeros: list[MatrixZeros]  # of all that the papers prune, pruned or not
    recurrent_dense: int  # those matrices in dense fp32
    recurrent_exported: dict[str, int]  # the same as exported, indices included
    file_dense: dict[str, int]  # the whole model stored densely
    file_exported: dict[str, int]  # the exported file

    @property
    def recurrent_share(self) -> float:
        """What those matrices take in fp32 of their dense bytes, indices included."""
        return self.recurrent_exported["fp32"] / self.recurrent_dense

    @property
    def recurrent_left(self) -> float:
        """The share of those matrices' weights that are not zero."""
        return 1 - sum(one.zeros for one in self.zeros) / sum(one.weights for one in self.zeros)

    @property
    def times_smaller(self) -> float:
        """How many times the exported fp16 file the dense fp32 one is."""
        return self.file_dense["fp32"] / self.file_exported["fp16"]


@dataclass(frozen=True, slots=True)
class Scored:
    """A run on a split: the eval folder and its result."""

    folder: Path
    result: Result


@dataclass(frozen=True)
class Kept:
    """A run of the study."""

    folder: Path
    config: dict[str, Any]
    weights: Weights
    scored: dict[tuple[str, Decoding], Scored]  # by split and decoding


def keep(run: Path, into: Path, weights: Weights) -> Path:
    """Copy what is kept of a finished, scored run to `into/<experiment>/<run key>`.

    Utterances that are called by where a machine has them lose the folders that all share.

    Raises:
        InputError: it was not scored by greedy decoding, or a file of it is missing.
    """
    scored = sorted(run.glob(f"eval/*/{RESULT}"))
    if not any(read_result(path).decoder == GREEDY for path in scored):
        raise InputError(
            str(run),
            expected="a run that was scored by greedy decoding",
            got=", ".join(path.parent.name for path in scored) or f"no eval/*/{RESULT}",
            remedy="Score it first: python evaluate.py 'runs=[RUN]'.",
        )
    out = into / run.parent.name / run.name
    making = out.parent / f".{run.name}.tmp"
    shutil.rmtree(making, ignore_errors=True)
    try:
        for result in scored:
            folder = making / "eval" / result.parent.name
            folder.mkdir(parents=True)
            heard = _without_folders(read_hypotheses(result.parent / HYPOTHESES))
            save(folder, read_result(result), heard)
        shutil.copyfile(run / CONFIG, making / CONFIG)
        _keep_validations(run / METRICS, making / METRICS)
        with atomic_write(making / WEIGHTS) as file:
            json.dump(asdict(weights), file, indent=1)
            file.write("\n")
        shutil.rmtree(out, ignore_errors=True)
        making.rename(out)
    except FileNotFoundError as error:
        raise InputError(
            str(run),
            expected=f"{CONFIG} and {METRICS}",
            got=f"no {error.filename}",
            remedy="Keep a whole run folder, as train.py and evaluate.py left it.",
        ) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return out


def _without_folders(heard: Sequence[Hypothesis]) -> Sequence[Hypothesis]:
    if not heard or not all(Path(one.id).is_absolute() for one in heard):
        return heard
    shared = os.path.commonpath([Path(one.id).parent for one in heard])
    return [replace(one, id=str(Path(one.id).relative_to(shared))) for one in heard]


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
    scored: dict[tuple[str, Decoding], Scored] = {}
    for path in sorted(folder.glob(f"eval/*/{RESULT}")):
        result = read_result(path)
        decoding: Decoding = GREEDY if result.decoder == GREEDY else SEARCHED
        if decoding == SEARCHED and result.language_model is None:
            continue  # a search without one answers no question here
        if other := scored.get((result.split, decoding)):
            raise InputError(
                str(folder),
                expected=f"one result on the split {result.split}, {decoding}",
                got=f"{other.folder.name} and {path.parent.name}",
                remedy="Leave the corpus and the decoder in eval/ that this study is about.",
            )
        scored[result.split, decoding] = Scored(path.parent, result)
    return Kept(folder, config, weights, scored)


def validations(run: Kept) -> list[float]:
    """The validation CER after each epoch.

    Raises:
        InputError: the file is missing, or has no rates.
    """
    path = run.folder / METRICS
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [float(row["cer"]) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            str(path),
            expected="a row with cer for each validation",
            got=f"{type(error).__name__}: {error}",
            remedy="Keep the run again.",
        ) from error


def read_words(folder: str | Path, corpus: str) -> dict[str, int] | None:
    """Occurrences of the reference words in a corpus' training texts; None where none were kept."""
    path = Path(folder) / WORDS.format(corpus=corpus)
    if not path.is_file():
        return None
    try:
        words: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(
            str(path),
            expected="a count of each word",
            got=f"{type(error).__name__}: {error}",
            remedy="Keep the runs again, with --train.",
        ) from error
    return words
