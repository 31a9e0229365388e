"""Recurrent layers in float64, a frame and an utterance at a time: what the kernels must match."""

import numpy as np

from asr.inference.block_sparse_matrix import BlockSparseMatrix
from asr.inference.layers import GATES, Direction


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def recur(direction, x, lengths):
    weight, recurrent = (
        m.to_dense().astype(np.float64) for m in (direction.inputs, direction.recurrent)
    )
    b, c_bias = direction.input_bias.astype(float), direction.recurrent_bias.astype(float)
    frames, batch, _ = x.shape
    y = np.zeros((frames, batch, direction.hidden))
    for u in range(batch):
        h = c = np.zeros(direction.hidden)
        order = range(lengths[u])
        for t in reversed(order) if direction.reverse else order:
            a, p = weight @ x[t, u].astype(float) + b, recurrent @ h + c_bias
            if direction.cell == "gru":
                (ar, az, an), (pr, pz, pn) = np.split(a, 3), np.split(p, 3)
                r, z = sigmoid(ar + pr), sigmoid(az + pz)
                n = np.tanh(an + r * pn)
                h = (1 - z) * n + z * h
            elif direction.cell == "lstm":
                i, f, g, o = np.split(a + p, 4)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                h = sigmoid(o) * np.tanh(c)
            elif direction.cell == "tanh":
                h = np.tanh(a + p)
            else:
                h = np.minimum(np.maximum(a + p, 0), 20)
            y[t, u] = h
    return y


def random_matrix(rng, shape, block, sparsity, *, groups=1, scale=None):
    """Random blocks; the survivors keep a product's variance."""
    outputs, inputs = shape
    keep = np.zeros((groups, -(-(outputs // groups) // block[0]), -(-inputs // block[1])))
    flat = keep.reshape(-1)
    flat[rng.permutation(flat.size)[: round(flat.size * (1 - sparsity))]] = 1
    mask = keep.repeat(block[0], 1)[:, : outputs // groups].repeat(block[1], 2)[:, :, :inputs]
    weight = rng.normal(size=shape) * mask.reshape(shape)
    spread = scale or (max(1 - sparsity, 0.01) * inputs) ** -0.5
    dense = (weight * spread).astype(np.float32)
    return BlockSparseMatrix.from_dense(dense, block, groups=groups)


def random_direction(rng, cell, hidden, inputs, block, sparsity, *, reverse=False, groups=1):
    rows = GATES[cell] * hidden
    damped = 0.3 * hidden**-0.5 if cell == "clipped_relu" else None
    return Direction(
        random_matrix(rng, (rows, inputs), block, sparsity, groups=groups),
        random_matrix(rng, (rows, hidden), block, sparsity, groups=groups, scale=damped),
        rng.normal(size=rows).astype(np.float32),
        rng.normal(size=rows).astype(np.float32),
        cell,
        reverse,
    )
