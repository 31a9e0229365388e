import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from asr.model.masking import padding
from asr.model.recurrent import GatedLayer, initialise_gates
from asr.model.simple_recurrent import SharedInputLayer, SimpleRecurrentLayer

LENGTHS = torch.tensor([6, 1, 4])
INPUTS, HIDDEN = 5, 3


def packed_torch(reference: nn.RNNBase, layer: nn.Module, x: Tensor) -> Tensor:
    """`reference`, a bidirectional torch module, on the weights of `layer`: (S, B, 2H)."""
    state = {}
    for way, suffix in (("left_to_right", ""), ("right_to_left", "_reverse")):
        for key, value in layer.get_submodule(way).named_parameters():
            state[("bias_ih_l0" if key == "bias_l0" else key) + suffix] = value
    reference.double()
    for key, value in reference.named_parameters():
        value.data = state[key].data if key in state else torch.zeros_like(value)
    packed = pack_padded_sequence(x, LENGTHS, enforce_sorted=False)
    return pad_packed_sequence(reference(packed)[0], total_length=len(x))[0]


@pytest.mark.parametrize("cell", ["gru", "lstm", "rnn"])
def test_both_directions_are_those_of_a_packed_torch_module(cell: str) -> None:
    torch.manual_seed(0)
    x = torch.randn(6, 3, INPUTS, dtype=torch.float64, requires_grad=True)
    layer: nn.Module
    if cell == "rnn":
        layer = SimpleRecurrentLayer(INPUTS, HIDDEN, "tanh", bidirectional=True)
    else:
        layer = GatedLayer(INPUTS, HIDDEN, cell, bidirectional=True)
    for parameter in layer.parameters():
        nn.init.normal_(parameter)
    layer.double()
    kind = {"gru": nn.GRU, "lstm": nn.LSTM, "rnn": nn.RNN}[cell]
    expected = packed_torch(kind(INPUTS, HIDDEN, bidirectional=True), layer, x)
    batch = padding(LENGTHS, 6)
    got = torch.cat(layer(x, batch), -1)
    mask = batch.valid.unsqueeze(-1)
    torch.testing.assert_close(got * mask, expected * mask)
    weights = torch.randn_like(got) * mask
    torch.testing.assert_close(
        *(torch.autograd.grad((y * weights).sum(), x) for y in (got, expected))
    )


def test_shared_input_is_the_papers_equation_written_out() -> None:
    torch.manual_seed(0)
    layer = SharedInputLayer(INPUTS, HIDDEN, "clipped_relu", bidirectional=True).double()
    nn.init.normal_(layer.norm.weight)
    nn.init.normal_(layer.norm.bias)
    x = torch.randn(6, 3, INPUTS, dtype=torch.float64)
    forwards, backwards = (way.detach().numpy() for way in layer(x, padding(LENGTHS, 6)))
    weights = {key: value.detach().numpy() for key, value in layer.named_parameters()}

    products = [x[:n, b].numpy() @ weights["shared.weight_ih_l0"].T for b, n in enumerate(LENGTHS)]
    every = np.concatenate(products)
    for b, product in enumerate(products):
        normal = (product - every.mean(0)) / np.sqrt(every.var(0) + 1e-5)
        drive = normal * weights["norm.weight"] + weights["norm.bias"]
        for got, way, order in (
            (forwards, "left_to_right", range(len(drive))),
            (backwards, "right_to_left", reversed(range(len(drive)))),
        ):
            state = np.zeros(HIDDEN)
            for t in order:
                state = np.clip(drive[t] + weights[f"{way}.weight_hh_l0"] @ state, 0.0, 20.0)
                np.testing.assert_allclose(got[t, b], state, atol=1e-10)


@pytest.mark.parametrize("kind", [nn.GRU, nn.LSTM])
def test_recurrent_gates_start_orthogonal_and_the_forget_gate_open(
    kind: type[nn.GRU | nn.LSTM],
) -> None:
    cell = initialise_gates(kind(INPUTS, 4))
    weights = dict(cell.named_parameters())
    for gate in weights["weight_hh_l0"].split(4):
        torch.testing.assert_close(gate @ gate.t(), torch.eye(4), rtol=0, atol=1e-5)
    bias = weights["bias_ih_l0"] + weights["bias_hh_l0"]
    x, zero = torch.zeros(1, 1, INPUTS), torch.zeros(1, 1, 4)
    assert bias.sum() == (4 if kind is nn.LSTM else 0)
    if kind is nn.LSTM:
        memory = cell(x, (zero, zero + 1.0))[1][1]
        torch.testing.assert_close(memory, torch.full_like(memory, 1.0).sigmoid())


def test_an_lstm_under_autocast_is_in_float32_without_bf16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("asr.model.recurrent._lstm_in_bf16", lambda: False)
    torch.manual_seed(0)
    x = torch.randn(6, 3, INPUTS)
    layer = GatedLayer(INPUTS, HIDDEN, "lstm", bidirectional=True)
    batch = padding(LENGTHS, len(x))
    expected = layer(x, batch)
    with torch.autocast("cpu", torch.bfloat16):
        found = layer(x.bfloat16(), batch)
    for mixed, full in zip(found, expected, strict=True):
        assert mixed.dtype == torch.float32
        torch.testing.assert_close(mixed, full, atol=0.02, rtol=0)
    torch.cat(found).sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())
