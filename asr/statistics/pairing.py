"""From two names on a command line to two systems on one test set."""

from collections.abc import Sequence
from glob import glob
from itertools import product
from pathlib import Path

from asr.errors import InputError
from asr.evaluation.result import RESULT
from asr.statistics.system import System, read_systems


def eval_folders(pattern: str) -> tuple[list[Path], list[Path]]:
    """Folders with a result that a pattern stands for, and run folders that have none.

    Args:
        pattern: of run folders or of their eval folders, as in "runs/dense/*".

    Raises:
        InputError: there is no such folder, or no result in any.
    """
    found, without = [], []
    for path in sorted(Path(one) for one in glob(pattern)):
        if (path / RESULT).is_file():
            found.append(path)
        elif scored := sorted(one.parent for one in path.glob(f"eval/*/{RESULT}")):
            found.extend(scored)
        elif path.is_dir():
            without.append(path)
    if not found:
        raise InputError(
            pattern,
            expected="run folders that were scored, or their eval folders",
            got=f"{len(without)} folders without a {RESULT}" if without else "no such folder",
            remedy="Score them first: python evaluate.py 'runs=[RUN]'.",
        )
    return found, without


def pair(a: str, b: str, test_set: str | None) -> tuple[System, System, list[str]]:
    """The two systems that patterns name, and what to say of folders passed over.

    Args:
        a, b: patterns, each of the seeds of one setting.
        test_set: corpus and split, and decoder where there are several: "demo-test-greedy".

    Raises:
        InputError: no pair on one test set, or more than one.
    """
    systems, notices = [], []
    for pattern in (a, b):
        folders, without = eval_folders(pattern)
        notices += [f"{folder} has no result and is left out" for folder in without]
        systems.append(_chosen(pattern, read_systems(folders), test_set))
    pairs = list(product(*systems))
    if len(pairs) > 1:
        pairs = [(x, y) for x, y in pairs if _decoding(x) == _decoding(y)]
    if len(pairs) != 1:
        raise InputError(
            f"{a} and {b}",
            expected="one test set, scored with one decoder, that both have",
            got="; ".join(f"{_test_set(x)} in both" for x, _ in pairs)
            or " and ".join(", ".join(map(_test_set, one)) for one in systems),
            remedy="Choose by --manifest CORPUS-SPLIT or CORPUS-SPLIT-DECODER, or score both "
            "on one manifest.",
        )
    ((of_a, of_b),) = pairs
    return of_a, of_b, notices


def _chosen(pattern: str, systems: Sequence[System], test_set: str | None) -> list[System]:
    """Systems on the test set; raises InputError unless they are of one setting."""
    settings = {one.group_key: one.name for one in systems}
    if len(settings) > 1:
        raise InputError(
            pattern,
            expected="seeds of one setting",
            got=f"{len(settings)} settings: {', '.join(settings.values())}",
            remedy="Name the runs of one: the group key is in each run's status.json.",
        )
    chosen = [one for one in systems if test_set in (None, _test_set(one), _split(one))]
    if not chosen:
        raise InputError(
            f"--manifest {test_set}",
            expected=f"a test set of {pattern}: {', '.join(map(_test_set, systems))}",
            got="another",
            remedy="Choose one of them, or score the runs on it.",
        )
    return chosen


def _split(system: System) -> str:
    return f"{system.results[0].corpus}-{system.results[0].split}"


def _test_set(system: System) -> str:
    return f"{_split(system)}-{system.decoder}"


def _decoding(system: System) -> tuple[str, str, str | None]:
    return system.manifest_sha256, system.decoder, system.results[0].language_model
