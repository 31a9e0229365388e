"""Sound to text while it is spoken: what `Recogniser.stream` gives."""

import numpy as np
from numpy.typing import NDArray

from asr.errors import InputError
from asr.inference.decoding import greedy_labels
from asr.inference.features import FeatureExtractor, checked_samples
from asr.inference.model import Model
from asr.inference.streaming.features import StreamingFeatures
from asr.inference.streaming.network import StreamingModel, StreamingNetwork
from asr.inference.streaming.text import GrowingText
from asr.text import BLANK, Vocabulary

_PIECE_SECONDS = 0.64  # of sound worked on at once, however long a chunk is


class LogProbabilityStream:
    """Samples to log-probabilities, for a decoder of your own.

    All calls together give the rows that the whole recording would, however it is cut; memory
    does not grow. A stream belongs to one thread at a time.

    Args:
        shared: the model.
        extractor: its features.
        rate: of the samples to come, in Hz.
    """

    def __init__(self, shared: StreamingModel, extractor: FeatureExtractor, rate: int) -> None:
        self.features = StreamingFeatures(extractor, rate)
        self.network = StreamingNetwork(shared)
        self.latency_seconds = _latency(shared.model) + self._resampling_delay(rate)
        self._piece = max(round(_PIECE_SECONDS * rate), 1)
        self._finished = False

    def accept(self, samples: NDArray) -> NDArray[np.float32]:
        """Samples `(N,)`, of any number, to the log-probabilities `(S, V)` that they complete.

        Raises:
            InputError: the stream is finished, these are no finite floating-point samples, or the
                log-probabilities are not finite.
        """
        self._require_open()
        samples = checked_samples(samples)
        if len(samples) <= self._piece:
            return self._advance(samples, last=False)
        pieces = [
            self._advance(samples[first : first + self._piece], last=False)
            for first in range(0, len(samples), self._piece)
        ]
        return np.concatenate(pieces)

    def finish(self) -> NDArray[np.float32]:
        """The log-probabilities `(S, V)` that had waited for more sound.

        Raises:
            InputError: the stream is finished already.
        """
        self._require_open()
        self._finished = True
        return self._advance(np.empty(0, np.float32), last=True)

    def _advance(self, samples: NDArray, last: bool) -> NDArray[np.float32]:
        return self.network(self.features(samples, last), last)

    def _resampling_delay(self, rate: int) -> float:
        resampling = self.features.resampling
        return 0.0 if resampling is None else resampling.width / rate

    def _require_open(self) -> None:
        if self._finished:
            raise InputError(
                "stream",
                expected="one that goes on",
                got="one that is finished",
                remedy="Begin another with Recogniser.stream().",
            )


class Stream:
    """Samples to text.

    Args:
        log_probabilities: of the samples, and not begun.
        vocabulary: of the model.
    """

    def __init__(self, log_probabilities: LogProbabilityStream, vocabulary: Vocabulary) -> None:
        self._log_probabilities = log_probabilities
        self._text = GrowingText(vocabulary)
        self._label = BLANK  # of the last frame

    @property
    def latency_seconds(self) -> float:
        """From the first sample of an output frame's own window to the last that it waits for.

        That is the window, the frames that convolutions and lookahead see later, and the
        resampling filter's half. A chunk adds its own length, and computing it.
        """
        return self._log_probabilities.latency_seconds

    def accept(self, samples: NDArray) -> str:
        """Samples `(N,)`, of any number, to the text so far; its last word may go on.

        Raises:
            InputError: the stream is finished, these are no finite floating-point samples, or the
                log-probabilities are not finite.
        """
        return self._append(self._log_probabilities.accept(samples))

    def finish(self) -> str:
        """The text of all that was accepted, equal to that of `Recogniser.transcribe`.

        Raises:
            InputError: the stream is finished already.
        """
        return self._append(self._log_probabilities.finish())

    def _append(self, log_probs: NDArray) -> str:
        if len(log_probs):
            self._text.append(greedy_labels(log_probs, self._label))
            self._label = int(log_probs[-1].argmax())
        return self._text.text


def _latency(model: Model) -> float:
    hop, samples = model.features.hop, model.features.window
    for convolution in model.convolutions:
        samples += hop * (convolution.weight.shape[3] // 2)
        hop *= convolution.stride[1]
    if model.lookahead is not None:
        samples += hop * (model.lookahead.shape[1] - 1)
    return samples / model.features.sample_rate
