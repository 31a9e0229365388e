import math
from collections.abc import Callable

import pytest

from asr.errors import InputError
from asr.training.schedules import Cosine, Exponential, OneCycle, Schedule, WarmUp


def test_one_cycle_hand_worked() -> None:
    schedule = OneCycle(warmup=0.25, start=0.1, final=0.01)
    assert schedule(0.0, 10) == pytest.approx(0.1)
    assert schedule(0.125, 10) == pytest.approx(0.55)  # half the way up
    assert schedule(0.25, 10) == pytest.approx(1.0)
    assert schedule(0.625, 10) == pytest.approx(0.505)  # half the way down
    assert schedule(1.0, 10) == pytest.approx(0.01)


def test_exponential_divides_every_epoch() -> None:
    schedule = Exponential(warmup=0.0, divisor=1.2)
    assert schedule(0.0, 20) == 1.0
    assert schedule(0.05, 20) == pytest.approx(1 / 1.2)
    assert schedule(1.0, 20) == pytest.approx(1.2**-20)


def test_cosine_and_warm_up() -> None:
    assert Cosine(warmup=0.5, final=0.2)(0.25, 1) == pytest.approx(0.5)
    assert Cosine(warmup=0.5, final=0.2)(0.75, 1) == pytest.approx(0.6)
    assert Cosine(warmup=0.0, final=0.0)(1.0, 1) == pytest.approx(0.0)
    assert WarmUp(warmup=0.1)(0.05, 1) == pytest.approx(0.5)
    assert WarmUp(warmup=0.0)(0.0, 1) == 1.0


@pytest.mark.parametrize("warmup", [-0.1, 1.0, 5])
def test_a_warm_up_that_leaves_nothing_of_training_is_refused(warmup: float) -> None:
    for make in (
        lambda: OneCycle(warmup=warmup, start=0.1, final=0.01),
        lambda: Cosine(warmup=warmup, final=0.0),
    ):
        with pytest.raises(InputError, match=r"scheduler\.warmup: expected a share"):
            make()
    if warmup == 1:  # the whole of it may be one ramp
        assert WarmUp(warmup)(1.0, 3) == 1
        return
    for other in (lambda: WarmUp(warmup), lambda: Exponential(warmup, divisor=1.2)):
        with pytest.raises(InputError, match="from 0 to 1"):
            other()


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: OneCycle(0.2, start=-0.1, final=0.0), r"start: expected a number from 0 on"),
        (lambda: OneCycle(0.2, start=0.1, final=-1.0), r"final: expected .* got -1\.0"),
        (lambda: Cosine(0.2, final=-0.1), "final: expected a number from 0 on"),
        (lambda: Cosine(0.2, final=math.nan), "final: expected"),
        (lambda: Exponential(0.2, divisor=0.0), "divisor: expected a number above 0"),
        (lambda: Exponential(0.2, divisor=-1.2), "divisor: expected a number above 0"),
    ],
)
def test_a_factor_below_zero_is_refused(make: Callable[[], Schedule], told: str) -> None:
    with pytest.raises(InputError, match=rf"scheduler\.{told}"):
        make()
