"""A left-to-right model of random block-sparse GRUs, to time what has not been trained yet."""

import numpy as np
from numpy.typing import NDArray

from asr.inference.block_sparse_matrix import BlockSparseMatrix
from asr.inference.feature_settings import FeatureSettings
from asr.inference.layers import ConvolutionWeights, Direction
from asr.inference.model import Linear, Model
from asr.text import CharacterVocabulary

_BINS, _CHANNELS = 80, 32
_CHARACTERS = " 'abcdefghijklmnopqrstuvwxyz"


def random_model(
    hidden: int, layers: int, block: tuple[int, int], sparsity: float, seed: int = 0
) -> Model:
    """The default model's features and front end, but 20 ms a frame; GRUs in one direction.

    Every matrix of the recurrent layers keeps the same share of its blocks.
    """
    rng = np.random.default_rng(seed)
    settings = FeatureSettings(
        kind="log_mel",
        sample_rate=16000,
        window=400,
        hop=160,
        fft_size=512,
        bins=_BINS,
        low_hz=20.0,
        high_hz=8000.0,
        mean=np.full(_BINS, -6, np.float32),
        deviation=np.full(_BINS, 3, np.float32),
    )
    front_end = (
        _convolution(rng, 1, stride=(2, 2)),
        _convolution(rng, _CHANNELS, stride=(2, 1)),
    )
    width, directions = _CHANNELS * _BINS // 4, []
    for _ in range(layers):
        inputs, recurrent = (
            random_matrix(rng, (3 * hidden, size), block, sparsity) for size in (width, hidden)
        )
        biases = rng.uniform(-0.1, 0.1, (2, 3 * hidden)).astype(np.float32)
        directions.append((Direction(inputs, recurrent, biases[0], biases[1], "gru"),))
        width = hidden
    vocabulary = CharacterVocabulary(_CHARACTERS)
    output = rng.normal(size=(len(vocabulary), hidden)).astype(np.float32)
    return Model(
        features=settings,
        vocabulary=vocabulary.state(),
        convolutions=front_end,
        layers=tuple(directions),
        concatenate=False,
        lookahead=None,
        projection=None,
        output=Linear(BlockSparseMatrix.whole(output), np.zeros(len(output), np.float32)),
        provenance={},
    )


def random_matrix(
    rng: np.random.Generator, shape: tuple[int, int], block: tuple[int, int], sparsity: float
) -> BlockSparseMatrix:
    """Random blocks, at least one; scaled so that states stay as lively as a dense layer's."""
    mask = random_mask(rng, shape, block, sparsity)
    bound = (shape[1] * mask.mean()) ** -0.5
    weight: NDArray = rng.uniform(-bound, bound, shape) * mask
    return BlockSparseMatrix.from_dense(weight.astype(np.float32), block)


def random_mask(
    rng: np.random.Generator, shape: tuple[int, int], block: tuple[int, int], sparsity: float
) -> NDArray[np.bool_]:
    """True where a weight is kept: an exact number of blocks, one at least."""
    (outputs, inputs), (rows, columns) = shape, block
    grid = np.zeros((-(-outputs // rows), -(-inputs // columns)), bool)
    kept = max(round(grid.size * (1 - sparsity)), 1)
    grid.reshape(-1)[rng.choice(grid.size, kept, replace=False)] = True
    return grid.repeat(rows, 0)[:outputs].repeat(columns, 1)[:, :inputs]


def _convolution(
    rng: np.random.Generator, inputs: int, stride: tuple[int, int]
) -> ConvolutionWeights:
    weight = rng.normal(size=(_CHANNELS, inputs, 3, 3)) * (2 / (9 * inputs)) ** 0.5
    return ConvolutionWeights(weight.astype(np.float32), np.zeros(_CHANNELS, np.float32), stride)
