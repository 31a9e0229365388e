"""Damaged and dishonest files: an error each, never a crash."""

import hashlib
import json
import random
from dataclasses import replace
from string import ascii_letters

import numpy as np
import pytest
from safetensors.numpy import load, save

from asr.errors import InputError
from asr.inference.block_sparse_matrix import BlockSparseMatrix
from asr.inference.folding import folded
from asr.inference.model_file import is_model_file, model_bytes, model_from_bytes, read_model
from asr.inference.recogniser import Recogniser
from tests.inference.exported import pruned


@pytest.fixture(scope="module")
def content():
    return model_bytes(folded(pruned(hidden=16), {}))


def mutated(content, rng):
    data = bytearray(content)
    kind = rng.randrange(4)
    if kind == 0:
        # The header is where the offsets are.
        place = rng.randrange(len(data) if rng.random() < 0.5 else 4000)
        data[place] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[rng.randrange(len(data)) :]
    elif kind == 2:
        place = rng.randrange(len(data))
        data[place:place] = rng.randbytes(rng.randrange(1, 9))
    else:
        place = rng.randrange(len(data) - 16)
        data[place : place + 16] = rng.randbytes(16)
    return bytes(data)


def test_ten_thousand_damaged_files_are_refused(content):
    rng = random.Random(0)
    model_from_bytes(content, "whole")
    for _ in range(10_000):
        damaged = mutated(content, rng)
        if damaged != content:
            with pytest.raises(InputError):
                model_from_bytes(damaged, "damaged")


def resealed(content, change):
    """The file with its description changed and its checksum right again."""
    length = int.from_bytes(content[:8], "little")
    description = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["model"])
    tensors = dict(load(content))
    change(description, tensors)
    meta = {"format": "asr-block-sparse 1", "model": json.dumps(description), "sha256": "0" * 64}
    data = save(tensors, meta)
    return data.replace(
        b'"sha256":"' + b"0" * 64,
        b'"sha256":"' + hashlib.sha256(data).hexdigest().encode(),
        1,
    )


MATRIX = "layers.0.left_to_right.recurrent"


def set_tensor(name, make):
    def change(description, tensors):
        tensors[name] = np.ascontiguousarray(make(tensors[name]))

    return change


def set_key(*path, value):
    def change(description, tensors):
        at = description
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value

    return change


def with_no_blocks(name, block):
    """A matrix without a weight, whose few rows or columns of blocks are far larger than it is."""

    def change(description, tensors):
        matrix = description["matrices"][name]
        matrix["block"] = block
        tensors[f"{name}.blocks"] = np.zeros((0, *block), tensors[f"{name}.blocks"].dtype)
        tensors[f"{name}.columns"] = tensors[f"{name}.columns"][:0]
        rows = -(-(matrix["shape"][0] // matrix["groups"]) // block[0]) * matrix["groups"]
        tensors[f"{name}.counts"] = np.zeros(rows, tensors[f"{name}.counts"].dtype)

    return change


def with_lookahead(make):
    def change(description, tensors):
        description["lookahead"] = True
        tensors["lookahead"] = np.ascontiguousarray(make(np.ones((16, 4), np.float32)))

    return change


LIES = {
    "column beyond the matrix": set_tensor(f"{MATRIX}.columns", lambda a: a + 100),
    "columns not rising": set_tensor(f"{MATRIX}.columns", lambda a: a * 0),
    "counts too many": set_tensor(f"{MATRIX}.counts", lambda a: a + 1),
    "a block fewer": set_tensor(f"{MATRIX}.blocks", lambda a: a[1:]),
    "NaN": set_tensor(f"{MATRIX}.blocks", lambda a: a * np.nan),
    "a type that is none": set_tensor(f"{MATRIX}.blocks", lambda a: a.astype(np.float64)),
    "bias too short": set_tensor("layers.0.left_to_right.input_bias", lambda a: a[1:]),
    "taller": set_key("matrices", MATRIX, "shape", value=[2400, 16]),
    "wider": set_key("matrices", MATRIX, "shape", value=[48, 800]),
    "negative": set_key("matrices", MATRIX, "shape", value=[-48, 16]),
    "huge": set_key("matrices", MATRIX, "block", value=[2**40, 4]),
    "blocks that reach far below": with_no_blocks(MATRIX, [2**18, 1]),
    "blocks that reach far beside": with_no_blocks(MATRIX, [1, 2**18]),
    "no groups": set_key("matrices", MATRIX, "groups", value=0),
    "cell": set_key("layers", 0, "cell", value="lstm"),
    "unknown cell": set_key("layers", 0, "cell", value="system"),
    "three directions": set_key("layers", 0, "directions", value=3),
    "no layers": set_key("layers", value=[]),
    "no stride": set_key("convolutions", 0, "stride", value=[0, 0]),
    "no hop": set_key("features", "hop", value=0),
    "endless window": set_key("features", "window", value=2**30),
    "vocabulary": set_key("vocabulary", value={"kind": "pickle"}),
    "fewer labels than outputs": set_key("vocabulary", "characters", value="ab"),
    "more labels than outputs": set_key("vocabulary", "characters", value=ascii_letters),
    "a vocabulary that is none": set_key("vocabulary", value={"kind": "bpe", "model": "AAAA"}),
    "half a sample": set_key("features", "hop", value=160.5),
    "a whole float": set_key("features", "fft_size", value=512.0),
    "true samples": set_key("features", "window", value=True),
    "a band of text": set_key("features", "low_hz", value="20"),
    "no lookahead": with_lookahead(lambda a: a[:, :0]),
    "a lookahead in one dimension": with_lookahead(lambda a: a[:, 0]),
    "a lookahead in three": with_lookahead(lambda a: a[:, :, None]),
    "a lookahead of other states": with_lookahead(lambda a: a[1:]),
    "concatenate": set_key("concatenate", value=True),
    "a tensor too many": lambda d, t: t.update(more=np.zeros(3, np.float32)),
    "a tensor too few": lambda d, t: t.pop("output.bias"),
    "not a description": lambda d, t: d.clear(),
}


@pytest.mark.parametrize("lie", LIES)
def test_consistent_checksums_do_not_make_a_file_true(content, lie):
    data = resealed(content, LIES[lie])
    with pytest.raises(InputError):
        Recogniser(model_from_bytes(data, "lie"))


def test_an_untouched_reseal_is_read(content):
    model_from_bytes(resealed(content, lambda d, t: None), "same")
    assert model_from_bytes(resealed(content, with_lookahead(lambda a: a)), "more").lookahead.all()


def test_a_model_has_one_file_only(content):
    model = model_from_bytes(content, "whole")
    assert {model_bytes(model) for _ in range(8)} == {content}
    start = 8 + int.from_bytes(content[:8], "little")
    assert start % 8 == 0
    with_library = save(load(content))
    assert content[start:] == with_library[8 + int.from_bytes(with_library[:8], "little") :]


def test_a_model_is_recognised_whatever_its_header_begins_with(tmp_path, content):
    path, note = tmp_path / "model", {"note": "x" * 2**17}
    for _ in range(8):  # the library writes metadata in a random order
        path.write_bytes(resealed(content, set_key("provenance", value=note)))
        assert is_model_file(path)
        assert read_model(path).provenance == note
    path.write_bytes(b"\xff" * 8 + content[8:])
    assert not is_model_file(path)


def test_missing_and_other_files(tmp_path, content):
    with pytest.raises(InputError, match="inference"):
        read_model(tmp_path / "none")
    (tmp_path / "text").write_text("hello")
    (tmp_path / "model").write_bytes(content)
    assert not is_model_file(tmp_path / "text")
    assert not is_model_file(tmp_path / "none")
    assert is_model_file(tmp_path / "model")


@pytest.mark.parametrize("block", [(1, 1), (4, 4), (5, 3), (12, 2), (64, 64), (192, 1), (1, 640)])
@pytest.mark.parametrize("groups", [1, 3])
def test_dense_and_back(block, groups):
    rng = np.random.default_rng(0)
    weight = rng.normal(size=(51, 20)).astype(np.float32)
    weight[rng.random(weight.shape) < 0.9] = 0
    matrix = BlockSparseMatrix.from_dense(weight, block, groups=groups)
    np.testing.assert_array_equal(matrix.to_dense(), weight)
    unsigned = replace(matrix, counts=matrix.counts.astype(np.uint64))
    np.testing.assert_array_equal(unsigned.to_dense(), weight)
    assert matrix.nonzero == np.count_nonzero(weight)
    assert np.abs(matrix.blocks).max((1, 2)).min() > 0  # no block is kept for nothing


def test_sizes_promised_for_ninety_percent():
    rng = np.random.default_rng(0)
    for block, index, share in (((16, 16), 0.01, 0.11), ((4, 4), 0.04, 0.14)):
        grid = rng.permutation(np.arange(3072 // block[0] * (1024 // block[1])) % 10 == 0)
        mask = grid.reshape(3072 // block[0], -1).repeat(block[0], 0).repeat(block[1], 1)
        matrix = BlockSparseMatrix.from_dense(mask * np.float32(0.5), block)
        assert matrix.index_bytes < index * matrix.weight_bytes
        assert matrix.weight_bytes + matrix.index_bytes <= share * 4 * 3072 * 1024


def test_fp16_refuses_what_it_cannot_hold():
    matrix = BlockSparseMatrix.from_dense(np.full((8, 8), 1e6, np.float32), (4, 4))
    with pytest.raises(InputError, match=r"65,504 for fp16.* Store it in fp32"):
        matrix.stored_as("fp16")
    with pytest.raises(InputError, match=r"fp32, fp16, int8.* got fp8"):
        matrix.stored_as("fp8")


@pytest.mark.parametrize("block", [(1, 1), (2, 2), (4, 1), (1, 5), (4, 4)])
def test_int8_never_takes_more_bytes_than_fp16(block):
    dense = np.random.default_rng(1).normal(size=(20, 20)).astype(np.float32)
    dense[:10] = 0
    matrix = BlockSparseMatrix.from_dense(dense, block)
    sizes = {kind: matrix.stored_as(kind).weight_bytes for kind in ("fp16", "int8")}
    assert sizes["int8"] <= sizes["fp16"]
    assert (sizes["int8"] < sizes["fp16"]) == (block in ((1, 5), (4, 4)))


def test_int8_is_rounded_to_the_nearest_of_each_block_s_own_127th():
    dense = np.zeros((2, 10), np.float32)
    dense[0, :5] = 12.7, -0.26, 0.04, 0.06, 0
    dense[1, 5:] = 0, 0, 0, 0, -25.4
    stored = BlockSparseMatrix.from_dense(dense, (1, 5)).stored_as("int8")
    np.testing.assert_allclose(stored.scales, [0.1, 0.2], rtol=1e-6)
    assert stored.blocks.tolist() == [[[127, -3, 0, 1, 0]], [[0, 0, 0, 0, -127]]]
