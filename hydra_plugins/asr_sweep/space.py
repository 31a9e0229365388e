"""Hydra's sweep syntax as a search space.

sparsity.block=choice([4,4],[16,16])        one of them; also [4,4],[16,16] and glob(...)
training.epochs=range(10,40,5)              a number of the row, the end not included
sparsity.sparsity=interval(0.7,0.95)        any number between; int(interval(...)) a whole one
optimizer.lr=tag(log,interval(1e-4,1e-2))   on a logarithmic scale
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from asr.errors import InputError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


def split(overrides: Sequence[Override]) -> tuple[list[str], "dict[str, BaseDistribution]"]:
    """The overrides that all runs share, and the swept settings; of one setting the last counts.

    Raises:
        InputError: nothing is swept, or there is no such distribution.
    """
    last = {override.get_key_element(): override for override in overrides}
    swept = {key: override for key, override in last.items() if override.is_sweep_override()}
    if not swept:
        raise InputError(
            "hydra.sweeper.params",
            expected="settings to search, such as model.hidden=choice(256,512)",
            got="none",
            remedy="Give some on the command line, or use hydra/sweeper=grid.",
        )
    fixed = [str(override.input_line) for key, override in last.items() if key not in swept]
    return fixed, {key: _distribution(key, override) for key, override in swept.items()}


def as_overrides(settings: Mapping[str, str | int | float]) -> list[str]:
    """Settings drawn from a space, as on a command line."""
    # Digits beyond the twelfth are rounding's: 0.7999999999999999 would be another run than 0.8.
    return [
        f"{key}={float(f'{value:.12g}') if isinstance(value, float) else value}"
        for key, value in settings.items()
    ]


def first_of(space: "Mapping[str, BaseDistribution]") -> dict[str, str | int | float]:
    """The first or lowest value of every setting."""
    from optuna.distributions import CategoricalDistribution

    return {
        key: each.choices[0] if isinstance(each, CategoricalDistribution) else each.low  # type: ignore[attr-defined]
        for key, each in space.items()
    }


def _distribution(key: str, override: Override) -> "BaseDistribution":
    from optuna.distributions import (
        CategoricalDistribution,
        FloatDistribution,
        IntDistribution,
    )

    sweep = override.value()
    try:
        if isinstance(sweep, IntervalSweep):
            low, high, log = sweep.start, sweep.end, "log" in sweep.tags
            assert low is not None
            assert high is not None
            if "int" in sweep.tags or (isinstance(low, int) and isinstance(high, int)):
                return IntDistribution(int(low), int(high), log=log)
            return FloatDistribution(float(low), float(high), log=log)
        if isinstance(sweep, RangeSweep):
            row, log = sorted(sweep.range()), "log" in sweep.tags
            step = abs(sweep.step)
            if all(isinstance(value, int) for value in row):
                return IntDistribution(row[0], row[-1], log=log, step=int(step))
            return FloatDistribution(row[0], round(row[-1], 12), log=log, step=float(step))
        # Block shapes are lists: as text, every choice is one that a journal can hold.
        return CategoricalDistribution(list(dict.fromkeys(override.sweep_string_iterator())))
    except (ValueError, IndexError) as error:
        raise InputError(
            key,
            expected="choice(...), range(start,stop,step) or interval(low,high), low to high",
            got=f"{override.input_line} ({error})",
            remedy="tag(log,...) goes with intervals above 0 and with whole ranges of step 1.",
        ) from error
