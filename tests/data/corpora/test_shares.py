"""Splits by hash: shares met, order irrelevant."""

from hypothesis import given, settings
from hypothesis import strategies as st

from asr.data.corpora.shares import assign


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.text(min_size=1), st.floats(0.1, 1.0), min_size=40, max_size=80))
def test_shares_are_met_to_within_one_group(hours):
    shares = {"train": 0.6, "dev": 0.3, "test": 0.1}
    splits = assign(hours, shares)
    assert splits == assign(dict(reversed(hours.items())), shares)
    total = sum(hours.values())
    for name, share in shares.items():
        got = sum(hours[group] for group, split in splits.items() if split == name)
        assert abs(got - share * total) <= 1.0 + 1e-9
