"""One model on one test set: the flat record that tables are made from, and its two files."""

import json
import sys
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
CPU = "cpu"
_SHOWN = 200  # characters of a wrong value


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
    threads: int  # of the CPU
    device: str  # that the model ran on: "cpu", or an accelerator with its name
    collapsed: bool  # an empty weight matrix, or a validation CER above 95 %
    versions: str
    commit: str
    created: str  # ISO 8601, UTC

    @property
    def decoding(self) -> tuple[str, str | None]:
        """The decoder and its language model, by what is in that: a file may have two names."""
        model = self.language_model
        return self.decoder, model and model[max(model.rfind(" (sha256 "), 0) :]


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
    except (OSError, ValueError, RecursionError) as error:
        raise _error(path, f"{type(error).__name__}: {error}") from error
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        schema = content.get("schema") if isinstance(content, dict) else None
        raise _error(path, f"schema {schema!r}")
    content.setdefault("device", CPU)  # of before devices were recorded
    wrong = sorted({field.name for field in fields(Result)} ^ set(content))
    if wrong:
        raise _error(path, f"fields missing or unknown: {', '.join(wrong)}")
    if (unfit := _unfit(content, _OF_RESULTS)) is not None:
        raise _error(path, unfit)
    return Result(**content)


def read_hypotheses(path: str | Path) -> list[Hypothesis]:
    """Read `hypotheses.jsonl`; raises InputError on damage, a field too many, few or wrong."""
    heard: list[Hypothesis] = []
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                content = json.loads(line)
                one = Hypothesis(**content)
                if (unfit := _unfit(content, _OF_HYPOTHESES)) is not None:
                    raise ValueError(unfit)
                heard.append(one)
    except OSError as error:
        raise _not_heard(path, f"{type(error).__name__}: {error}") from error
    except (ValueError, TypeError, RecursionError) as error:
        wrong = f"in line {len(heard) + 1}, {type(error).__name__}: {error}"
        raise _not_heard(path, wrong) from error
    return heard


def _not_heard(path: str | Path, got: str) -> InputError:
    return InputError(
        str(path),
        expected="hypotheses as evaluate.py writes them",
        got=got,
        remedy="Score the run again.",
    )


_Kinds = dict[str, tuple[Any, ...]]


def _kinds(record: type) -> _Kinds:
    """The types that each field may have, found once: there are hundreds of thousands of lines."""
    return {
        name: typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        for name, hint in typing.get_type_hints(record).items()
    }


_OF_RESULTS, _OF_HYPOTHESES = _kinds(Result), _kinds(Hypothesis)


def _unfit(content: dict[str, Any], kinds: _Kinds) -> str | None:
    """The first field whose value cannot be used, with the value; None if all can."""
    for name, value in content.items():
        for kind in kinds[name]:
            if _fits(value, kind):
                break
        else:
            return f"{name} = {value!r}"[:_SHOWN]
    return None


def _fits(value: Any, kind: Any) -> bool:
    if kind is str:
        return type(value) is str and (value.isascii() or _is_unicode(value))
    if kind is float:  # JSON may hold 0 for 0.0; Python reads NaN and Infinity too
        return type(value) in (float, int) and abs(value) <= sys.float_info.max
    if kind is int:
        return type(value) is int and abs(value) < 1 << 63
    if isinstance(kind, types.GenericAlias):
        return type(value) is list and all(_fits(one, kind.__args__[0]) for one in value)
    return kind is Any or type(value) is kind


def _is_unicode(text: str) -> bool:
    """Whether it can be written to a file: JSON may hold halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _error(path: str | Path, got: str) -> InputError:
    return InputError(
        str(path),
        expected=f"a result of schema {SCHEMA}",
        got=got,
        remedy="Score the run again with this version: python evaluate.py runs=[RUN].",
    )
