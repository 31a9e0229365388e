"""Forced alignment: in which frames a known text was said, by the likeliest CTC alignment of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torchaudio.functional import forced_align, merge_tokens

from asr.decoding.decoder import Word
from asr.decoding.label_text import word_spans
from asr.errors import InputError
from asr.text import BLANK, labels_and_repeats


@dataclass(frozen=True, slots=True)
class Alignment:
    """Where each label of a text is, in output frames."""

    starts: tuple[int, ...]
    stops: tuple[int, ...]  # the frame after a label's last
    log_probs: tuple[float, ...]  # of a label over its frames, summed
    score: float  # natural log-probability of the whole alignment, blanks included


def align(log_probs: Tensor, labels: Sequence[int]) -> Alignment:
    """The likeliest alignment of `labels` with one utterance's log-probabilities `(S, V)`.

    Raises:
        InputError: the utterance has fewer frames than CTC needs for them.
    """
    if (needed := labels_and_repeats(labels)) > len(log_probs):
        raise InputError(
            "text to align",
            expected=f"at most as many labels as the audio has output frames, {len(log_probs)}",
            got=f"{len(labels)} labels, which need {needed}",
            remedy="Text and audio do not belong together, or the audio is cut.",
        )
    log_probs = log_probs.float().contiguous()  # as the compiled code wants it
    if not labels:
        return Alignment((), (), (), float(log_probs[:, BLANK].double().sum()))
    targets = torch.tensor([labels], dtype=torch.int32, device=log_probs.device)
    path, scores = forced_align(log_probs.unsqueeze(0), targets, blank=BLANK)
    path, scores = path[0].cpu(), scores[0].cpu()
    spans = merge_tokens(path, scores, blank=BLANK)  # with the mean of each span's scores
    return Alignment(
        starts=tuple(span.start for span in spans),
        stops=tuple(span.end for span in spans),
        log_probs=tuple(float(span.score) * len(span) for span in spans),
        score=float(scores.double().sum()),
    )


def aligned_words(
    alignment: Alignment, labels: Sequence[int], texts: Sequence[str]
) -> tuple[Word, ...]:
    """The words of an alignment; confidence is the geometric mean of their frames' probabilities.

    Args:
        alignment: of `labels`.
        labels: ids without blanks.
        texts: what each label adds, as `label_texts` gives it.
    """
    words = []
    for first, after in word_spans(texts, labels):
        inside = range(first, after)
        frames = sum(alignment.stops[i] - alignment.starts[i] for i in inside)
        words.append(
            Word(
                text="".join(texts[labels[i]] for i in inside).strip(),
                start=alignment.starts[first],
                stop=alignment.stops[after - 1],
                confidence=math.exp(sum(alignment.log_probs[i] for i in inside) / frames),
            )
        )
    return tuple(words)
