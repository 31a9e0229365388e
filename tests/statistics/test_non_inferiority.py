"""How many utterances would show a margin, by hand."""

import numpy as np
import pytest

from asr.statistics.non_inferiority import units_needed
from asr.statistics.power import events_needed


def test_events_by_hand() -> None:
    # (1.959964 sqrt(9) + 0.841621 sqrt(4)) / 5, squared
    assert events_needed(4, 5) == pytest.approx(2.28804, abs=1e-5)


def test_disagreements_that_were_seen_count() -> None:
    """One error in each of 100 units, b one more in 4 of them: the margin would allow 9, 5 more."""
    a, lengths = np.ones(100), np.full(100, 10.0)
    b = a + (np.arange(100) < 4)
    assert units_needed(a, b, lengths, 0.09) == 229  # 100 times 2.28804


def test_beyond_the_margin_no_number_shows_it() -> None:
    """40 errors and 50: a fourth more, where a twentieth is allowed."""
    a = np.where(np.arange(100) < 40, 1.0, 0.0)
    b = a + (np.arange(100) >= 90)
    assert units_needed(a, b, np.full(100, 10.0), 0.05) is None
