import numpy as np
import pytest
import torch
from torch import nn

from asr.model.gru_recurrence import gru_recurrence
from asr.model.recurrence import Nonlinearity, recurrence

STEPS, BATCH, HIDDEN = 6, 3, 4
ACTIVATIONS = {"tanh": np.tanh, "clipped_relu": lambda x: np.clip(x, 0.0, 20.0)}


def leaf(*shape: int, scale: float = 1.0) -> torch.Tensor:
    return (scale * torch.randn(*shape, dtype=torch.float64)).requires_grad_()


@pytest.mark.parametrize("nonlinearity", ACTIVATIONS)
def test_recurrence_is_the_loop_written_out(nonlinearity: Nonlinearity) -> None:
    torch.manual_seed(0)
    # So large that the clipped ReLU meets both its bounds.
    drive, weight = leaf(STEPS, BATCH, HIDDEN, scale=12.0), leaf(HIDDEN, HIDDEN)
    states = recurrence(drive, weight, nonlinearity).detach().numpy()
    a, u = drive.detach().numpy(), weight.detach().numpy()
    state = np.zeros((BATCH, HIDDEN))
    for t in range(STEPS):
        state = ACTIVATIONS[nonlinearity](a[t] + state @ u.T)
        np.testing.assert_allclose(states[t], state, atol=1e-12)
    if nonlinearity == "clipped_relu":
        assert {0.0, 20.0} <= set(states.flat)


@pytest.mark.parametrize("nonlinearity", ACTIVATIONS)
@pytest.mark.parametrize("steps", [1, STEPS])
def test_gradient_of_recurrence_agrees_with_finite_differences(
    nonlinearity: Nonlinearity, steps: int
) -> None:
    torch.manual_seed(1)
    drive, weight = leaf(steps, BATCH, HIDDEN, scale=9.0), leaf(HIDDEN, HIDDEN)
    assert torch.autograd.gradcheck(lambda a, u: recurrence(a, u, nonlinearity), (drive, weight))


@pytest.mark.parametrize("steps", [1, STEPS])
def test_gru_and_its_gradients_are_those_of_torch(steps: int) -> None:
    torch.manual_seed(2)
    cell = nn.GRU(5, HIDDEN).double()
    x = leaf(steps, BATCH, 5)
    drive = nn.functional.linear(x, cell.weight_ih_l0, cell.bias_ih_l0)
    inputs = [x, *cell.parameters()]
    weights = torch.randn(steps, BATCH, HIDDEN, dtype=torch.float64)
    results = [
        [states, *torch.autograd.grad((states * weights).sum(), inputs)]
        for states in (gru_recurrence(drive, cell.weight_hh_l0, cell.bias_hh_l0), cell(x)[0])
    ]
    torch.testing.assert_close(*results, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("cell", ["gru", "rnn"])
def test_a_backward_pass_inside_autocast_keeps_the_precision_of_the_forward_pass(
    cell: str,
) -> None:
    torch.manual_seed(3)
    gates = 3 if cell == "gru" else 1
    drive = torch.randn(STEPS, BATCH, gates * HIDDEN, requires_grad=True)
    weight = torch.randn(gates * HIDDEN, HIDDEN, requires_grad=True)
    if cell == "gru":
        states = gru_recurrence(drive, weight, torch.zeros(gates * HIDDEN))
    else:
        states = recurrence(drive, weight, "tanh")
    loss = states.square().sum()
    outside = torch.autograd.grad(loss, [drive, weight], retain_graph=True)
    with torch.autocast("cpu", torch.bfloat16):
        inside = torch.autograd.grad(loss, [drive, weight])
    torch.testing.assert_close(inside, outside, rtol=0, atol=0)
