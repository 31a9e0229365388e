"""What a trained model's weights say: where the zeros are, and what is saved on disk."""

import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from asr.checkpoint import TrainedModel, load_trained
from asr.inference.export import WEIGHTS, rounded
from asr.inference.folding import folded
from asr.inference.model_file import model_bytes
from asr.inference.size import file_size, matrix_sizes
from asr.inference.source_run import provenance
from asr.sparsity.selection import Selection
from asr.sparsity.zeros import zeros_by_matrix
from asr.study.kept import MatrixZeros, Weights
from asr.training.run_folder import read_status

_PLACE = re.compile(r"layers\.(\d+)\.(left_to_right|right_to_left)\.weight_(ih|hh)_l0$")
_DIRECTIONS = {"left_to_right": "forwards", "right_to_left": "backwards"}
_MATRICES = {"ih": "input", "hh": "recurrent"}


def measure_run(run: Path) -> Weights:
    """Measure a run's best checkpoint; its exports are made in memory.

    Raises:
        InputError: there is no checkpoint, or the model cannot be exported.
    """
    trained = load_trained(run)
    status = read_status(run)
    exports = {
        kind: rounded(folded(trained, provenance(run, trained, kind)), kind) for kind in WEIGHTS
    }
    files = {kind: file_size(model, len(model_bytes(model))) for kind, model in exports.items()}
    matrices = {kind: matrix_sizes(model) for kind, model in exports.items()}
    whole = files["fp32"]
    return Weights(
        training_seconds=_seconds(status),
        epochs=int(status.get("epoch", 0)),
        zeros=zeros_by_gate(trained),
        pruned_dense=sum(matrix.dense for matrix in matrices["fp32"]),
        pruned_exported={
            kind: sum(matrix.weights + matrix.index for matrix in found)
            for kind, found in matrices.items()
        },
        file_dense={"fp32": whole.dense_fp32, "fp16": whole.dense_fp16, "int8": whole.dense_int8},
        file_exported={kind: size.file for kind, size in files.items()},
    )


def _seconds(status: Mapping[str, Any]) -> float:
    """Of training; of a run from before that was counted, from its start to its end."""
    if "seconds" in status or "started" not in status:
        return float(status.get("seconds", 0.0))
    started, ended = (datetime.fromisoformat(status[key]) for key in ("started", "updated"))
    return (ended - started).total_seconds()


def zeros_by_gate(trained: TrainedModel) -> list[MatrixZeros]:
    """Of each gate of each recurrent layer's matrices, pruned or not, apart or together."""
    weights = dict(trained.model.named_parameters())
    parts = Selection([_PLACE.pattern], "separate", False).parts(weights)
    found = []
    for label, zeros in zeros_by_matrix(weights, parts).items():
        name, _, gate = label.partition("/")
        place = _PLACE.search(name)
        if gate and place:
            layer, direction, matrix = place.groups()
            found.append(
                MatrixZeros(
                    layer=int(layer) + 1,
                    direction=_DIRECTIONS[direction],
                    matrix=_MATRICES[matrix],
                    gate=gate,
                    weights=zeros.weights,
                    zeros=zeros.zeros,
                    dead_rows=zeros.dead_rows,
                )
            )
    return found
