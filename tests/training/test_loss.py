import itertools
import math

import pytest
import torch

from asr.training.loss import alignable, ctc_losses


def brute_force(log_probs: torch.Tensor, labels: list[int]) -> float:
    """-log of the summed probability of every path that collapses to `labels`."""
    frames, size = log_probs.shape
    total = 0.0
    for path in itertools.product(range(size), repeat=frames):
        collapsed = [label for label, _ in itertools.groupby(path) if label != 0]
        if collapsed == labels:
            total += math.exp(sum(float(log_probs[t, label]) for t, label in enumerate(path)))
    return -math.log(total) if total else math.inf


@pytest.mark.parametrize("labels", [[1], [1, 2], [1, 1], [2, 1, 2]])
def test_loss_is_the_sum_over_all_alignments(labels: list[int]) -> None:
    torch.manual_seed(len(labels))
    log_probs = torch.randn(4, 2, 3).log_softmax(-1)
    padded = torch.zeros(2, 3, dtype=torch.long)
    padded[0, : len(labels)] = torch.tensor(labels)
    padded[1, :1] = 1
    counts = torch.tensor([len(labels), 1])
    losses = ctc_losses(log_probs, torch.tensor([4, 2]), padded, counts)
    assert losses[0] == pytest.approx(brute_force(log_probs[:, 0], labels), rel=1e-5)
    assert losses[1] == pytest.approx(brute_force(log_probs[:2, 1], [1]), rel=1e-5)


def test_an_impossible_line_is_named_and_has_no_gradient() -> None:
    scores = torch.randn(3, 2, 3, requires_grad=True)
    labels, counts = torch.tensor([[1, 1, 2], [1, 2, 0]]), torch.tensor([3, 2])
    frames = torch.tensor([3, 3])  # 1 1 2 needs four
    assert brute_force(scores[:, 0].detach().log_softmax(-1), [1, 1, 2]) == math.inf
    assert alignable(frames, labels, counts).tolist() == [False, True]
    ctc_losses(scores.log_softmax(-1), frames, labels, counts).sum().backward()
    assert scores.grad is not None
    assert scores.grad[:, 0].abs().max() == 0
    assert scores.grad[:, 1].abs().max() > 0


def test_alignable_counts_repeats_of_real_labels_only() -> None:
    labels = torch.tensor([[1, 2, 0, 0], [3, 3, 3, 1], [0, 0, 0, 0]])
    counts = torch.tensor([2, 4, 0])
    assert alignable(torch.tensor([2, 6, 9]), labels, counts).tolist() == [True, True, False]
    assert alignable(torch.tensor([1, 5, 9]), labels, counts).tolist() == [False, False, False]
