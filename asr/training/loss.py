"""The CTC loss of each utterance (Graves et al. 2006), and which utterances it cannot align."""

import torch
from torch import Tensor
from torch.nn import functional

from asr.text import BLANK


def ctc_losses(log_probs: Tensor, frames: Tensor, labels: Tensor, label_counts: Tensor) -> Tensor:
    """Negative log-likelihood of each utterance, 0 with no gradient where CTC cannot align it.

    Args:
        log_probs: (S, B, V) log-probabilities.
        frames: (B,) valid frames.
        labels: (B, U) padded label ids.
        label_counts: (B,) labels.

    Returns:
        (B,) float32. See `alignable` for which of them count.
    """
    return functional.ctc_loss(
        log_probs.float(),
        labels,
        frames,
        label_counts,
        blank=BLANK,
        reduction="none",
        # An impossible alignment is infinite, and infinity times a zero weight is NaN in the
        # gradient: zero it here, and name the utterance through `alignable`.
        zero_infinity=True,
    )


def alignable(frames: Tensor, labels: Tensor, label_counts: Tensor) -> Tensor:
    """(B,) bool: at least one label, and frames >= labels + repeats."""
    position = torch.arange(1, max(labels.shape[1], 1), device=labels.device)
    repeats = ((labels[:, 1:] == labels[:, :-1]) & (position < label_counts[:, None])).sum(1)
    return (label_counts > 0) & (frames >= label_counts + repeats)
