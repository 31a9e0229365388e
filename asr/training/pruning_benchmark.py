"""What pruning adds to a training step.

    python -m asr.training.pruning_benchmark [--preset small] [--batch 16] [--seconds 3.75]

Steps of the same model, dense and under each method, take turns on one thread: forward, CTC loss,
backward, clipping, AdamW, masks. CPU time; `step` is the ratio of medians to dense, `with updates`
the ratio of means, in which the updates of the masks and their record count too.
"""

import argparse
import statistics
import time
from typing import Any

import torch
from torch import nn

from asr.data.presets import build, preset
from asr.sparsity.dense import Dense
from asr.sparsity.gradual import GradualPruning
from asr.sparsity.penalty import Penalty
from asr.sparsity.pruner import Pruner
from asr.sparsity.selection import Selection
from asr.sparsity.threshold import ThresholdPruning
from asr.sparsity.zeros import zeros_by_matrix
from asr.training.allocator import keep_freed_memory
from asr.training.loss import ctc_losses

LABELS = 29
FRAMES_A_SECOND = 100
TOTAL_STEPS = 1000  # of the training that the steps are taken to be from
SELECT = Selection([r"\.weight_(ih|hh)_l0$"], "separate", False)


def gradual(regrow: float) -> GradualPruning:
    """Top-k blocks, a hundred updates."""
    return GradualPruning(
        method="gradual_block",
        select=SELECT,
        block=[16, 16],
        sparsity=0.9,
        exceptions=[],
        score="l2",
        start=0.0,
        end=1.0,
        frequency=0.01,
        regrow=regrow,
    )


def group_lasso_pruning(penalty: Penalty) -> ThresholdPruning:
    """Thresholds and a penalty, two hundred updates."""
    return ThresholdPruning(
        method="group_lasso_pruning",
        select=SELECT,
        block=[16, 16],
        threshold="paper",
        sparsity=0.9,
        exceptions=[],
        dense_run=None,
        q={"input": 0.05, "recurrent": 0.05},
        start=0.0,
        ramp=0.5,
        end=1.0,
        start_slope=None,
        ramp_slope=1.5,
        frequency=0.005,
        penalty=penalty,
    )


METHODS: dict[str, Any] = {
    "dense": Dense(),
    "gradual_block": gradual(regrow=0.0),
    "gradual_regrow": gradual(regrow=0.3),
    "group_lasso_pruning": group_lasso_pruning(Penalty("group_lasso", 1e-4, "gradient")),
    "the same, proximal": group_lasso_pruning(Penalty("group_lasso", 1e-2, "proximal")),
}


class Training:
    """A model with its optimizer and masks, and one batch of noise."""

    def __init__(self, name: str, method: Any, batch: int, seconds: float) -> None:
        torch.manual_seed(0)
        self.model: nn.Module = build(preset("model", name), bins=80, vocabulary_size=LABELS)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=1e-3)
        weights = dict(self.model.named_parameters())
        self.pruner: Pruner = method.pruner(weights, total_steps=TOTAL_STEPS, epochs=10)
        length = round(seconds * FRAMES_A_SECOND)
        self.features = torch.randn(batch, 80, length)
        self.frames = torch.full((batch,), length)
        self.labels = torch.randint(1, LABELS, (batch, round(8 * seconds)))
        self.counts = torch.full((batch,), self.labels.shape[1])

    def step(self) -> float:
        """CPU seconds of one step."""
        start = time.process_time()
        log_probs, frames = self.model(self.features, self.frames)
        losses = ctc_losses(log_probs, frames, self.labels, self.counts)
        torch.autograd.backward(losses.mean())
        self.pruner.before_step()
        nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
        self.optimizer.step()
        if self.pruner.after_step(self.optimizer):
            zeros_by_matrix(self.pruner.weights, self.pruner.parts)
        self.optimizer.zero_grad()
        return time.process_time() - start


def main() -> None:
    """Print one line a method."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--preset", default="small", help="of conf/model")
    parser.add_argument("--batch", type=int, default=16, help="utterances")
    parser.add_argument("--seconds", type=float, default=3.75, help="of each utterance")
    parser.add_argument("--steps", type=int, default=40, help="of each method")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()  # as train.py
    trainings = {
        name: Training(options.preset, METHODS[name], options.batch, options.seconds)
        for name in dict.fromkeys(("dense", *options.methods))  # the ratios are to dense
    }
    times: dict[str, list[float]] = {name: [] for name in trainings}
    for training in trainings.values():
        training.step()  # memory is allocated
    for _ in range(options.steps):
        for name, training in trainings.items():
            times[name].append(training.step())
    median, mean = statistics.median(times["dense"]), statistics.fmean(times["dense"])
    print(f"{options.preset}, {options.batch} x {options.seconds} s, {options.steps} steps each")
    for name, own in times.items():
        print(
            f"{name:30} {1000 * statistics.median(own):7.1f} ms"
            f"   step {statistics.median(own) / median:.3f}x"
            f"   with updates {statistics.fmean(own) / mean:.3f}x"
        )


if __name__ == "__main__":
    main()
