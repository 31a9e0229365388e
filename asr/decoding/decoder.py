"""What every decoder takes and gives."""

from dataclasses import dataclass
from typing import Protocol, Self

from torch import Tensor

from asr.text import Vocabulary


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a reading, in output frames."""

    text: str
    start: int
    stop: int  # the frame after its last
    confidence: float  # how sure the decoder is of it, 0 to 1


@dataclass(frozen=True, slots=True)
class Decoded:
    """One reading of one utterance; a search with a beam gives several, the best first."""

    labels: tuple[int, ...]  # ids, without blanks
    starts: tuple[int, ...]  # the output frame in which each label begins
    score: float  # natural log-probability by the decoder's own measure; higher is better
    words: tuple[Word, ...] | None = None  # None from a decoder that knows no words


class Decoder(Protocol):
    """A search through a model's log-probabilities.

    `name` goes into the name of a result's folder and must therefore tell the decoder's settings
    apart; `language_model` is what the result records (None without one).
    """

    name: str
    language_model: str | None

    def for_vocabulary(self, vocabulary: Vocabulary) -> Self:
        """The decoder for models that write with `vocabulary`; to be asked for before decoding."""
        ...

    def decode(self, log_probs: Tensor) -> Decoded:
        """The best reading of one utterance's log-probabilities `(S, V)`."""
        ...

    def decode_batch(self, log_probs: Tensor, frames: Tensor) -> list[Decoded]:
        """The best reading of each utterance, from `(S, B, V)` and their lengths `(B,)`."""
        ...
