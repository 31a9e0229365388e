"""Kept runs, written as collect leaves them, from texts."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from asr.study.kept import CONFIG, METRICS, WEIGHTS, MatrixZeros, Weights, read_kept
from asr.study.plan import TWO_LAYERS
from asr.study.section import Material
from tests.statistics.systems import write_eval

REFERENCES = ["the cat sat", "on the mat", "with a hat", "and a bat", "that was flat"] * 8
PRUNING = {
    **{"score": "l2", "regrow": 0.0, "exceptions": [], "start": None, "end": 0.5},
    "select": {"gates": "separate", "keep_diagonal": False},
    "penalty": None,
}


def write_kept(
    folder: Path,
    group: str,
    texts: Sequence[str],
    *,
    seed: int = 1,
    hidden: int = 256,
    layers: int = 2,
    dropout: float = 0.1,
    epochs: int = 4,
    frame: int = 4,  # of output, in those of the features
    split: str = "test",
    zeros: float = 0.0,
    pruning: dict[str, Any] | None = None,
    decoder: str = "greedy",
    speakers: Sequence[str] | None = None,
    **result: Any,
) -> Path:
    """A kept run in `folder/<group>-<seed>` whose result has some fields changed."""
    out = folder / f"{group}-{seed}"
    options = {"group": group, "seed": seed, "split": split, "speakers": speakers}
    scored = write_eval(out, REFERENCES, texts, decoder=decoder, **options)
    content = json.loads((scored / "result.json").read_text())
    content |= {"corpus": "amazon_queen", "experiment": "study", "sparsity": zeros}
    content |= {"baseline_key": "dense" if hidden == 256 else f"dense{hidden}"}
    if zeros:
        content |= {"method": "gradual_block", "block": "16x16"}
    parameters = 1000 + 1200 * hidden
    content |= {"parameters": parameters, "nonzero": 1000 + round(1200 * hidden * (1 - zeros))}
    content |= result
    (scored / "result.json").write_text(json.dumps(content))
    config = {
        "seed": seed,
        "features": {"hop_seconds": 0.01},
        "model": {
            **{"hidden": hidden, "layers": layers, "dropout": dropout},
            "convolutions": [{"stride": [2, frame]}, {"stride": [2, 1]}],
        },
        "training": {"epochs": epochs, "precision": "32-true"},
        "optimizer": {"lr": 1e-3},
        "data": {"max_batch": 16},
        "augmentation": {"speed": None, "waveform": [], "spectrum": []},
        "experiment_name": content["experiment"],
        "sparsity": (PRUNING | (pruning or {})) if zeros else {},
    }
    (out / CONFIG).write_text(yaml.safe_dump(config))
    parts = [
        MatrixZeros("layer 1", way, matrix, gate, 100 * hidden, round(100 * hidden * zeros), 0)
        for way in ("forwards", "backwards")
        for matrix in ("input", "recurrent")
        for gate in ("reset", "update", "new")
    ]
    sizes = {"fp32": 4_000_000, "fp16": 2_000_000, "int8": 1_000_000}
    exported = {kind: round(size * (1 - zeros)) for kind, size in sizes.items()}
    weights = Weights(3600.0, 4, parts, 4_000_000, exported, sizes, exported)
    (out / WEIGHTS).write_text(json.dumps(asdict(weights)))
    falling = 0.3 if zeros else 0.2
    (out / METRICS).write_text(f"step,cer\n1,0.9\n2,{falling}\n3,0.2\n")
    return out


def damaged(count: int) -> list[str]:
    """The references with the first letter of `count` of them replaced: one error each."""
    return ["#" + one[1:] if i < count else one for i, one in enumerate(REFERENCES)]


def material(folder: Path) -> Material:
    """What the sections are given."""
    return Material.of(folder, read_kept(folder), TWO_LAYERS)
