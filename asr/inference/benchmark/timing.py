"""Interleaved rounds, and ratios of the same round."""

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rounds:
    """Seconds of each contestant in each round, all contestants in turn."""

    seconds: Mapping[str, NDArray]

    @classmethod
    def of(cls, seconds: Mapping[str, Sequence[float]]) -> "Rounds":
        """From plain numbers, as a file holds them.

        Raises:
            ValueError: contestants have different numbers of rounds, or none.
        """
        if len(set(map(len, seconds.values()))) != 1 or not all(seconds.values()):
            raise ValueError("contestants need the same number of rounds, one at least")
        return cls({name: np.array(values) for name, values in seconds.items()})

    def median(self, name: str) -> float:
        """Seconds."""
        return float(np.median(self.seconds[name]))

    def ratio(self, other: str, ours: str) -> float:
        """How many times faster `ours` is: the median of the rounds' ratios."""
        return float(np.median(self.ratios(other, ours)))

    def ratios(self, other: str, ours: str) -> NDArray:
        """How many times faster `ours` was in each round."""
        found: NDArray = self.seconds[other] / self.seconds[ours]
        return found

    def closest(self, names: Iterable[str], ours: str) -> str:
        """Which of some contestants is the fastest beside `ours`: the lowest ratio."""
        return min(names, key=lambda other: self.ratio(other, ours))


def interleaved(
    runs: Mapping[str, Callable[[], Any]], *, rounds: int, processor_time: bool
) -> Rounds:
    """Time every contestant once a round, after a warm-up each.

    What another process takes disturbs neighbours in time alike, and medians forget it. For one
    thread the process's own CPU time is taken, for several the wall clock's. A call that takes
    less than 10 ms is repeated until it does, and divided.
    """
    clock = time.process_time if processor_time else time.perf_counter
    repeats = {}
    for name, run in runs.items():
        run()
        started = time.perf_counter()
        run()
        repeats[name] = max(1, round(0.01 / max(time.perf_counter() - started, 1e-6)))
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            _wait_for_threads()
            for _ in range(repeats[name]):
                run()  # the caches are the previous contestant's
            started = clock()
            for _ in range(repeats[name]):
                run()
            taken[name].append((clock() - started) / repeats[name])
    return Rounds.of(taken)


def _wait_for_threads() -> None:
    """Wait until no thread of this process takes time; after a second warn that one still does.

    Threads of onnxruntime and OpenMP spin for up to some tenths of a second after their work, on
    the cores that the next contestant would have to itself in a program of its own.
    """
    for _ in range(20):
        before = time.process_time()
        time.sleep(0.05)
        if time.process_time() - before < 0.005:
            return
    warnings.warn("Threads of another contestant are still busy.", RuntimeWarning, stacklevel=3)
