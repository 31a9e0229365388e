"""The learning rate as a factor of its peak, over the progress of training in [0, 1]."""

import math
from dataclasses import dataclass
from typing import Protocol

from asr.errors import InputError


class Schedule(Protocol):
    """Factor of the peak learning rate at `progress` of a run of `epochs`."""

    def __call__(self, progress: float, epochs: int) -> float: ...


def _refuse_share(warmup: float, *, all_of_it: bool) -> None:
    """What comes after a warm-up needs a rest of training, or it would divide by nothing."""
    if not (0 <= warmup < 1 or (all_of_it and warmup == 1)):
        raise InputError(
            "scheduler.warmup",
            expected=f"a share of training, from 0 to {'1' if all_of_it else 'less than 1'}",
            got=str(warmup),
            remedy="5 % of training is 0.05.",
        )


def _refuse_factor(name: str, factor: float, *, zero: bool) -> None:
    """A learning rate below 0 would climb the loss."""
    if not (0 < factor < math.inf or (zero and factor == 0)):
        raise InputError(
            f"scheduler.{name}",
            expected=f"a number {'from 0 on' if zero else 'above 0'}",
            got=str(factor),
            remedy="The choices in conf/scheduler are numbers to start from.",
        )


def _ramp(progress: float, share: float) -> float:
    """0 at the start, 1 from `share` of training on."""
    return min(progress / share, 1.0) if share > 0 else 1.0


def _cosine(progress: float) -> float:
    """1 at 0, 0 at 1, half a cosine between."""
    return 0.5 * (1 + math.cos(math.pi * progress))


@dataclass(frozen=True)
class OneCycle:
    """Cosine up from `start` to 1 during `warmup`, then cosine down to `final` (Smith 2018).

    Args:
        warmup: share of training that the way up takes.
        start: first factor.
        final: last factor.
    """

    warmup: float
    start: float
    final: float

    def __post_init__(self) -> None:
        _refuse_share(self.warmup, all_of_it=False)
        _refuse_factor("start", self.start, zero=True)
        _refuse_factor("final", self.final, zero=True)

    def __call__(self, progress: float, epochs: int) -> float:
        if progress < self.warmup:
            return 1 - (1 - self.start) * _cosine(progress / self.warmup)
        after = (progress - self.warmup) / (1 - self.warmup)
        return self.final + (1 - self.final) * _cosine(after)


@dataclass(frozen=True)
class Cosine:
    """Linear warm-up, then half a cosine from 1 to `final` (Loshchilov and Hutter 2017)."""

    warmup: float
    final: float

    def __post_init__(self) -> None:
        _refuse_share(self.warmup, all_of_it=False)
        _refuse_factor("final", self.final, zero=True)

    def __call__(self, progress: float, epochs: int) -> float:
        if progress < self.warmup:
            return _ramp(progress, self.warmup)
        after = (progress - self.warmup) / (1 - self.warmup)
        return self.final + (1 - self.final) * _cosine(after)


@dataclass(frozen=True)
class Exponential:
    """Linear warm-up, and divided by `divisor` every epoch (1.2 in arXiv 1512.02595)."""

    warmup: float
    divisor: float

    def __post_init__(self) -> None:
        _refuse_share(self.warmup, all_of_it=True)
        _refuse_factor("divisor", self.divisor, zero=False)

    def __call__(self, progress: float, epochs: int) -> float:
        return float(_ramp(progress, self.warmup) * self.divisor ** (-progress * epochs))


@dataclass(frozen=True)
class WarmUp:
    """Linear warm-up, then constant."""

    warmup: float

    def __post_init__(self) -> None:
        _refuse_share(self.warmup, all_of_it=True)

    def __call__(self, progress: float, epochs: int) -> float:
        return _ramp(progress, self.warmup)
