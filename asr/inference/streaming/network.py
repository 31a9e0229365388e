"""Features to log-probabilities as they come: every layer carries what it needs of the past."""

import numpy as np
from numpy.typing import NDArray

from asr.errors import InputError
from asr.inference.layers import Engine, Recurrence
from asr.inference.model import Model
from asr.inference.network import Network, lookahead
from asr.inference.streaming.convolution import PatchProduct, StreamingConvolution
from asr.inference.streaming.tail import Tail


class StreamingModel:
    """What the streams of one model share: its weights, ready to run.

    Raises:
        InputError: a layer of it reads from the end.
    """

    def __init__(self, model: Model, engine: Engine, network: Network) -> None:
        if any(len(layer) > 1 for layer in model.layers):
            raise InputError(
                "streaming",
                expected="a model that reads forwards only",
                got="a bidirectional one, whose first label depends on the last sound",
                remedy="Train one with model.directions=one (and model.lookahead for a little "
                "of the future), or transcribe whole recordings.",
            )
        self.model, self.network = model, network
        self.products: list[PatchProduct] = []
        rows = model.features.bins
        for weights in model.convolutions:
            self.products.append(PatchProduct(engine, weights, rows))
            rows = weights.output(rows, 0)
        # An engine packs weights when they are first needed: now, not in the first chunk.
        for (recurrence,), (way,) in zip(network.layers, model.layers, strict=True):
            recurrence(np.zeros((1, 1, way.inputs.shape[1]), np.float32))


class StreamingRecurrence:
    """A layer that goes on where it stopped."""

    def __init__(self, recurrence: Recurrence, hidden: int, cell: str) -> None:
        self._recurrence = recurrence
        self.state = np.zeros((1, hidden), np.float32)
        self.cell = np.zeros((1, hidden), np.float32) if cell == "lstm" else None

    def __call__(self, x: NDArray) -> NDArray[np.float32]:
        """`(S, K)` to `(S, H)`."""
        return self._recurrence(x[:, None], None, self.state, self.cell)[:, 0]


class StreamingLookahead:
    """Each frame waits for the later ones that are added to it; beyond the end they are zero."""

    def __init__(self, weight: NDArray) -> None:
        self._weight, self._ahead = weight, weight.shape[1] - 1
        self.tail = Tail(0, weight.shape[:1])

    def __call__(self, x: NDArray, last: bool) -> NDArray[np.float32]:
        """`(S, H)` to `(S', H)`, those that see no later frame."""
        self.tail.append(x)
        if last:
            self.tail.append(np.zeros((self._ahead, len(self._weight)), np.float32))
        frames = len(self.tail) - self._ahead
        if frames <= 0:
            return np.empty((0, len(self._weight)), np.float32)
        y = lookahead(self.tail.rows, self._weight)
        self.tail.drop(frames)
        return y


class StreamingNetwork:
    """One stream through the layers."""

    def __init__(self, shared: StreamingModel) -> None:
        model = shared.model
        self._output = shared.network.output
        self._labels = model.output.weight.shape[0]
        self.convolutions = [StreamingConvolution(product) for product in shared.products]
        self.recurrences = [
            StreamingRecurrence(recurrence, way.hidden, way.cell)
            for (recurrence,), (way,) in zip(shared.network.layers, model.layers, strict=True)
        ]
        self.lookahead = None if model.lookahead is None else StreamingLookahead(model.lookahead)

    def __call__(self, features: NDArray, last: bool) -> NDArray[np.float32]:
        """Features `(T, F)` to the log-probabilities that they complete, `(S, V)`."""
        x = features[:, :, None]
        for convolution in self.convolutions:
            x = convolution(x, last)
        x = x.reshape(len(x), x.shape[1] * x.shape[2])
        if len(x):
            for recurrence in self.recurrences:
                x = recurrence(x)
        elif last:
            x = np.empty((0, self.recurrences[-1].state.shape[1]), np.float32)
        if self.lookahead is not None and (last or len(x)):
            x = self.lookahead(x, last)
        return self._output(x) if len(x) else np.empty((0, self._labels), np.float32)
