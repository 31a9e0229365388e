"""The file of an exported model: a safetensors container, version 1.

Its metadata are three strings: `format` = "asr-block-sparse 1", `sha256`, and `model`, a JSON
object with the keys features, vocabulary, matrices, layers, convolutions, concatenate, lookahead,
projection and provenance. Keys are sorted: a model has one file. Tensors, little-endian, row-major:

    features.mean, features.deviation           (F,) float32
    convolutions.I.weight, .bias                (C', C, frequency, time), (C',)
    layers.I.WAY.input_bias, .recurrent_bias    (G * H,) float32; WAY: left_to_right, right_to_left
    lookahead                                   (H, frames + 1) float32
    projection.bias, output.bias                float32
    MATRIX.dense                                (outputs, inputs) float32 or float16
    or MATRIX.blocks                            (N, rows, columns) float32, float16 or int8
       MATRIX.columns                           (N,) the block's place in its row, unsigned
       MATRIX.counts                            (R,) blocks of each row of blocks, unsigned
       MATRIX.scales                            (N,) float32, with int8 only

MATRIX is layers.I.WAY.input, layers.I.WAY.recurrent, projection or output; `matrices` in the
metadata gives shape, block and groups of those in blocks. Of a layer with `shared_input`, the
input of left_to_right is right_to_left's as well. The order of blocks is that of
`BlockSparseMatrix`, the order of gates torch's.

`sha256` is that of the file with its own 64 digits set to 0: damage is found before anything is
believed. Reading runs no code from the file.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from asr.errors import InputError
from asr.files import atomic_write
from asr.inference.block_sparse_matrix import BlockSparseMatrix
from asr.inference.feature_settings import FeatureSettings
from asr.inference.layers import ConvolutionWeights, Direction
from asr.inference.model import Linear, Model, shares_input

FORMAT = "asr-block-sparse 1"
_DIGEST = re.compile(rb'"sha256":"([0-9a-f]{64})"')
_LONGEST_HEADER = 1 << 24
_WAYS = {1: (False,), 2: (False, True)}
_SIDES = {False: "left_to_right", True: "right_to_left"}


def write_model(path: str | Path, model: Model) -> int:
    """Write a model; returns the bytes of the file."""
    data = model_bytes(model)
    with atomic_write(path, "wb") as file:
        file.write(data)
    return len(data)


def model_bytes(model: Model) -> bytes:
    """The content of a model's file."""
    tensors: dict[str, NDArray] = {
        "features.mean": model.features.mean,
        "features.deviation": model.features.deviation,
    }
    for index, convolution in enumerate(model.convolutions):
        tensors[f"convolutions.{index}.weight"] = convolution.weight
        tensors[f"convolutions.{index}.bias"] = convolution.bias
    for index, layer in enumerate(model.layers):
        for way in layer:
            name = f"layers.{index}.{_SIDES[way.reverse]}"
            tensors[f"{name}.input_bias"] = way.input_bias
            tensors[f"{name}.recurrent_bias"] = way.recurrent_bias
    if model.lookahead is not None:
        tensors["lookahead"] = model.lookahead
    if model.projection is not None:
        tensors["projection.bias"] = model.projection.bias
    tensors["output.bias"] = model.output.bias
    matrices = {}
    for name, matrix in model.matrices():
        tensors |= matrix_tensors(name, matrix)
        if not matrix.is_whole:
            matrices[name] = {
                "shape": list(matrix.shape),
                "block": list(matrix.block),
                "groups": matrix.groups,
            }
    settings = vars(model.features).items()
    description = {
        "features": {key: value for key, value in settings if not isinstance(value, np.ndarray)},
        "vocabulary": dict(model.vocabulary),
        "matrices": matrices,
        "layers": [
            {"cell": each[0].cell, "directions": len(each), "shared_input": shares_input(each)}
            for each in model.layers
        ],
        "convolutions": [{"stride": list(each.stride)} for each in model.convolutions],
        "concatenate": model.concatenate,
        "lookahead": model.lookahead is not None,
        "projection": model.projection is not None,
        "provenance": dict(model.provenance),
    }
    text = json.dumps(description, sort_keys=True, allow_nan=False)
    metadata = {"format": FORMAT, "model": text, "sha256": "0" * 64}
    contiguous = {name: np.ascontiguousarray(tensors[name]) for name in sorted(tensors)}
    blank = _with_metadata(save(contiguous), metadata)
    digest = hashlib.sha256(blank).hexdigest().encode()
    return blank.replace(b'"sha256":"' + b"0" * 64, b'"sha256":"' + digest, 1)


def _with_metadata(data: bytes, metadata: Mapping[str, str]) -> bytes:
    """A safetensors file with metadata, in order; the library writes them in a random one."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start]) | {"__metadata__": metadata}
    written = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    written += b" " * (-len(written) % 8)  # tensors begin at a multiple of 8
    return len(written).to_bytes(8, "little") + written + data[start:]


def matrix_tensors(name: str, matrix: BlockSparseMatrix) -> dict[str, NDArray]:
    """The tensors in which a matrix is stored, by their names."""
    if matrix.is_whole:
        dense = matrix.to_dense()
        return {f"{name}.dense": dense.astype(matrix.blocks.dtype)}
    tensors = {
        f"{name}.blocks": matrix.blocks,
        f"{name}.columns": matrix.columns,
        f"{name}.counts": matrix.counts,
    }
    return tensors if matrix.scales is None else {**tensors, f"{name}.scales": matrix.scales}


def is_model_file(path: str | Path) -> bool:
    """Whether a file's header says that it is an exported model, of whatever version."""
    try:
        with open(path, "rb") as file:
            length = int.from_bytes(file.read(8), "little")
            # All of it: a large vocabulary may come first.
            header = file.read(length) if length <= _LONGEST_HEADER else b""
    except OSError:
        return False
    return header[:1] == b"{" and FORMAT.split()[0].encode() in header


def read_model(path: str | Path) -> Model:
    """Read and check a model's file.

    Raises:
        InputError: missing, damaged, of another version, or inconsistent.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InputError(
            str(path),
            expected="an exported model",
            got=error.strerror or str(error),
            remedy="Write one with python -m asr.inference.export RUN OUT.",
        ) from error
    return model_from_bytes(data, str(path))


def model_from_bytes(data: bytes, source: str) -> Model:
    """The inverse of `model_bytes`; `source` is named in errors, all of which are InputError."""
    metadata = _checked_metadata(data, source)
    try:
        tensors = load(data)
        return _build(json.loads(metadata["model"]), tensors)
    except InputError:
        raise
    # A file can be whole and still not make sense; what its fields lead to, nobody foresees.
    except Exception as error:
        raise _damaged(source, f"{type(error).__name__}: {error}") from error


def _checked_metadata(data: bytes, source: str) -> dict[str, str]:
    length = int.from_bytes(data[:8], "little")
    header = data[8 : 8 + length]
    if len(data) < 8 or length > _LONGEST_HEADER or len(header) < length:
        raise _damaged(source, "no header of a safetensors file")
    try:
        metadata = json.loads(header)["__metadata__"]
        found, version = metadata["sha256"], metadata["format"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(source, f"a header without its metadata ({error})") from error
    if version != FORMAT:
        raise InputError(
            source,
            expected=f"the format {FORMAT!r}",
            got=repr(version),
            remedy="Export the model again with this version.",
        )
    place = _DIGEST.search(header)
    if place is None or place[1].decode() != found:
        raise _damaged(source, "no checksum in its metadata")
    start = 8 + place.start(1)
    blank = hashlib.sha256(data[:start])
    blank.update(b"0" * 64)
    blank.update(data[start + 64 :])
    if blank.hexdigest() != found:
        raise _damaged(source, "another checksum than the file's own")
    return dict(metadata)


def _build(description: Mapping[str, Any], tensors: Mapping[str, NDArray]) -> Model:
    used: set[str] = set()

    def tensor(name: str) -> NDArray:
        used.add(name)
        return tensors[name]

    def floats(name: str) -> NDArray:
        values = tensor(name).astype(np.float32)
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds NaN or infinity")
        return values

    settings = FeatureSettings(
        **description["features"],
        mean=floats("features.mean"),
        deviation=floats("features.deviation"),
    )
    convolutions = tuple(
        ConvolutionWeights(
            floats(f"convolutions.{index}.weight"),
            floats(f"convolutions.{index}.bias"),
            _pair(each["stride"]),
        )
        for index, each in enumerate(description["convolutions"])
    )

    def matrix(name: str) -> BlockSparseMatrix:
        return _matrix(name, description["matrices"].get(name), tensors, tensor)

    def layer(index: int, each: Mapping[str, Any]) -> tuple[Direction, ...]:
        ways: list[Direction] = []
        for reverse in _WAYS[each["directions"]]:
            name = f"layers.{index}.{_SIDES[reverse]}"
            shared = reverse and each["shared_input"]
            inputs = ways[0].inputs if shared else matrix(f"{name}.input")
            recurrent = matrix(f"{name}.recurrent")
            biases = floats(f"{name}.input_bias"), floats(f"{name}.recurrent_bias")
            ways.append(Direction(inputs, recurrent, *biases, each["cell"], reverse))
        return tuple(ways)

    projection = None
    if description["projection"]:
        projection = Linear(matrix("projection"), floats("projection.bias"))
    model = Model(
        features=settings,
        vocabulary=dict(description["vocabulary"]),
        convolutions=convolutions,
        layers=tuple(layer(index, each) for index, each in enumerate(description["layers"])),
        concatenate=bool(description["concatenate"]),
        lookahead=floats("lookahead") if description["lookahead"] else None,
        projection=projection,
        output=Linear(matrix("output"), floats("output.bias")),
        provenance=dict(description["provenance"]),
    )
    if unknown := set(tensors) - used:
        raise ValueError(f"tensors that nothing refers to: {', '.join(sorted(unknown)[:3])}")
    return model


def _matrix(
    name: str,
    tiled: Mapping[str, Any] | None,
    tensors: Mapping[str, NDArray],
    tensor: Callable[[str], NDArray],
) -> BlockSparseMatrix:
    if tiled is None:
        return BlockSparseMatrix.whole(tensor(f"{name}.dense"))
    outputs, inputs = _pair(tiled["shape"])
    return BlockSparseMatrix(
        (outputs, inputs),
        _pair(tiled["block"]),
        tensor(f"{name}.blocks"),
        tensor(f"{name}.columns"),
        tensor(f"{name}.counts"),
        tensor(f"{name}.scales") if f"{name}.scales" in tensors else None,
        int(tiled["groups"]),
    )


def _pair(values: Any) -> tuple[int, int]:
    first, second = values
    return int(first), int(second)


def _damaged(source: str, got: str) -> InputError:
    return InputError(
        source,
        expected="a whole exported model",
        got=got,
        remedy="The file is damaged or something else: copy it again, or export the run again.",
    )
