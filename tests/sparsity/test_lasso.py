"""What the final threshold of group lasso removes, worked by hand."""

import torch
from torch import nn

from asr.sparsity.lasso import LassoPruning
from asr.sparsity.penalty import Penalty
from tests.sparsity import plain


def test_the_final_threshold_is_on_the_root_mean_square_of_a_blocks_weights() -> None:
    weight = nn.Parameter(torch.zeros(4, 13))
    with torch.no_grad():
        weight[:, :4] = 0.04  # goes: a norm of 0.16 would stay
        weight[1, 6] = 0.1  # 0.1 / 4 = 0.025 goes: the maximum would stay
        weight[2, 9] = -0.3  # 0.3 / 4 = 0.075 stays: the mean, 0.019, would go
        weight[:, 12] = 0.06  # at the edge, stays: 0.12 / 4, of a whole block's 16, would go
    penalty = Penalty("group_lasso", 0.4, "gradient")
    method = LassoPruning("group_lasso", plain.select(), [4, 4], penalty, 0.05, 0.0, 0.5)
    pruner = method.pruner({"weight": weight}, total_steps=10, epochs=1)
    optimizer = plain.idle({"weight": weight})
    updates = [update for _ in range(10) if (update := pruner.after_step(optimizer))]
    assert [(update.step, update.removed["weight"]) for update in updates] == [(5, 2)]
    assert pruner.kept["weight"].tolist() == [[False, False, True, True]]
    assert weight.count_nonzero() == 1 + 4
