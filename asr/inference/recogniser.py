"""Audio to text by an exported model: what an application uses."""

import time
import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from asr.audio import probe
from asr.errors import InputError
from asr.evaluation.windows import Framing, Transcript, by_windows
from asr.inference.decoding import greedy_labels
from asr.inference.fallback import Numpy
from asr.inference.features import FeatureExtractor, checked_samples
from asr.inference.kernel import Kernel
from asr.inference.layers import Engine
from asr.inference.library import available
from asr.inference.model import Model
from asr.inference.model_file import read_model
from asr.inference.network import Network
from asr.inference.stream import LogProbabilityStream, Stream
from asr.inference.streaming.network import StreamingModel


class Recogniser:
    """A model ready to transcribe.

    Args:
        model: path of an exported file, or its content.
        threads: 2 run both directions of a layer at once, more divide the units of large ones.
        engine: the fastest that this processor has; name one of `available()`, or "numpy".

    Raises:
        InputError: the file is no whole model, or there is no such engine.
    """

    def __init__(
        self, model: str | Path | Model, *, threads: int = 1, engine: str | None = None
    ) -> None:
        self.model = model if isinstance(model, Model) else read_model(model)
        if threads < 1:
            raise InputError("threads", expected="1 or more", got=str(threads), remedy="Use 1.")
        self.engine = engine_of(engine)
        self._features = FeatureExtractor(self.model.features, self.engine)
        self._network = Network(self.model, self.engine, threads)

    def features(self, samples: NDArray, rate: int) -> NDArray[np.float32]:
        """Samples `(N,)` at `rate` Hz to normalised features `(F, T)`."""
        return self._features(samples, rate)

    def resampled(self, samples: NDArray, rate: int) -> NDArray[np.float32]:
        """Samples `(N,)` at `rate` Hz to the model's rate."""
        return self._features.resample(checked_samples(samples), rate)

    def log_probabilities(self, pieces: Sequence[tuple[NDArray, int]]) -> list[NDArray[np.float32]]:
        """Pieces of audio, samples `(N,)` and rate in Hz, to log-probabilities `(S, V)` of each.

        Raises:
            InputError: samples or a rate that are none, or log-probabilities that are not finite.
        """
        return self._network.log_probabilities([self._features(*piece) for piece in pieces])

    def text(self, log_probs: NDArray) -> str:
        """The best path's text, its words apart by single spaces."""
        return " ".join(self.model.labels.decode(greedy_labels(log_probs)).split())

    def transcribe(self, samples: NDArray, rate: int) -> str:
        """Samples `(N,)` at `rate` Hz to text."""
        return self.text(self.log_probabilities([(samples, rate)])[0])

    def stream(self, rate: int) -> Stream:
        """Samples at `rate` Hz to text as they come; any number of streams at once.

        Raises:
            InputError: the model is bidirectional.
        """
        return Stream(self.stream_log_probabilities(rate), self.model.labels)

    def stream_log_probabilities(self, rate: int) -> LogProbabilityStream:
        """Samples at `rate` Hz to log-probabilities as they come.

        Raises:
            InputError: the model is bidirectional.
        """
        return LogProbabilityStream(self._streaming, self._features, rate)

    @cached_property
    def _streaming(self) -> StreamingModel:
        return StreamingModel(self.model, self.engine, self._network)

    def transcribe_file(
        self,
        path: str | Path,
        *,
        chunk_seconds: float = 30.0,
        context_seconds: float = 3.0,
        batch: int = 1,
    ) -> Transcript:
        """Transcribe an audio file of any length, in windows as `asr.evaluation.windows` cuts them.

        Raises:
            InputError: the file cannot be read, or the log-probabilities are not finite.
        """
        started, info = time.perf_counter(), probe(path)
        features = self.model.features
        framing = Framing(
            sample_rate=features.sample_rate,
            window=features.window,
            hop=self.model.hop,
            output_frames=lambda n: self.model.output_frames(features.frames(n)),
        )
        log_probs = by_windows(
            path,
            framing,
            self.log_probabilities,
            chunk_seconds=chunk_seconds,
            context_seconds=context_seconds,
            batch=batch,
        )
        return Transcript(self.text(log_probs), info.seconds, time.perf_counter() - started)


def engine_of(name: str | None) -> Engine:
    """The engine of this name, or without one the fastest that this processor has."""
    if name == "numpy":
        return Numpy()
    built = available()
    if name is None and not built:
        warnings.warn(
            "The compiled kernel is missing, so inference runs in numpy, many times slower. "
            "Install again where there is a C++ compiler.",
            RuntimeWarning,
            stacklevel=3,
        )
        return Numpy()
    return Kernel(name or built[0])
