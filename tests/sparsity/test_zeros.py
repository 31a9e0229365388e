"""Counted by hand: a matrix of two gates with a dead row and an unused column."""

import torch

from asr.sparsity.selection import Part
from asr.sparsity.zeros import Zeros, total_sparsity, zeros_by_matrix


def test_zeros_are_counted_by_matrix_and_by_gate() -> None:
    matrix = torch.tensor([[1.0, 0, 2], [0, 0, 0], [3, 0, 0], [0, 0, -0.0]])
    other = torch.ones(2, 2)
    parts = [
        Part("m/a", "m", 0, 2, "other", False),
        Part("m/b", "m", 2, 4, "other", False),
        Part("n", "n", 0, 2, "other", False),
    ]
    found = zeros_by_matrix({"m": matrix, "n": other, "not pruned": torch.zeros(9, 9)}, parts)
    assert found == {
        "m": Zeros(weights=12, zeros=9, dead_rows=2, unused_columns=1),
        "m/a": Zeros(weights=6, zeros=4, dead_rows=1, unused_columns=1),
        "m/b": Zeros(weights=6, zeros=5, dead_rows=1, unused_columns=2),
        "n": Zeros(weights=4, zeros=0, dead_rows=0, unused_columns=0),
    }
    assert found["m"].sparsity == 0.75
    assert total_sparsity(found, parts) == 9 / 16  # each matrix once, whatever its gates
    assert total_sparsity({}, []) == 0
