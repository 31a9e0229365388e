"""From two names on a command line to two systems on one test set."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from glob import glob
from itertools import product
from pathlib import Path

from asr.errors import InputError
from asr.evaluation.result import RESULT, Result, read_result
from asr.statistics.system import System, read_systems

_LISTED = 20  # settings, in a message


@dataclass(frozen=True, slots=True)
class Side:
    """What is compared, as a command line names it."""

    option: str  # that takes a group key: "--group-a"
    patterns: str  # of folders, with commas between
    group: str | None = None  # beginning of a group key, where the folders are of several settings


def eval_folders(pattern: str) -> tuple[list[Path], list[Path]]:
    """Folders with a result that a pattern stands for, and run folders that have none.

    Args:
        pattern: of run folders or of their eval folders, as in "runs/dense/*"; several with
            commas between them.

    Raises:
        InputError: there is no such folder, or no result in any.
    """
    found, without = [], []
    for path in sorted(_paths(pattern)):
        if (path / RESULT).is_file():
            found.append(path)
        elif scored := sorted(one.parent for one in path.glob(f"eval/*/{RESULT}")):
            found.extend(scored)
        elif path.is_dir():
            without.append(path)
    if not found:
        raise _unscored(pattern, f"{len(without)} folders without a {RESULT}")
    return list(dict.fromkeys(found)), without


def _paths(pattern: str) -> set[Path]:
    if whole := _matching(pattern):
        return set(whole)  # a comma may also be part of a name
    paths: set[Path] = set()
    for one in pattern.split(","):
        if not (some := _matching(one.strip())):
            raise _unscored(one.strip(), "no such folder")
        paths.update(some)
    return paths


def _matching(pattern: str) -> list[Path]:
    """What is there by a pattern, or by just this name: brackets may also be part of one."""
    return [Path(path) for path in glob(pattern) or [pattern] if os.path.exists(path)]


def _unscored(pattern: str, got: str) -> InputError:
    return InputError(
        pattern,
        expected="run folders that were scored, or their eval folders",
        got=got,
        remedy="Score them first: python evaluate.py 'runs=[RUN]'.",
    )


def pair(a: Side, b: Side, test_set: str | None) -> tuple[System, System, list[str]]:
    """The two systems that two sides name, and what to say of folders passed over.

    Args:
        a, b: each of the seeds of one setting.
        test_set: corpus and split, and decoder where there are several: "demo-test-greedy".

    Raises:
        InputError: no pair on one test set, or more than one.
    """
    systems, notices = [], []
    for side in (a, b):
        folders, without = eval_folders(side.patterns)
        notices += [f"{folder} has no result and is left out" for folder in without]
        chosen = _on_test_set(side, _of_one_setting(side, folders), test_set)
        systems.append(read_systems(chosen))
    pairs = list(product(*systems))
    if len(pairs) > 1:
        pairs = [(x, y) for x, y in pairs if _decoding(x) == _decoding(y)]
    if len(pairs) != 1:
        raise InputError(
            f"{a.patterns} and {b.patterns}",
            expected="one test set, scored with one decoder, that both have",
            got="; ".join(f"{_test_set(x.results[0])} in both" for x, _ in pairs)
            or " and ".join(", ".join(_test_set(x.results[0]) for x in one) for one in systems),
            remedy="Choose by --manifest CORPUS-SPLIT or CORPUS-SPLIT-DECODER, or score both "
            "on one manifest.",
        )
    ((of_a, of_b),) = pairs
    if _decoding(of_a)[1:] != _decoding(of_b)[1:]:
        notices.append(
            f"a was read by {_reading(of_a)} and b by {_reading(of_b)}: what differs is the "
            "decoding too"
        )
    return of_a, of_b, list(dict.fromkeys(notices))


def _of_one_setting(side: Side, folders: Sequence[Path]) -> dict[Path, Result]:
    """Eval folders of the setting that is meant; raises InputError unless it is just one."""
    settings: dict[str, dict[Path, Result]] = {}
    for folder in folders:
        result = read_result(folder / RESULT)
        settings.setdefault(result.group_key, {})[folder] = result
    chosen = [key for key in settings if side.group is None or key.startswith(side.group)]
    if side.group in settings:
        chosen = [side.group]  # though others begin with it
    if len(chosen) == 1:
        return settings[chosen[0]]
    shown = chosen or list(settings)
    listed = [_setting(key, list(settings[key].values())) for key in shown[:_LISTED]]
    if len(shown) > _LISTED:
        listed.append(f"and {len(shown) - _LISTED} more")
    number = f"{len(chosen)} settings: " if chosen else "none, of "
    raise InputError(
        side.patterns if side.group is None else f"{side.option} {side.group}",
        expected="seeds of one setting",
        got=number + "; ".join(listed),
        remedy=f"Choose one by {side.option} KEY, its first letters suffice, or name its run "
        "folders with commas between.",
    )


def _setting(key: str, results: Sequence[Result]) -> str:
    first, seeds = results[0], sorted({one.seed for one in results})
    block = f", {first.block}" if first.block else ""
    return (
        f"{key} ({first.experiment}, {first.method}{block}, sparsity {first.sparsity:.3g}, "
        f"{'seed' if len(seeds) == 1 else 'seeds'} {', '.join(map(str, seeds))})"
    )


def _on_test_set(side: Side, scored: dict[Path, Result], test_set: str | None) -> list[Path]:
    """Folders of results on the test set; raises InputError where there is none."""
    chosen = [
        folder for folder, one in scored.items() if test_set in (None, _split(one), _test_set(one))
    ]
    if not chosen:
        known = dict.fromkeys(map(_test_set, scored.values()))
        raise InputError(
            f"--manifest {test_set}",
            expected=f"a test set of {side.patterns}: {', '.join(known)}",
            got="another",
            remedy="Choose one of them, or score the runs on it.",
        )
    return chosen


def _split(result: Result) -> str:
    return f"{result.corpus}-{result.split}"


def _test_set(result: Result) -> str:
    return f"{_split(result)}-{result.decoder}"


def _reading(system: System) -> str:
    model = system.results[0].language_model
    return f"{system.decoder} with {model}" if model else system.decoder


def _decoding(system: System) -> tuple[str, str, str | None]:
    return system.manifest_sha256, *system.results[0].decoding
