"""Features to log-probabilities, by an engine."""

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from asr.errors import InputError
from asr.inference.layers import CLIP, Engine, Product, Recurrence
from asr.inference.model import Model


class Network:
    """The layers of a model, made ready for an engine.

    Args:
        model: the weights.
        engine: runs them.
        threads: one for each direction of a layer first; more divide a direction's units, where
            that pays. Between calls none of them spins.
    """

    def __init__(self, model: Model, engine: Engine, threads: int) -> None:
        self._model = model
        self._convolutions = [engine.convolution(each) for each in model.convolutions]
        self.layers = [
            [engine.recurrence(way, max(threads // len(layer), 1)) for way in layer]
            for layer in model.layers
        ]
        self._projection: Product | None = None
        if model.projection is not None:
            self._projection = engine.product(model.projection.weight, model.projection.bias)
        self._output = engine.product(model.output.weight, model.output.bias)
        self._beside: _Beside | None = _Beside() if threads > 1 else None

    def log_probabilities(self, features: Sequence[NDArray]) -> list[NDArray[np.float32]]:
        """Features `(F, T)` of each utterance to log-probabilities `(S, V)` of each."""
        if not features:
            return []
        rows = [self.front_end(each) for each in features]
        lengths = np.array([len(each) for each in rows])
        x = np.zeros((lengths.max(), len(rows), rows[0].shape[1]), np.float32)
        for index, each in enumerate(rows):
            x[: len(each), index] = each
        x = self.recurrent(x, lengths)
        return [self.head(x[:length, index]) for index, length in enumerate(lengths)]

    def front_end(self, features: NDArray) -> NDArray[np.float32]:
        """Features `(F, T)` of one utterance through the convolutions: `(S, rows * channels)`."""
        x = features[None]
        for convolution in self._convolutions:
            x = convolution(x)
        return np.ascontiguousarray(x.transpose(2, 1, 0).reshape(x.shape[2], -1))

    def recurrent(self, x: NDArray, lengths: NDArray) -> NDArray[np.float32]:
        """A batch `(S, B, K)` of these lengths `(B,)` through the recurrent layers: `(S, B, H)`."""
        for layer in self.layers:
            x = self._recur(layer, x, lengths)
        return x

    def _recur(
        self, layer: Sequence[Recurrence], x: NDArray, lengths: NDArray
    ) -> NDArray[np.float32]:
        if len(layer) == 1:
            return layer[0](x, lengths)
        if self._beside is None:
            first, second = (way(x, lengths) for way in layer)
        else:
            other = self._beside.submit(layer[1], x, lengths)
            first, second = layer[0](x, lengths), other.result()
        if self._model.concatenate:
            return np.concatenate([first, second], axis=2)
        first += second
        return first

    def head(self, x: NDArray) -> NDArray[np.float32]:
        """States `(S, H)` of one utterance to log-probabilities `(S, V)`."""
        if self._model.lookahead is not None:
            ahead = self._model.lookahead.shape[1] - 1
            x = lookahead(np.pad(x, ((0, ahead), (0, 0))), self._model.lookahead)
        return self.output(x)

    def output(self, x: NDArray) -> NDArray[np.float32]:
        """States `(S, H)` behind the lookahead to log-probabilities `(S, V)`.

        Raises:
            InputError: they are not finite.
        """
        if self._projection is not None:
            x = np.clip(self._projection(x), 0, CLIP)
        log_probs = log_softmax(self._output(x))
        if not np.isfinite(log_probs).all():
            raise InputError(
                "output of the model",
                expected="finite log-probabilities",
                got="NaN or infinity",
                remedy="Its weights have diverged, or were rounded too far: export another.",
            )
        return log_probs


class _Beside:
    """A thread beside the caller's, of this process: a forked one has no threads of its parent."""

    def __init__(self) -> None:
        self._start()

    def submit(self, way: Recurrence, x: NDArray, lengths: NDArray) -> Future[NDArray[np.float32]]:
        """Run one direction of a layer there."""
        if self._process != os.getpid():
            self._start()
        return self._pool.submit(way, x, lengths)

    def _start(self) -> None:
        self._pool = ThreadPoolExecutor(1, "direction")
        self._process = os.getpid()


def lookahead(x: NDArray, weight: NDArray) -> NDArray[np.float32]:
    """`(S + J, H)`, weights `(H, J + 1)` to `(S, H)`: frames with J later ones, weighted."""
    seen = sliding_window_view(x, weight.shape[1], axis=0)
    summed: NDArray[np.float32] = np.einsum("shj,hj->sh", seen, weight)
    return summed


def log_softmax(logits: NDArray) -> NDArray[np.float32]:
    """Over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    result: NDArray[np.float32] = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return result
