"""Resolved configurations of runs that are never trained."""

import json
from pathlib import Path
from typing import Any

from asr.training.run_identity import RunIdentity, identify

SPARSE = {"_target_": "asr.sparsity.gradual.GradualPruning", "block": [4, 4]}
THRESHOLD = {"_target_": "asr.sparsity.threshold.ThresholdPruning", "dense_run": "auto"}
DENSE = {"_target_": "asr.sparsity.dense.Dense"}


def settings(folder: Path, **changes: Any) -> dict[str, Any]:
    """Enough of a configuration to name a run under `folder`/runs."""
    manifest = folder / "some.jsonl"
    if not manifest.is_file():
        manifest.write_text(json.dumps({"audio_filepath": "a.wav", "duration": 1, "text": "a"}))
    return {
        "experiment_name": "exp",
        "runs": str(folder / "runs"),
        "seed": 1,
        "init_from": None,
        "logger": {},
        "hardware": {},
        "data": {"train": [str(manifest)], "validation": [str(manifest)], "test": []},
        "model": {"hidden": 8},
        "sparsity": DENSE,
        **changes,
    }


def run(folder: Path, needs_dense_run: bool = False, **changes: Any) -> RunIdentity:
    """The run of such a configuration."""
    return identify(settings(folder, **changes), needs_dense_run=needs_dense_run)
