"""What a benchmark measured, kept beside the runs."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from asr.errors import InputError
from asr.inference.benchmark.timing import Rounds
from asr.statistics.median import median_interval
from asr.study.section import Section
from asr.study.wording import times

T = TypeVar("T")


def read_measured(path: Path, program: str, read: Callable[[dict[str, Any]], T]) -> T:
    """What `read` takes out of a benchmark's file; whatever fails in it is the file's fault.

    Raises:
        InputError: it is not what that program writes.
    """
    try:
        return read(json.loads(path.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise InputError(
            str(path),
            expected=f"what {program} wrote",
            got=f"{type(error).__name__}: {error}",
            remedy="Measure again.",
        ) from error


def not_measured(what: str, command: str) -> Section:
    """What a section says before its benchmark ran."""
    return Section(f"No {what} yet: measure by `{command}`.\n")


def faster(rounds: Rounds, other: str, ours: str) -> str:
    """How many times faster `ours` is, with the interval of the rounds' median."""
    if other == ours:
        return "1x"
    return times(median_interval(rounds.ratios(other, ours).tolist()))


def machine(measured: Mapping[str, Any]) -> str:
    """Where it was measured."""
    return "{cpu} ({kernel})".format(**measured["machine"])


def of_rounds(rounds: Rounds) -> str:
    """What the times and their intervals are."""
    count = len(next(iter(rounds.seconds.values())))
    return (
        f"Times are medians of {count} rounds, ratios medians of the rounds' own, with intervals "
        "by order statistics: as if rounds were drawn independently of each other, on this "
        "machine and in these minutes."
    )
