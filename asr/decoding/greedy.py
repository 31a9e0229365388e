"""Best-path CTC decoding: the likeliest label of every frame, repeats joined, blanks dropped."""

from typing import Self

import torch
from torch import Tensor

from asr.decoding.decoder import Decoded
from asr.text import BLANK, Vocabulary


class GreedyDecoder:
    """The labels of the likeliest alignment (Graves et al. 2006, section 3.2, "best path").

    The score is that alignment's log-probability, a lower bound of the text's own.
    """

    name = "greedy"
    language_model: str | None = None

    def for_vocabulary(self, vocabulary: Vocabulary) -> Self:
        """Itself: labels are all it knows."""
        return self

    def decode(self, log_probs: Tensor) -> Decoded:
        """Decode one utterance `(S, V)`."""
        frames = torch.tensor([len(log_probs)], device=log_probs.device)
        return self.decode_batch(log_probs.unsqueeze(1), frames)[0]

    def decode_batch(self, log_probs: Tensor, frames: Tensor) -> list[Decoded]:
        """Decode a padded batch `(S, B, V)` whose utterances have `frames` `(B,)` frames each."""
        best, labels = log_probs.max(dim=-1)  # (S, B)
        steps = torch.arange(len(labels), device=labels.device).unsqueeze(1)
        inside = steps < frames.to(labels.device)
        changed = torch.ones_like(inside)
        changed[1:] = labels[1:] != labels[:-1]
        kept = (inside & changed & (labels != BLANK)).T  # (B, S)
        scores = best.double().where(inside, 0.0).sum(dim=0)
        # Three transfers a batch, however many utterances it has.
        flat_labels = labels.T[kept].tolist()
        flat_starts = kept.nonzero()[:, 1].tolist()
        counts, score_list = kept.sum(dim=1).tolist(), scores.tolist()
        decoded, first = [], 0
        for count, score in zip(counts, score_list, strict=True):
            chosen = slice(first, first + count)
            decoded.append(Decoded(tuple(flat_labels[chosen]), tuple(flat_starts[chosen]), score))
            first += count
        return decoded
