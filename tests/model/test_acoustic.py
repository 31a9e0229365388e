from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from asr.errors import InputError
from asr.model.acoustic import AcousticModel
from tests.model.small_models import (
    BINS,
    CONVOLUTIONS,
    FORMS,
    VOCABULARY,
    build,
    collate,
    name,
    utterances,
)

every_form = pytest.mark.parametrize("form", FORMS, ids=name)
FRAMES = (23, 1, 14, 5)


@every_form
@pytest.mark.parametrize(
    ("precision", "tolerance"), [(torch.float64, 1e-9), (torch.float32, 1e-4)], ids=str
)
def test_evaluation_does_not_depend_on_batch_or_padding(
    form: dict[str, Any], precision: torch.dtype, tolerance: float
) -> None:
    model = build(**form).to(precision).eval()
    parts = utterances(*FRAMES)

    def run(chosen: list[Tensor], total: int, seed: int) -> list[Tensor]:
        features, frames = collate(chosen, total, seed)
        log_probs, lengths = model(features.to(precision), frames)
        return [log_probs[:n, b] for b, n in enumerate(lengths)]

    alone = [run([part], part.shape[1], seed=0)[0] for part in parts]
    for batched in (run(parts, 23, seed=1), run(parts[::-1], 60, seed=2)[::-1]):
        torch.testing.assert_close(batched, alone, rtol=0, atol=tolerance)
    torch.testing.assert_close(run(parts[1:], 31, seed=3), alone[1:], rtol=0, atol=tolerance)


@every_form
def test_padding_changes_no_statistic_and_no_gradient_in_training(form: dict[str, Any]) -> None:
    targets = torch.tensor([1, 2, 1, 3])  # one label each
    results = []
    for total, seed in ((23, 1), (40, 2)):
        model = build(**form)
        features, frames = collate(utterances(*FRAMES), total, seed)
        features.requires_grad_()
        log_probs, lengths = model(features, frames)
        loss = F.ctc_loss(log_probs, targets, lengths, torch.ones(4, dtype=torch.int64))
        loss.backward()
        gradients = {key: value.grad for key, value in model.named_parameters()}
        assert features.grad is not None
        assert all(gradient is not None for gradient in gradients.values())
        results.append([loss, gradients, dict(model.named_buffers()), features.grad[:, :, :23]])
    torch.testing.assert_close(*results, rtol=0, atol=1e-9)


@every_form
def test_training_a_mixed_batch_is_training_on_the_real_frames(form: dict[str, Any]) -> None:
    """Twice the batch with twice the padding: the mean loss has the same gradient."""
    results = []
    for copies in (1, 2):
        model = build(**form)
        log_probs, lengths = model(*collate(utterances(*FRAMES) * copies, 23 * copies, copies))
        total = sum(log_probs[:n, b].square().sum() for b, n in enumerate(lengths))
        (total / copies).backward()
        results.append({key: value.grad for key, value in model.named_parameters()})
    torch.testing.assert_close(*results, rtol=0, atol=1e-9)


@pytest.mark.parametrize("training", [True, False])
def test_log_probabilities_sum_to_one_in_training_and_evaluation(training: bool) -> None:
    log_probs, lengths = build().train(training)(*collate(utterances(20, 9), 20, 0))
    assert log_probs.shape == (5, 2, VOCABULARY)
    assert lengths.tolist() == [5, 3]
    assert lengths.dtype == torch.int64
    torch.testing.assert_close(log_probs.exp().sum(-1), torch.ones(5, 2, dtype=torch.float64))


@pytest.mark.parametrize("form", FORMS[::3], ids=name)
def test_bfloat16_autocast_trains_and_returns_float32(form: dict[str, Any]) -> None:
    model = build(**form).float()
    features, frames = collate(utterances(20, 9), 20, 0)
    exact, _ = model(features.float(), frames)
    with torch.autocast("cpu", torch.bfloat16):
        log_probs, lengths = model(features.float(), frames)
        assert log_probs.dtype == torch.float32
        log_probs.square().mean().backward()
    for b, n in enumerate(lengths):
        torch.testing.assert_close(log_probs[:n, b], exact[:n, b], rtol=0.1, atol=0.1)
    for value in model.parameters():
        assert value.grad is not None
        assert value.grad.isfinite().all()


def test_dropout_acts_in_training_only() -> None:
    batch = collate(utterances(20, 9), 20, 0)
    model = build(dropout=0.5)
    assert not torch.equal(model(*batch)[0], model(*batch)[0])
    model.eval()
    assert torch.equal(model(*batch)[0], model(*batch)[0])


def test_every_recurrent_matrix_has_a_regular_name() -> None:
    gru = [key for key, _ in build(directions="sum").named_parameters() if "weight_" in key]
    assert gru == [
        f"recurrent.layers.{layer}.{way}.weight_{kind}_l0"
        for layer in (0, 1)
        for way in ("left_to_right", "right_to_left")
        for kind in ("ih", "hh")
    ]


def test_weights_masked_in_place_are_the_weights_that_run() -> None:
    model = build().eval()
    batch = collate(utterances(20), 20, 0)
    before, _ = model(*batch)
    with torch.no_grad():
        for key, value in model.named_parameters():
            if key.endswith("weight_hh_l0"):
                value.zero_()
    assert not torch.allclose(model(*batch)[0], before)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"cell": "transformer"}, "model.cell: expected one of gru, lstm, rnn, got transformer"),
        ({"directions": "both"}, "model.directions: expected one of one, sum, concatenate"),
        ({"layers": 0}, "model.layers: expected at least 1, got 0"),
        ({"hidden": 0}, "model.hidden: expected at least 1, got 0"),
        ({"dropout": 1.5}, "model.dropout: expected a fraction from 0 to less than 1, got 1.5"),
        ({"dropout": -0.1}, "model.dropout: expected a fraction"),
        ({"projection": -1}, "model.projection: expected 0 or more units, got -1"),
        ({"nonlinearity": "relu"}, "model.nonlinearity: expected one of tanh, clipped_relu"),
        ({"nonlinearity": "clipped_relu"}, "model.nonlinearity: expected tanh for cell=gru"),
        ({"shared_input": True}, "model.shared_input: expected False for cell=gru"),
        ({"lookahead": -1}, "model.lookahead: expected 0 or more frames, got -1"),
        ({"lookahead": 2}, "model.lookahead: expected 0 for directions=sum"),
    ],
)
def test_what_does_not_go_together_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build(**changes)


@pytest.mark.parametrize("frames", [[20, 0], [20, 21]])
def test_lengths_that_are_not_in_the_batch_are_refused(frames: list[int]) -> None:
    with pytest.raises(InputError, match=r"frames: expected from 1, the least .* to the 20 given"):
        build()(torch.zeros(2, BINS, 20, dtype=torch.float64), torch.tensor(frames))


def test_other_features_than_the_model_was_built_for_are_refused() -> None:
    with pytest.raises(InputError, match=r"features: expected 9 bins.* got 10"):
        build()(torch.zeros(1, 10, 20, dtype=torch.float64), torch.tensor([20]))


def test_learns_one_batch_by_heart() -> None:
    torch.manual_seed(0)
    model = AcousticModel(
        bins=BINS,
        vocabulary_size=VOCABULARY,
        convolutions=CONVOLUTIONS[:1],
        layers=2,
        hidden=16,
        dropout=0.0,
        **FORMS[2],
    )
    features, frames = collate(utterances(20, 14), 20, 0)
    targets, counts = torch.tensor([[1, 2, 3, 4], [4, 4, 1, 0]]), torch.tensor([4, 3])
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    for _ in range(150):
        log_probs, lengths = model(features.float(), frames)
        loss = F.ctc_loss(log_probs, targets, lengths, counts)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1
