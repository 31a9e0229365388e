"""The same features and layers in numpy, for machines without a compiled kernel."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from asr.features.mel import ENERGY_FLOOR
from asr.inference.block_sparse_matrix import BlockSparseMatrix
from asr.inference.feature_settings import FeatureSettings
from asr.inference.layers import CLIP, ConvolutionWeights, Direction, Product
from asr.inference.resampling import ResamplingFilters

_FRAMES = 128  # transformed at once, so that they stay in the cache
_TAPS = 1 << 16  # of resampled samples made at once, for the same reason
_PATCHES = 1 << 22  # values of a convolution's patches made at once, which take its kernel's size
_VECTORS = 256  # multiplied at once: each meets every block in a copy of its own


class Numpy:
    """Products over the stored blocks only, a row of blocks at a time; many times slower.

    Where all blocks are stored it is numpy's own product, by as many threads as its BLAS starts
    (OMP_NUM_THREADS or OPENBLAS_NUM_THREADS limit them).
    """

    name = "numpy"

    def resampling(self, filters: ResamplingFilters) -> "_Resampling":
        """Rows of resampled samples."""
        return _Resampling(filters)

    def log_energies(self, settings: FeatureSettings) -> "_LogEnergies":
        """Samples to normalised log energies."""
        return _LogEnergies(settings)

    def product(self, matrix: BlockSparseMatrix, bias: NDArray | None = None) -> Product:
        """x (N, K) to x W' + bias (N, R)."""
        return _product(matrix, bias)

    def recurrence(self, direction: Direction, threads: int = 1) -> "_Recurrence":
        """One direction of a layer, ready to run; by one thread, whatever is asked."""
        return _Recurrence(direction)

    def convolution(self, weights: ConvolutionWeights) -> "_Convolution":
        """A convolution, ready to run."""
        return _Convolution(weights)


class _Resampling:
    def __init__(self, filters: ResamplingFilters) -> None:
        self._filters = filters

    def __call__(self, padded: NDArray, rows: int) -> NDArray[np.float32]:
        each = self._filters
        taps = sliding_window_view(padded.astype(np.float64), each.filters.shape[1])
        resampled = np.empty((rows, each.target), np.float32)
        step = max(_TAPS // each.filters.size, 1)
        for first in range(0, rows, step):
            some = np.arange(first, min(first + step, rows))
            seen = taps[some[:, None] * each.original + each.firsts]
            # Not by BLAS, whose threads spin.
            resampled[some] = np.einsum("ijk,jk->ij", seen, each.filters)
        return resampled.reshape(-1)


class _LogEnergies:
    def __init__(self, settings: FeatureSettings) -> None:
        self._settings, self._hann, bands = settings, settings.hann(), settings.bands()
        self._starts, self._weights = bands.starts[:-1], bands.weights
        ends = zip(bands.first, np.diff(bands.starts), strict=True)
        self._within = np.concatenate([np.arange(first, first + count) for first, count in ends])

    def __call__(self, waveform: NDArray, frames: int) -> NDArray[np.float32]:
        settings = self._settings
        framed = sliding_window_view(waveform, settings.window)[:: settings.hop][:frames]
        logs = np.empty((settings.bins, frames), np.float32)
        for first in range(0, frames, _FRAMES):
            some = framed[first : first + _FRAMES]
            logs[:, first : first + _FRAMES] = self._some(some).T
        logs -= settings.mean[:, None]
        logs /= settings.deviation[:, None]
        return logs

    def _some(self, framed: NDArray) -> NDArray[np.float64]:
        spectrum = np.fft.rfft(framed.astype(np.float64) * self._hann, self._settings.fft_size)
        power = np.square(spectrum.real) + np.square(spectrum.imag)  # (T, fft_size // 2 + 1)
        weighted = power[:, self._within]
        weighted *= self._weights
        # Not by a matrix product, which would start threads.
        logs: NDArray = np.log(np.add.reduceat(weighted, self._starts, axis=1) + ENERGY_FLOOR)
        return logs


def _product(matrix: BlockSparseMatrix, bias: NDArray | None) -> Product:
    return _DenseProduct(matrix, bias) if matrix.is_whole else _BlockProduct(matrix, bias)


class _DenseProduct:
    def __init__(self, matrix: BlockSparseMatrix, bias: NDArray | None) -> None:
        self._weight = matrix.to_dense().T
        self._bias = np.float32(0) if bias is None else np.asarray(bias, np.float32)

    def __call__(self, x: NDArray) -> NDArray[np.float32]:
        y: NDArray[np.float32] = np.asarray(x, np.float32) @ self._weight
        y += self._bias
        return y


class _BlockProduct:
    def __init__(self, matrix: BlockSparseMatrix, bias: NDArray | None) -> None:
        self._matrix, self._blocks = matrix, matrix.weights()
        counts = matrix.counts.astype(np.int64)
        self._filled = np.flatnonzero(counts)
        # Where the blocks of each row that has some begin.
        self._starts = (np.cumsum(counts) - counts)[self._filled]
        self._bias = np.float32(0) if bias is None else np.asarray(bias, np.float32)

    def __call__(self, x: NDArray) -> NDArray[np.float32]:
        y = np.empty((len(x), self._matrix.shape[0]), np.float32)
        for first in range(0, len(x), _VECTORS):
            y[first : first + _VECTORS] = self._some(x[first : first + _VECTORS])
        return y

    def _some(self, x: NDArray) -> NDArray[np.float32]:
        (outputs, inputs), (rows, columns) = self._matrix.shape, self._matrix.block
        y = np.zeros((len(x), self._matrix.block_rows, rows), np.float32)
        if len(self._filled):
            padded = np.pad(np.asarray(x, np.float32), ((0, 0), (0, -inputs % columns)))
            tiled = padded.reshape(len(x), -1, columns).transpose(1, 2, 0)  # (C, columns, N)
            partial = self._blocks @ tiled[self._matrix.columns]  # (blocks, rows, N)
            sums = np.add.reduceat(partial, self._starts, axis=0)
            y[:, self._filled] = sums.transpose(2, 0, 1)
        groups = self._matrix.groups
        y = y.reshape(len(x), groups, -1)[:, :, : outputs // groups]
        return y.reshape(len(x), outputs) + self._bias


class _Recurrence:
    def __init__(self, direction: Direction) -> None:
        self._direction = direction
        self._inputs = _product(direction.inputs, direction.input_bias)
        self._recurrent = _product(direction.recurrent, direction.recurrent_bias)

    def __call__(
        self,
        x: NDArray,
        lengths: NDArray | None = None,
        state: NDArray | None = None,
        cell: NDArray | None = None,
    ) -> NDArray[np.float32]:
        frames, batch, _ = x.shape
        hidden = self._direction.hidden
        counts = np.full(batch, frames) if lengths is None else np.asarray(lengths)
        drives = self._inputs(x.reshape(frames * batch, -1)).reshape(frames, batch, -1)
        y = np.zeros((frames, batch, hidden), np.float32)
        h = np.zeros((batch, hidden), np.float32) if state is None else state
        c = np.zeros((batch, hidden), np.float32) if cell is None else cell
        for step in range(frames):
            running = np.flatnonzero(step < counts)
            at = counts[running] - 1 - step if self._direction.reverse else step
            drive = drives[at, running]
            h[running], c[running] = self._step(drive, h[running], c[running])
            y[at, running] = h[running]
        return y

    def _step(self, drive: NDArray, h: NDArray, c: NDArray) -> tuple[NDArray, NDArray]:
        product = self._recurrent(h)
        if self._direction.cell == "gru":
            (a_r, a_z, a_n), (p_r, p_z, p_n) = np.split(drive, 3, 1), np.split(product, 3, 1)
            r, z = _sigmoid(a_r + p_r), _sigmoid(a_z + p_z)
            n = np.tanh(a_n + r * p_n)
            return n + z * (h - n), c
        if self._direction.cell == "lstm":
            i, f, g, o = np.split(drive + product, 4, 1)
            c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(g)
            return _sigmoid(o) * np.tanh(c), c
        if self._direction.cell == "tanh":
            return np.tanh(drive + product), c
        return np.clip(drive + product, 0, CLIP), c


class _Convolution:
    def __init__(self, weights: ConvolutionWeights) -> None:
        self._weights = weights

    def __call__(self, x: NDArray) -> NDArray[np.float32]:
        outputs, _, tall, long = self._weights.weight.shape
        frames = self._weights.output(x.shape[2], 1)
        padding = ((0, 0), (tall // 2, tall // 2), (long // 2, long // 2))
        seen = sliding_window_view(np.pad(x, padding), (tall, long), axis=(1, 2))
        seen = seen[:, :: self._weights.stride[0], :: self._weights.stride[1]]
        patches = seen.transpose(0, 3, 4, 1, 2)  # (channels, tall, long, rows, frames)
        size, rows = self._weights.weight[0].size, patches.shape[3]
        weight = self._weights.weight.reshape(outputs, size)
        y = np.empty((outputs, rows, frames), np.float32)
        step = max(_PATCHES // (size * rows), 1)
        for first in range(0, frames, step):
            some = patches[..., first : first + step].reshape(size, -1)
            product = (weight @ some).reshape(outputs, rows, -1)
            product += self._weights.bias[:, None, None]
            y[..., first : first + step] = np.clip(product, 0, CLIP)
        return y


def _sigmoid(x: NDArray) -> NDArray:
    return 0.5 * np.tanh(0.5 * x) + 0.5  # which overflows nowhere
