"""What a trained model's weights say: where the zeros are, and what is saved on disk."""

import math
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from asr.checkpoint import TrainedModel, load_trained
from asr.inference.block_sparse_matrix import WEIGHTS, BlockSparseMatrix
from asr.inference.folding import folded
from asr.inference.model import Model
from asr.inference.model_file import model_bytes
from asr.inference.size import file_size
from asr.inference.source_run import provenance
from asr.sparsity.selection import OTHER, Selection, weight_type
from asr.sparsity.zeros import zeros_by_matrix
from asr.study.kept import MatrixZeros, Weights
from asr.training.run_folder import read_status

_PLACE = re.compile(r"layers\.(\d+)\.(left_to_right|right_to_left|shared)\.weight_(ih|hh)_l0$")
_WAYS = {"left_to_right": "forwards", "right_to_left": "backwards", "shared": ""}
_MATRICES = {"ih": "input", "hh": "recurrent"}


def measure_run(run: Path) -> Weights:
    """Measure a run's best checkpoint; its exports are made in memory.

    Raises:
        InputError: there is no checkpoint, or the model cannot be exported.
    """
    trained = load_trained(run)
    status = read_status(run)
    exports = {kind: folded(trained, provenance(run, trained, kind), kind) for kind in WEIGHTS}
    files = {kind: file_size(model, len(model_bytes(model))) for kind, model in exports.items()}
    whole = files["fp32"]
    return Weights(
        training_seconds=_seconds(status),
        epochs=int(status.get("epoch", 0)),
        zeros=zeros_by_gate(trained),
        recurrent_dense=sum(4 * math.prod(m.shape) for m in _prunable(exports["fp32"])),
        recurrent_exported={
            kind: sum(m.weight_bytes + m.index_bytes for m in _prunable(model))
            for kind, model in exports.items()
        },
        file_dense={"fp32": whole.dense_fp32, "fp16": whole.dense_fp16, "int8": whole.dense_int8},
        file_exported={kind: size.file for kind, size in files.items()},
    )


def _prunable(model: Model) -> list[BlockSparseMatrix]:
    """All matrices but the output layer's."""
    return [matrix for name, matrix in model.matrices() if name != "output"]


def _seconds(status: Mapping[str, Any]) -> float:
    """Of training; of a run from before that was counted, from its start to its end."""
    if "seconds" in status or "started" not in status:
        return float(status.get("seconds", 0.0))
    started, ended = (datetime.fromisoformat(status[key]) for key in ("started", "updated"))
    return (ended - started).total_seconds()


def zeros_by_gate(trained: TrainedModel) -> list[MatrixZeros]:
    """Of each gate of each matrix that the papers prune, pruned here or not."""
    weights = dict(trained.model.named_parameters())
    chosen = [name for name in weights if weight_type(name) != OTHER]
    parts = Selection([f"^{re.escape(name)}$" for name in chosen], "separate", False).parts(weights)
    found = zeros_by_matrix(weights, parts)
    return [
        MatrixZeros(
            *_place(part.weight),
            gate=part.label.removeprefix(part.weight).removeprefix("/"),
            weights=found[part.label].weights,
            zeros=found[part.label].zeros,
            dead_rows=found[part.label].dead_rows,
        )
        for part in parts
    ]


def _place(name: str) -> tuple[str, str, str]:
    """A parameter's layer, direction and matrix."""
    if place := _PLACE.search(name):
        layer, way, kind = place.groups()
        return f"layer {int(layer) + 1}", _WAYS[way], _MATRICES[kind]
    return name.removesuffix(".linear.weight"), "", ""
