"""Train, prune and score on a GPU: `pytest -m gpu` where there is one."""

import json
import sys
from pathlib import Path

import pytest
import torch

from tests.commands import run, tiny_run

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here"),
]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", "16-mixed"])
def test_a_sparse_run_trains_and_scores(tones: Path, tmp_path: Path, precision: str) -> None:
    pruned = ("sparsity=gradual_block", "sparsity.block=[4,4]", "sparsity.sparsity=0.5")
    device = ("hardware=gpu", "hardware.workers=0", f"training.precision={precision}")
    command = tiny_run(tones, tmp_path, *device, *pruned)
    ended = run(command)
    assert ended.returncode == 0, ended.stderr
    (folder,) = (tmp_path / "default").iterdir()
    assert json.loads((folder / "status.json").read_text())["state"] == "done"
    scored = run(
        [sys.executable, "evaluate.py", f"runs=[{folder}]", "device=cuda",
         f"manifests=[{tones}/validation.jsonl]"]
    )  # fmt: skip
    assert scored.returncode == 0, scored.stderr
    (path,) = folder.glob("eval/*/result.json")
    result = json.loads(path.read_text())
    assert result["sparsity"] == pytest.approx(0.5, abs=0.02)
    assert run(command).returncode == 0, "a finished run says so and stops"
