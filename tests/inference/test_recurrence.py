"""Every dispatch path against float64, one frame and one utterance at a time."""

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import torch

from asr.errors import InputError
from asr.inference.block_sparse_matrix import BlockSparseMatrix as Matrix
from asr.inference.fallback import Numpy
from asr.inference.kernel import Kernel
from asr.inference.layers import Direction
from asr.inference.library import address, available
from asr.inference.packing import pack_lanes, pack_panel
from tests.inference.float64 import random_direction, random_matrix, recur

BLOCKS = [(1, 1), (4, 4), (8, 8), (16, 16), (32, 32), (8, 4), (4, 8), (16, 4), (4, 16)]
BLOCKS += [(12, 2), (16, 1), (1, 16), (5, 3)]
SPARSITIES = [0, 0.8, 0.9, 0.95, 1]
BATCHES = [1, 3, 8, 17, 32]
ENGINES = [*map(Kernel, available()), Numpy()]
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)


def ragged(rng, batch, frames):
    lengths = rng.integers(1, frames + 1, batch)
    lengths[rng.integers(batch)] = frames
    return lengths


@every_engine
@pytest.mark.parametrize("block", BLOCKS, ids=str)
@pytest.mark.parametrize("reverse", [False, True])
def test_gru_at_every_shape_sparsity_and_batch(engine, block, reverse):
    rng = np.random.default_rng(0)
    for sparsity in SPARSITIES:
        direction = random_direction(rng, "gru", 52, 37, block, sparsity, reverse=reverse)
        for batch in BATCHES:
            # 37 frames: one panel of 32, and a rest.
            x = rng.normal(size=(37, batch, 37)).astype(np.float32)
            lengths = ragged(rng, batch, 37)
            found = engine.recurrence(direction)(x, lengths)
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, recur(direction, x, lengths), atol=5e-6, rtol=0)


@every_engine
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("frames", [2, 37])
def test_nothing_of_the_last_call_is_left(engine, cell, frames):
    # A thread's calls share their memory, here full of another layer's NaN.
    rng = np.random.default_rng(5)
    other = random_direction(rng, cell, 64, 48, (16, 16), 0.5)
    direction = random_direction(rng, cell, 37, 29, (16, 16), 0.5)
    x = rng.normal(size=(frames, 1, 29)).astype(np.float32)
    lengths = np.array([frames])
    assert np.isnan(engine.recurrence(other)(np.full((40, 1, 48), np.nan, np.float32))).all()
    found = engine.recurrence(direction)(x, lengths)
    np.testing.assert_allclose(found, recur(direction, x, lengths), atol=5e-6, rtol=0)


def test_registers_of_weights_lie_on_cache_lines():
    for block in BLOCKS:
        matrix = random_matrix(np.random.default_rng(0), (96, 80), block, 0.5)
        for strips in (pack_lanes(matrix, 16), pack_panel(matrix)):
            assert strips.weights.ctypes.data % 64 == 0


@every_engine
@pytest.mark.parametrize("cell", ["lstm", "tanh", "clipped_relu"])
@pytest.mark.parametrize("reverse", [False, True])
def test_other_cells(engine, cell, reverse):
    rng = np.random.default_rng(1)
    for block in ((8, 8), (16, 16), (5, 3)):
        direction = random_direction(rng, cell, 40, 24, block, 0.8, reverse=reverse)
        for batch in BATCHES:
            x = rng.normal(size=(35, batch, 24)).astype(np.float32)
            lengths = ragged(rng, batch, 35)
            found = engine.recurrence(direction)(x, lengths)
            np.testing.assert_allclose(found, recur(direction, x, lengths), atol=2e-5, rtol=1e-5)


@every_engine
def test_gates_tiled_on_their_own(engine):
    rng = np.random.default_rng(2)
    direction = random_direction(rng, "gru", 50, 20, (16, 16), 0.7, groups=3)
    for batch in (1, 6, 9):
        x = rng.normal(size=(10, batch, 20)).astype(np.float32)
        lengths = ragged(rng, batch, 10)
        found = engine.recurrence(direction)(x, lengths)
        np.testing.assert_allclose(found, recur(direction, x, lengths), atol=5e-6, rtol=0)


@every_engine
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("weights", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("block", [(16, 16), (8, 8), (4, 4), (2, 2), (5, 3)], ids=str)
def test_an_utterance_of_a_batch_is_the_same_alone(engine, cell, weights, block):
    rng = np.random.default_rng(6)
    direction = random_direction(rng, cell, 45, 32, block, 0.5, reverse=cell == "gru")
    stored = replace(
        direction,
        inputs=direction.inputs.stored_as(weights),
        recurrent=direction.recurrent.stored_as(weights),
    )
    recurrence = engine.recurrence(stored)
    for batch in (6, 39):  # what is left beyond 32 is less than 8
        x = rng.normal(size=(21, batch, 32)).astype(np.float32)
        lengths = ragged(rng, batch, 21)
        lengths[1] = 0
        start = rng.uniform(-1, 1, (2, batch, 45)).astype(np.float32)
        state, memory = start.copy()
        optional = {"cell": memory} if cell == "lstm" else {}
        found = recurrence(x, lengths, state=state, **optional)
        for b in range(batch):
            alone, own = start[:, b : b + 1].copy()
            kept = {"cell": own} if cell == "lstm" else {}
            expected = recurrence(x[:, b : b + 1], lengths[b : b + 1], state=alone, **kept)
            np.testing.assert_allclose(found[:, b], expected[:, 0], atol=5e-6, rtol=1e-5)
            np.testing.assert_allclose(state[b], alone[0], atol=5e-6, rtol=1e-5)
            np.testing.assert_allclose(memory[b], own[0], atol=5e-6, rtol=1e-5)


@every_engine
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("batch", [1, 2, 8, 33])
def test_a_stream_is_the_whole(engine, cell, batch):
    rng = np.random.default_rng(3)
    direction = random_direction(rng, cell, 32, 16, (8, 8), 0.5)
    recurrence = engine.recurrence(direction)
    x = rng.normal(size=(50, batch, 16)).astype(np.float32)
    whole = recurrence(x)
    state, memory = (np.zeros((batch, 32), np.float32) for _ in range(2))
    cut = [0, 1, 2, 7, 40, 43, 50]
    parts = [
        recurrence(x[a:b], state=state, cell=memory if cell == "lstm" else None)
        for a, b in itertools.pairwise(cut)
    ]
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=2e-6)
    np.testing.assert_array_equal(state, np.concatenate(parts)[-1])


@every_engine
def test_gru_and_lstm_are_torchs(engine):
    rng = np.random.default_rng(4)
    for kind in (torch.nn.GRU, torch.nn.LSTM):
        layer = kind(24, 32)
        pairs = [(n, p.detach().numpy()) for n, p in layer.named_parameters()]
        weights = dict(pairs)
        direction = Direction(
            Matrix.from_dense(weights["weight_ih_l0"], (8, 8)),
            Matrix.from_dense(weights["weight_hh_l0"], (8, 8)),
            weights["bias_ih_l0"],
            weights["bias_hh_l0"],
            "gru" if kind is torch.nn.GRU else "lstm",
        )
        x = rng.normal(size=(40, 3, 24)).astype(np.float32)
        expected = layer(torch.from_numpy(x))[0].detach().numpy()
        np.testing.assert_allclose(engine.recurrence(direction)(x), expected, atol=2e-6)


@every_engine
@pytest.mark.parametrize(("weights", "error"), [("fp16", 1e-3), ("int8", 5e-2)])
def test_smaller_weights_stay_near(engine, weights, error):
    rng = np.random.default_rng(5)
    direction = random_direction(rng, "gru", 64, 64, (16, 16), 0.5)
    rounded = Direction(
        direction.inputs.stored_as(weights),
        direction.recurrent.stored_as(weights),
        direction.input_bias,
        direction.recurrent_bias,
        "gru",
    )
    for batch in (1, 8):
        x = rng.normal(size=(60, batch, 64)).astype(np.float32)
        lengths = ragged(rng, batch, 60)
        found = engine.recurrence(rounded)(x, lengths)
        # Exactly the rounded weights' numbers, and near the unrounded ones'.
        np.testing.assert_allclose(found, recur(rounded, x, lengths), atol=5e-6, rtol=0)
        np.testing.assert_allclose(found, recur(direction, x, lengths), atol=error, rtol=0)


@every_engine
@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_products(engine, block):
    rng = np.random.default_rng(6)
    for sparsity in SPARSITIES:
        matrix = random_matrix(rng, (45, 70), block, sparsity)
        bias = rng.normal(size=45).astype(np.float32)
        for count in (1, 5, 32, 40):
            x = rng.normal(size=(count, 70)).astype(np.float32)
            expected = x.astype(float) @ matrix.to_dense().astype(float).T
            np.testing.assert_allclose(engine.product(matrix)(x), expected, atol=2e-5)
            np.testing.assert_allclose(engine.product(matrix, bias)(x), expected + bias, atol=2e-5)


@every_engine
@pytest.mark.parametrize("large", [30.0, -30.0, 200.0, -200.0, 1e30, -1e30])
def test_gates_saturate_and_nan_stays_visible(engine, large):
    rng = np.random.default_rng(7)
    direction = random_direction(rng, "gru", 16, 16, (4, 4), 0)
    biased = Direction(
        direction.inputs,
        direction.recurrent,
        np.full(48, large, np.float32),
        direction.recurrent_bias,
        "gru",
    )
    for batch in (1, 8):
        x = rng.normal(size=(5, batch, 16)).astype(np.float32)
        lengths = np.full(batch, 5)
        with np.errstate(over="ignore"):
            expected = recur(biased, x, lengths)
        np.testing.assert_allclose(engine.recurrence(biased)(x), expected, atol=5e-6)
        x[2] = np.nan
        assert np.isnan(engine.recurrence(biased)(x)[2:]).all()


@pytest.mark.skipif(not available(), reason="no kernel was built")
def test_wrong_shapes_and_lengths_are_refused():
    rng = np.random.default_rng(8)
    for engine in map(Kernel, available()):
        run = engine.recurrence(random_direction(rng, "gru", 16, 16, (4, 4), 0))
        x = np.zeros((5, 2, 16), np.float32)
        for wrong, lengths in ((x[:, :, :15], None), (x, [6, 1]), (x, [-1, 1]), (x, [1])):
            with pytest.raises(InputError):
                run(wrong, lengths)
        fixed = np.zeros((2, 16), np.float32)
        fixed.setflags(write=False)
        shifted = np.zeros(2 * 16 * 4 + 1, np.uint8)[1:].view(np.float32).reshape(2, 16)
        for wrong in (np.zeros((2, 16)), np.zeros((16, 2), np.float32).T, fixed, shifted):
            with pytest.raises(InputError, match="to be overwritten"):
                run(x, state=wrong)


def test_an_unknown_instruction_set_names_those_there_are():
    with pytest.raises(InputError, match=", ".join((*available(), "numpy"))):
        Kernel("sse9")


@pytest.mark.parametrize("instruction_set", available())
@pytest.mark.parametrize("cell", ["gru", "lstm", "tanh", "clipped_relu"])
@pytest.mark.parametrize("block", [(16, 16), (5, 3), (32, 32), (12, 2)], ids=str)
def test_threads_that_divide_a_direction_compute_the_same(instruction_set, cell, block):
    rng = np.random.default_rng(9)
    engine = Kernel(instruction_set)
    hidden = 620  # no multiple of a register; large enough to divide in any weights, gated
    for weights, reverse in (("fp32", False), ("fp16", True), ("int8", False)):
        direction = random_direction(rng, cell, hidden, 40, block, 0.1, reverse=reverse)
        direction = replace(
            direction,
            inputs=direction.inputs.stored_as(weights),
            recurrent=direction.recurrent.stored_as(weights),
        )
        x = rng.normal(size=(41, 3, 40)).astype(np.float32)
        lengths = np.array([41, 3, 33])
        states = [np.ones((3, hidden), np.float32) / 2 for _ in range(2)]
        memory = [np.ones((3, hidden), np.float32) / 2 for _ in range(2)]
        alone, divided = (
            engine.recurrence(direction, threads)(
                x, lengths, state=states[i], cell=memory[i] if cell == "lstm" else None
            )
            for i, threads in enumerate((1, 3))
        )
        np.testing.assert_allclose(divided, alone, atol=2e-6, rtol=1e-6)
        np.testing.assert_allclose(states[1], states[0], atol=2e-6, rtol=1e-6)
        np.testing.assert_allclose(memory[1], memory[0], atol=2e-6, rtol=1e-6)


@pytest.mark.parametrize("instruction_set", available())
def test_any_thread_may_call(instruction_set):
    rng = np.random.default_rng(10)
    direction = random_direction(rng, "gru", 64, 48, (16, 16), 0.5)
    x = rng.normal(size=(40, 40, 48)).astype(np.float32)
    expected = Kernel(instruction_set).recurrence(direction)(x)
    shapes = [(1, 1), (4, 4), (40, 1), (3, 8), (40, 36), (1, 40), (20, 17)]

    for _ in range(5):
        recurrence = Kernel(instruction_set).recurrence(direction)  # nothing packed yet

        def run(shape, recurrence=recurrence):
            frames, batch = shape
            return shape, recurrence(np.ascontiguousarray(x[:frames, :batch]))

        with ThreadPoolExecutor(4) as pool:
            for (frames, batch), found in pool.map(run, shapes * 4):
                np.testing.assert_allclose(found, expected[:frames, :batch], atol=2e-6)


@pytest.mark.parametrize(
    "values",
    [np.zeros((0, 3)), np.zeros(5)[::2], np.frombuffer(b"read only", np.uint8), np.arange(6.0)[3:]],
    ids=["empty", "gaps", "read-only", "inside"],
)
def test_the_address_of_any_array(values: np.ndarray) -> None:
    assert address(values) == values.ctypes.data
