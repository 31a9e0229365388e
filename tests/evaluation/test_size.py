import pytest
import torch
from torch import nn

from asr.evaluation.size import measure


def test_counts_of_a_model_worked_by_hand():
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, 2.0]]))
        model[0].bias.fill_(1.0)
    size = measure(model, pruned=["0.weight"])
    assert size.parameters == 6 + 2 + 2 + 2
    assert size.nonzero == 2 + 2 + 2  # weight, bias, the norm's weight; its bias is zero
    assert size.bytes == 4 * (12 + 4)  # and running mean and variance, but not the batch counter
    assert size.sparsity == pytest.approx(4 / 6)
    assert size.sparsity_model == 0.5
    assert not size.empty_matrix


def test_dense_and_shared_weights_and_an_empty_matrix():
    model = nn.Sequential(nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    assert (measure(model).parameters, measure(model).sparsity) == (4, 0.0)
    nn.init.zeros_(model[0].weight)
    assert measure(model).empty_matrix
