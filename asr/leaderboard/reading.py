"""Folders to results: every `result.json` below them, the broken ones told apart."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from glob import glob
from pathlib import Path

from asr.errors import InputError
from asr.evaluation.result import RESULT, Result, read_result
from asr.files import walk

_NO_RESULTS = {"checkpoints", "masks", "wandb", "tensorboard"}  # of a run: large or many files
_OF_A_RUN = {"config.yaml", "status.json"}
_HEADER_LIMIT = 64 << 20  # bytes; the header of a model's file has thousands


@dataclass(frozen=True, slots=True)
class Located:
    """A result and where it was read."""

    path: Path  # of result.json
    result: Result


@dataclass(frozen=True, slots=True)
class _Export:
    """A model in fp32 that `asr.inference.export` wrote of a run, as it describes itself."""

    path: Path
    run_key: str
    experiment: str
    sparsity: float


@dataclass(slots=True)
class Found:
    """What lies below the folders that were named."""

    located: list[Located] = field(default_factory=list)
    broken: list[InputError] = field(default_factory=list)  # results that could not be read
    notes: list[str] = field(default_factory=list)
    exported: dict[str, int] = field(default_factory=dict)  # run key -> bytes of its fp32 file


def find_results(paths: Sequence[str | Path]) -> Found:
    """Read every `result.json` below the paths: run folders, folders of runs, files.

    A broken one goes to `broken` and the others are read all the same. Of two results of one
    run, test set and decoder the newer counts, of two trainings of one run key that which was
    scored last, and a note says so. So does one of an exported model that is not what was scored.

    Raises:
        InputError: a path that is not there, or not one readable result.
    """
    found = Found()
    results: list[Path] = []
    exports: list[_Export] = []
    for path in _files(paths):
        if path.suffix == ".safetensors":
            if (export := _read_export(path)) is not None:
                exports.append(export)
        else:
            results.append(path)
    for path in results:
        try:
            found.located.append(Located(path, read_result(path)))
        except InputError as error:
            found.broken.append(error)
    if not found.located:
        raise InputError(
            ", ".join(map(str, paths)),
            expected=f"at least one readable {RESULT} below",
            got=f"{len(found.broken)} broken" if found.broken else "none",
            remedy=str(found.broken[0])
            if found.broken
            else "Score runs first: python evaluate.py 'runs=[runs/EXPERIMENT/*]'.",
        )
    found.located = _of_one_training(found)
    found.located = _newest(found)
    found.exported = _of_scored_weights(exports, found)
    return found


def _files(paths: Sequence[str | Path]) -> Iterator[Path]:
    """Result files and exported models, each once, in a stable order."""
    seen: set[Path] = set()
    for path in paths:
        for one in sorted(glob(str(path))) or [str(path)]:
            for file in _below(Path(one)):
                if (real := file.resolve()) not in seen:
                    seen.add(real)
                    yield file


def _below(path: Path) -> Iterable[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise InputError(
            str(path),
            expected=f"a run folder, a folder of runs, or a {RESULT}",
            got="no such file or folder",
            remedy="Runs are kept in runs/EXPERIMENT/RUN_KEY.",
        )
    return _walk(path)


def _walk(path: Path) -> Iterator[Path]:
    for folder, folders, files in walk(path):
        never = set() if _OF_A_RUN.isdisjoint(files) else _NO_RESULTS
        folders[:] = [name for name in folders if name not in never]
        for name in files:
            if name == RESULT or name.endswith(".safetensors"):
                yield Path(folder, name)


def _of_one_training(found: Found) -> list[Located]:
    """A run key has no experiment in it: trained for two of them, it is two trainings."""
    last: dict[str, Located] = {}
    for one in sorted(found.located, key=lambda one: one.result.created):
        last[one.result.run_key] = one
    kept = []
    for one in found.located:
        chosen = last[one.result.run_key]
        if one.result.experiment == chosen.result.experiment:
            kept.append(one)
        else:
            found.notes.append(
                f"{one.path} is left out: {chosen.path} is of another training with the same "
                f"settings, in experiment {chosen.result.experiment}"
            )
    return kept


def _newest(found: Found) -> list[Located]:
    kept: dict[tuple[str | None, ...], Located] = {}
    for one in found.located:
        r = one.result
        key = (r.run_key, r.manifest_sha256, *r.decoding)
        other = kept.setdefault(key, one)
        if other is not one:
            older, newer = sorted((other, one), key=lambda each: each.result.created)
            kept[key] = newer
            found.notes.append(f"{older.path} is left out: {newer.path} scores the same run again")
    return list(kept.values())


def _of_scored_weights(exports: Iterable[_Export], found: Found) -> dict[str, int]:
    """Bytes by run key; an export from before the pruning had ended is another model."""
    scored: dict[str, list[Located]] = {}
    for one in found.located:
        scored.setdefault(one.result.run_key, []).append(one)
    kept: dict[str, int] = {}
    for export in exports:
        results = scored.get(export.run_key, [])
        other = next((one for one in results if not _is_of(export, one.result)), None)
        if other is None:
            kept[export.run_key] = export.path.stat().st_size
            continue
        found.notes.append(
            f"{export.path} is left out: its weights, of {export.experiment} at sparsity "
            f"{export.sparsity:.6g}, are not those that {other.path} scores, of "
            f"{other.result.experiment} at {other.result.sparsity:.6g}. Export or score it again."
        )
    return kept


def _is_of(export: _Export, result: Result) -> bool:
    return (export.experiment, export.sparsity) == (result.experiment, result.sparsity)


def _read_export(path: Path) -> _Export | None:
    """A model that `asr.inference.export` wrote in fp32; None for any other file.

    Its size is what the scored weights take on disk. Smaller numbers are another model, with
    another error rate.
    """
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length)) if length < _HEADER_LIMIT else {}
        known = json.loads(header["__metadata__"]["model"])["provenance"]
        if known["weights"] != "fp32":
            return None
        named = str(known["run_key"]), str(known["experiment"])
        return _Export(path, *named, float(known["sparsity"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None  # of another program, which is no error
