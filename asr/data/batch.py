"""A padded batch, and how single examples become one."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Example:
    """One utterance, ready for the model."""

    index: int  # in the dataset
    features: Tensor  # (F, T)
    labels: Tensor  # (U,) int64
    seconds: float  # of audio, before speed perturbation


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded tensors with their integer lengths."""

    indices: Tensor  # (B,) int64, in the dataset
    features: Tensor  # (B, F, T)
    frames: Tensor  # (B,) int64
    labels: Tensor  # (B, U) int64
    label_counts: Tensor  # (B,) int64
    seconds: float  # of audio in the whole batch

    def _mapped(self, name: str, *args: Any, **kwargs: Any) -> "Batch":
        tensors = {
            field.name: getattr(value, name)(*args, **kwargs)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), Tensor)
        }
        return replace(self, **tensors)

    def to(self, *args: Any, **kwargs: Any) -> "Batch":
        """Move every tensor; Lightning calls it."""
        return self._mapped("to", *args, **kwargs)

    def pin_memory(self) -> "Batch":
        return self._mapped("pin_memory")


def collate(examples: Sequence[Example]) -> Batch:
    """Pad features with 0 (the training mean) and labels with blanks."""
    return Batch(
        indices=torch.tensor([example.index for example in examples]),
        features=_pad([example.features.T for example in examples]).transpose(1, 2),
        frames=torch.tensor([example.features.shape[1] for example in examples]),
        labels=_pad([example.labels for example in examples]),
        label_counts=torch.tensor([len(example.labels) for example in examples]),
        seconds=sum(example.seconds for example in examples),
    )


def _pad(rows: Sequence[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(list(rows), batch_first=True)
