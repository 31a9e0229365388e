"""When pruning happens and how much: thresholds that ramp up, sparsities that level off.

Steps are optimizer steps, counted from 1; an update happens after a step.
"""

from dataclasses import dataclass

from asr.errors import InputError


@dataclass(frozen=True)
class Window:
    """Masks are updated every `frequency` steps after `start`, up to `end`; all are steps."""

    start: int
    end: int
    frequency: int


def window(
    start: float | None, end: float, frequency: float, *, total_steps: int, epochs: int
) -> Window:
    """A window given in fractions of training, in steps.

    Args:
        start: None for the start of the second epoch, as in the papers.
        end: after the start, at most 1.
        frequency: between two updates; at least one step.
        total_steps, epochs: of the whole training.
    """
    first = 1 / epochs if start is None else start
    if not (0 <= first <= end <= 1 and frequency > 0):
        raise InputError(
            "sparsity.start, end and frequency",
            expected="fractions of training, start at most end at most 1, and a frequency above 0",
            got=f"{first:g}, {end:g} and {frequency:g}",
            remedy="An unset start is the second epoch's; train for more epochs or set it.",
        )
    last = max(1, round(end * total_steps))
    return Window(
        min(round(first * total_steps), last), last, max(1, round(frequency * total_steps))
    )


@dataclass(frozen=True)
class ThresholdRamp:
    """The threshold of Algorithm 1 of arXiv 1704.05119: two slopes, then constant.

    Args:
        start, ramp, end: steps at which pruning starts, the slope changes, and pruning ends.
        frequency: steps between two updates.
        start_slope, ramp_slope: theta and phi, in magnitude an update.
    """

    start: int
    ramp: int
    end: int
    frequency: int
    start_slope: float
    ramp_slope: float

    def due(self, step: int) -> bool:
        """Whether the masks are updated after a step."""
        return self.start < step < self.end and step % self.frequency == 0

    def at(self, step: int) -> float:
        """The threshold after a step, before `end`."""
        if step < self.ramp:
            return self.start_slope * (step - self.start + 1) / self.frequency
        slow = self.start_slope * (self.ramp - self.start + 1)
        return (slow + self.ramp_slope * (step - self.ramp + 1)) / self.frequency

    @property
    def last_update(self) -> int:
        """The last step after which masks are updated.

        Raises:
            InputError: no update is due at all.
        """
        last = (self.end - 1) // self.frequency * self.frequency
        if last <= self.start:
            raise InputError(
                "sparsity.start, end and frequency",
                expected="an update between start and end",
                got=f"none after step {self.start}, before {self.end}, every {self.frequency}",
                remedy="Train longer, or lower the frequency.",
            )
        return last


def start_slope(q: float, start: int, ramp: int, end: int, frequency: int) -> float:
    """theta of arXiv 1704.05119, equation 1: with phi = 1.5 theta the ramp ends about at q."""
    return 2 * q * frequency / (2 * (ramp - start) + 3 * (end - ramp))


def cubic_sparsity(step: int, start: int, end: int, final: float) -> float:
    """The sparsity after a step: steep, then level (arXiv 1710.01878, equation 1)."""
    if step >= end:
        return final
    progress = max(0.0, (step - start) / (end - start))
    return final * (1 - (1 - progress) ** 3)
