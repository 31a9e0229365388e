import json

import numpy as np
import pytest
import torch

from asr.sparsity.quantiles import weight_quantiles


def test_hand_worked() -> None:
    # |w| = 0.01 ... 1.00: the 90th percentile by linear interpolation lies at 0.901.
    first = torch.linspace(0.01, 0.50, 50).reshape(5, 10)
    second = -torch.linspace(0.51, 1.00, 50).reshape(5, 10)
    found = weight_quantiles(
        {
            "recurrent.layers.0.left_to_right.weight_hh_l0": first,
            "recurrent.layers.0.right_to_left.weight_hh_l0": second,
            "recurrent.layers.0.right_to_left.bias_hh_l0": torch.full((99,), 9.0),
            "output.weight": torch.full((9, 9), 9.0),
        }
    )
    assert list(found["weight_types"]) == ["recurrent"]
    recurrent = found["weight_types"]["recurrent"]
    assert recurrent["weights"] == 100
    assert recurrent["q"] == pytest.approx(0.901)
    assert recurrent["block_maxima"]["1x1"]["0.9"] == pytest.approx(0.901)
    # One block of 16x16 holds a whole matrix: maxima 0.5 and 1.0.
    assert recurrent["block_maxima"]["16x16"]["0.5"] == pytest.approx(0.75)
    json.dumps(found)


def test_larger_blocks_have_larger_maxima() -> None:
    weight = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    maxima = weight_quantiles({"x.weight_ih_l0": weight})["weight_types"]["input"]["block_maxima"]
    order = [maxima[shape]["0.9"] for shape in ("1x1", "4x4", "8x8", "16x16", "32x32")]
    assert order == sorted(order)
    assert maxima["1x1"]["0.9"] == pytest.approx(np.quantile(weight.abs().numpy(), 0.9))
