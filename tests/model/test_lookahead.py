import numpy as np
import torch

from asr.model.lookahead import Lookahead
from asr.model.masking import valid_frames


def test_agrees_with_the_sum_written_out() -> None:
    lengths, total, width, frames = [7, 2, 5], 7, 3, 4
    lookahead = Lookahead(width, frames).double()
    torch.nn.init.normal_(lookahead.weight)
    weight = lookahead.weight.detach().numpy()
    x = torch.randn(total, 3, width, dtype=torch.float64)
    y = lookahead(x, valid_frames(torch.tensor(lengths), total).t()).detach().numpy()
    for b, length in enumerate(lengths):
        for t in range(length):
            expected = np.zeros(width)
            for j in range(frames + 1):
                if t + j < length:
                    expected += weight[:, j] * x[t + j, b].numpy()
            np.testing.assert_allclose(y[t, b], expected, atol=1e-12)


def test_starts_as_the_identity() -> None:
    x = torch.randn(5, 2, 3)
    assert torch.equal(Lookahead(3, 4)(x, torch.ones(5, 2, dtype=torch.bool)), x)
