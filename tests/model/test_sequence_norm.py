import pytest
import torch
from torch import Tensor, nn

from asr.model.masking import valid_frames
from asr.model.sequence_norm import SequenceNorm

LENGTHS = torch.tensor([6, 2, 4])


def batch() -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    x = 3.0 + 2.0 * torch.randn(6, 3, 4, dtype=torch.float64)
    return x.requires_grad_(), valid_frames(LENGTHS, 6).t()


def pair() -> tuple[SequenceNorm, nn.BatchNorm1d]:
    """Ours and torch's, with the same scale and shift."""
    ours, theirs = SequenceNorm(4).double(), nn.BatchNorm1d(4).double()
    with torch.no_grad():
        theirs.weight.copy_(ours.weight.uniform_(0.5, 2.0))
        theirs.bias.copy_(ours.bias.uniform_(-1.0, 1.0))
    return ours, theirs


def test_training_is_batch_norm_of_the_real_frames_laid_end_to_end() -> None:
    x, valid = batch()
    ours, theirs = pair()
    weights = torch.randn(int(valid.sum()), 4, dtype=torch.float64)
    results = []
    for module, rows in ((ours, ours(x, valid)[valid]), (theirs, theirs(x[valid]))):
        inputs = [x, module.weight, module.bias]
        gradients = torch.autograd.grad((rows * weights).sum(), inputs)
        results.append([rows, *gradients])
    torch.testing.assert_close(*results, rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(ours.running_mean, theirs.running_mean)
    torch.testing.assert_close(ours.running_variance, theirs.running_var)
    torch.testing.assert_close(ours.eval()(x, valid)[valid], theirs.eval()(x[valid]))


def test_gradient_agrees_with_finite_differences_and_is_zero_in_the_padding() -> None:
    x, valid = batch()
    norm = SequenceNorm(4).double()
    assert torch.autograd.gradcheck(lambda x: norm(x, valid), (x,))
    norm(x, valid).square().sum().backward()
    assert x.grad is not None
    assert not x.grad[~valid].any()


def test_padding_comes_out_zero_and_changes_nothing() -> None:
    x, valid = batch()
    outputs, statistics = [], []
    for garbage in (0.0, 1e6):
        norm = SequenceNorm(4).double()
        outputs.append(norm(torch.where(valid.unsqueeze(-1), x, garbage), valid))
        statistics.append([norm.running_mean, norm.running_variance])
    torch.testing.assert_close(*outputs, rtol=0, atol=1e-12)
    torch.testing.assert_close(*statistics, rtol=0, atol=1e-12)
    assert not outputs[1][~valid].any()


def test_one_real_frame_has_variance_zero() -> None:
    norm = SequenceNorm(4).double()
    y = norm(torch.randn(2, 1, 4, dtype=torch.float64), torch.tensor([[True], [False]]))
    assert not y.any()
    torch.testing.assert_close(norm.running_variance, torch.full((4,), 0.9, dtype=torch.float64))


@pytest.mark.parametrize("training", [True, False])
def test_statistics_keep_float32_under_autocast(training: bool) -> None:
    x, valid = batch()
    single = x.detach().float()
    exact = SequenceNorm(4).train(training)
    lowered = SequenceNorm(4).train(training)
    expected = exact(single, valid)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(lowered(single, valid), expected, rtol=0, atol=0)
    assert torch.equal(exact.running_mean, lowered.running_mean)
