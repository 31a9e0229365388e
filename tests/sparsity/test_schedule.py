import pytest

from asr.errors import InputError
from asr.sparsity.schedule import ThresholdRamp, Window, cubic_sparsity, start_slope, window


def test_thresholds_of_algorithm_1_worked_by_hand() -> None:
    # start 10, ramp 30, end 60, every 10; theta 1, phi 2. After step 20: 1 (20 - 10 + 1) / 10;
    # from step 30 on: (1 (30 - 10 + 1) + 2 (step - 30 + 1)) / 10.
    ramp = ThresholdRamp(start=10, ramp=30, end=60, frequency=10, start_slope=1.0, ramp_slope=2.0)
    found = {step: ramp.at(step) for step in range(1, 100) if ramp.due(step)}
    assert found == pytest.approx({20: 1.1, 30: 2.3, 40: 4.3, 50: 6.3})
    assert ramp.last_update == 50


@pytest.mark.parametrize(
    ("start", "end", "frequency", "updates"),
    [
        (10, 60, 10, [20, 30, 40, 50]),  # neither at the start nor at the end
        (9, 61, 10, [10, 20, 30, 40, 50, 60]),
        (0, 4, 1, [1, 2, 3]),
        (5, 20, 7, [7, 14]),
    ],
)
def test_updates_are_strictly_inside_the_window(
    start: int, end: int, frequency: int, updates: list[int]
) -> None:
    ramp = ThresholdRamp(start, start, end, frequency, 1.0, 1.0)
    assert [step for step in range(200) if ramp.due(step)] == updates
    assert ramp.last_update == updates[-1]


@pytest.mark.parametrize(("start", "end", "frequency"), [(0, 1, 1), (3, 3, 1), (10, 20, 10)])
def test_a_window_without_an_update_is_refused(start: int, end: int, frequency: int) -> None:
    ramp = ThresholdRamp(start, start, end, frequency, 1.0, 1.0)
    assert not any(ramp.due(step) for step in range(100))
    with pytest.raises(InputError, match="an update between start and end"):
        _ = ramp.last_update


@pytest.mark.parametrize(
    ("start", "ramp", "end"), [(2_700, 13_500, 27_000), (1_000, 1_000, 9_000), (500, 5_000, 5_000)]
)
def test_equation_1_ends_about_at_q(start: int, ramp: int, end: int) -> None:
    theta = start_slope(0.3, start, ramp, end, 100)
    found = ThresholdRamp(start, ramp, end, 100, theta, 1.5 * theta)
    # One update before the end, at most one update's slope away.
    assert found.at(found.last_update) == pytest.approx(0.3, abs=1.5 * theta)
    assert found.at(found.last_update) == pytest.approx(0.3, rel=0.04)


def test_equation_1_by_hand() -> None:
    # 2 x 0.5 x 10 / (2 (30 - 10) + 3 (60 - 30)) = 10 / 130
    assert start_slope(0.5, 10, 30, 60, 10) == pytest.approx(10 / 130)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((None, 0.5, 0.01), Window(100, 500, 10)),  # the second of 10 epochs
        ((0.0, 1.0, 0.5), Window(0, 1000, 500)),
        ((0.25, 0.25, 0.1), Window(250, 250, 100)),
        ((0.0, 0.0, 1.0), Window(0, 1, 1000)),  # an update comes after a step: 1 is the first
        ((0.1, 0.5, 1e-9), Window(100, 500, 1)),  # not oftener than every step
        ((0.1234, 0.4567, 0.0456), Window(123, 457, 46)),  # to the nearest step
    ],
)
def test_fractions_become_steps(given: tuple[float | None, float, float], expected: Window) -> None:
    assert window(*given, total_steps=1000, epochs=10) == expected


@pytest.mark.parametrize("total", [1, 2, 3])
def test_the_window_of_a_run_of_few_steps_lies_in_it(total: int) -> None:
    found = window(0.9, 1.0, 0.001, total_steps=total, epochs=10)
    assert 0 <= found.start <= found.end <= total
    assert found.end >= 1
    assert found.frequency == 1


@pytest.mark.parametrize(
    ("start", "end", "frequency", "epochs"),
    [
        (0.5, 0.4, 0.1, 10),
        (-0.1, 0.4, 0.1, 10),
        (0.1, 1.1, 0.1, 10),
        (0.1, 0.4, 0.0, 10),
        (None, 0.4, 0.1, 1),  # there is no second epoch
        (None, 0.4, 0.1, 2),  # it starts after the end
        (0.1, float("nan"), 0.1, 10),
    ],
)
def test_windows_that_are_none_are_refused(
    start: float | None, end: float, frequency: float, epochs: int
) -> None:
    with pytest.raises(InputError, match="start"):
        window(start, end, frequency, total_steps=1000, epochs=epochs)


@pytest.mark.parametrize(
    ("step", "expected"),
    # 0.8 (1 - (1 - progress)^3), progress from step 10 to step 30
    [(1, 0.0), (10, 0.0), (15, 0.4625), (20, 0.7), (25, 0.7875), (30, 0.8), (31, 0.8), (99, 0.8)],
)
def test_the_cubic_worked_by_hand(step: int, expected: float) -> None:
    assert cubic_sparsity(step, 10, 30, 0.8) == pytest.approx(expected, abs=1e-12)


def test_the_cubic_ends_exactly_at_what_is_asked() -> None:
    assert cubic_sparsity(30, 10, 30, 0.9) == 0.9
    assert cubic_sparsity(7, 7, 7, 0.9) == 0.9  # no span at all
    values = [cubic_sparsity(step, 10, 30, 1.0) for step in range(40)]
    assert values == sorted(values)
