"""Bounds by few units, against hand-worked numbers."""

import math

import pytest

from asr.statistics.few import at_most, sign_test


def test_a_sign_test_of_five() -> None:
    assert [sign_test(n) for n in (0, 1, 5)] == [1.0, 1.0, 2 / 32]


def test_poisson_by_hand() -> None:
    assert at_most(0, 3.0) == pytest.approx(math.exp(-3))
    assert at_most(2, 1.0) == pytest.approx(math.exp(-1) * (1 + 1 + 1 / 2))
    assert at_most(5, 0.0) == 1.0
    assert at_most(9000, 10000.0) < 1e-20  # no term of it overflows or is lost
    assert at_most(10000, 10000.0) == pytest.approx(0.5, abs=0.01)
