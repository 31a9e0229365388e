"""One model on one test set: the flat record that tables are made from, and its two files."""

import json
import types
import typing
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from asr.errors import InputError
from asr.files import atomic_write

SCHEMA = 1
RESULT = "result.json"
HYPOTHESES = "hypotheses.jsonl"


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What was said and what was understood, in one utterance."""

    id: str  # of the manifest's line
    reference: str  # normalised, with whatever the vocabulary cannot write
    text: str
    seconds: float  # of audio
    speaker: str
    score: float  # the decoder's
    # Of each word: itself, start and end in seconds, confidence; None from greedy decoding.
    words: list[list[Any]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Settings, error counts, size and speed; rates are fractions, times are seconds."""

    schema: int = SCHEMA
    run_key: str
    group_key: str  # of all seeds of one setting
    baseline_key: str | None  # group key of the dense runs to compare with
    seed: int
    experiment: str
    corpus: str
    split: str
    manifest_sha256: str
    utterances: int
    seconds: float  # of audio
    method: str  # of pruning; "dense" without
    block: str | None  # rows x columns, as in "16x4"
    sparsity: float  # zeros in the pruned matrices, counted from the weights
    sparsity_model: float  # zeros in all parameters
    parameters: int
    nonzero: int
    bytes: int  # of the weights as stored: densely in fp32, for a checkpoint
    hits: int
    substitutions: int
    deletions: int
    insertions: int
    char_hits: int
    char_substitutions: int
    char_deletions: int
    char_insertions: int
    wer: float
    cer: float
    decoder: str
    language_model: str | None
    batch: int  # most utterances of a batch
    normaliser: str
    rtf: float  # processing seconds of one second of audio, reading included
    threads: int
    collapsed: bool  # an empty weight matrix, or a validation CER above 95 %
    versions: str
    commit: str
    created: str  # ISO 8601, UTC


def save(folder: str | Path, result: Result, hypotheses: Sequence[Hypothesis]) -> None:
    """Write `result.json` and `hypotheses.jsonl`; both are replaced, or neither."""
    folder = Path(folder)
    with atomic_write(folder / RESULT) as first, atomic_write(folder / HYPOTHESES) as second:
        for hypothesis in hypotheses:
            second.write(json.dumps(asdict(hypothesis), ensure_ascii=False) + "\n")
        json.dump(asdict(result), first, indent=2, ensure_ascii=False, allow_nan=False)
        first.write("\n")
        first.flush()  # a full disk shows here, before the other file takes its name


def read_result(path: str | Path) -> Result:
    """Read `result.json`; raises InputError on another schema, a wrong field or damage."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _error(path, f"{type(error).__name__}: {error}") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        schema = content.get("schema") if isinstance(content, dict) else None
        raise _error(path, f"schema {schema!r}")
    wrong = sorted({field.name for field in fields(Result)} ^ set(content))
    if wrong:
        raise _error(path, f"fields missing or unknown: {', '.join(wrong)}")
    kinds = typing.get_type_hints(Result)
    for name, value in content.items():
        if not _fits(value, kinds[name]):
            raise _error(path, f"{name} = {value!r}")
    return Result(**content)


def read_hypotheses(path: str | Path) -> list[Hypothesis]:
    """Read `hypotheses.jsonl`."""
    try:
        with open(path, encoding="utf-8") as file:
            return [Hypothesis(**json.loads(line)) for line in file]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            str(path),
            expected="hypotheses as evaluate.py writes them",
            got=f"{type(error).__name__}: {error}",
            remedy="Score the run again.",
        ) from error


def _fits(value: object, kind: object) -> bool:
    if isinstance(kind, types.UnionType):
        return any(_fits(value, one) for one in typing.get_args(kind))
    if kind is float:  # JSON may hold 0 for 0.0
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is kind


def _error(path: str | Path, got: str) -> InputError:
    return InputError(
        str(path),
        expected=f"a result of schema {SCHEMA}",
        got=got,
        remedy="Score the run again with this version: python evaluate.py runs=[RUN].",
    )
