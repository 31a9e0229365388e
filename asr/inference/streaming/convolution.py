"""A convolution as its frames come: a product with the patches under its kernel.

The kernels of whole utterances work on 32 frames at once, of which a chunk of sound has one or
two. Here the rows of frequency are the product's vectors instead. Frames are (rows, channels), so
that a patch is a run of neighbours for each of the kernel's times.
"""

import numpy as np
from numpy.typing import NDArray

from asr.inference.block_sparse_matrix import BlockSparseMatrix
from asr.inference.layers import CLIP, ConvolutionWeights, Engine
from asr.inference.streaming.tail import Tail

_PATCHES = 2**19  # numbers in the patches of one product, so that they stay in the cache


class PatchProduct:
    """The weights of a convolution over frames of `rows`, ready to run; streams share it."""

    def __init__(self, engine: Engine, weights: ConvolutionWeights, rows: int) -> None:
        outputs, self.channels, self.tall, self.long = weights.weight.shape
        self.rows, self.stride = rows, weights.stride
        self.shape = (weights.output(rows, 0), outputs)  # of an output frame
        matrix = weights.weight.transpose(0, 3, 2, 1).reshape(outputs, -1)
        self._product = engine.product(
            BlockSparseMatrix.whole(np.ascontiguousarray(matrix)), weights.bias
        )
        self._block = max(_PATCHES // (self.shape[0] * matrix.shape[1]), 1)

    def __call__(self, x: NDArray, frames: int) -> NDArray[np.float32]:
        """Frames `(T, rows + tall - 1, channels)`, contiguous, to the first `(frames, *shape)`."""
        y = np.empty((frames, *self.shape), np.float32)
        for first in range(0, frames, self._block):
            count = min(self._block, frames - first)
            y[first : first + count] = self._some(x[first * self.stride[1] :], count)
        np.maximum(y, 0, out=y)
        return np.minimum(y, CLIP, out=y)

    def _some(self, x: NDArray, frames: int) -> NDArray[np.float32]:
        time, row, step = x.strides
        patches: NDArray = np.ndarray(
            (frames, self.shape[0], self.long, self.tall * self.channels),
            np.float32,
            x,
            0,
            (time * self.stride[1], row * self.stride[0], time, step),
        )
        vectors = patches.reshape(frames * self.shape[0], -1)
        return self._product(vectors).reshape(frames, *self.shape)


class StreamingConvolution:
    """Half the kernel in zeros comes before the first frame, and after the last."""

    def __init__(self, product: PatchProduct) -> None:
        self._product = product
        # Begins at the first frame that the next output sees.
        shape = (product.rows, product.channels)
        self.tail = Tail(product.long // 2, shape, product.tall // 2)

    def __call__(self, x: NDArray, last: bool) -> NDArray[np.float32]:
        """`(T, rows, channels)` to the `(T', rows', channels')` that see no later frame."""
        product, tail = self._product, self.tail
        tail.append(x)
        if last:
            half = product.long // 2
            tail.append(np.zeros((half, product.rows, product.channels), np.float32))
        frames = max((len(tail) - product.long) // product.stride[1] + 1, 0)
        y = product(tail.rows, frames)
        tail.drop(frames * product.stride[1])
        return y
