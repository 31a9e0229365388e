"""Train as `train.py` does, and have each process write the masks and weights that it holds."""

import os
import sys
from pathlib import Path
from typing import Any

import torch

import train
from asr.sparsity.pruner import Pruner


def main(folder: Path) -> None:
    """Write `rank<number>-<step>.pt` after every optimizer step."""
    after_step = Pruner.after_step

    def watched(self: Pruner, optimizer: torch.optim.Optimizer) -> Any:
        update = after_step(self, optimizer)
        held = {name: self.weights[name].detach().clone() for name in self.pruned}
        torch.save(
            (dict(self.kept), held), folder / f"rank{os.environ['SLURM_PROCID']}-{self.step}.pt"
        )
        return update

    Pruner.after_step = watched  # type: ignore[method-assign]
    train.main()


if __name__ == "__main__":
    main(Path(sys.argv.pop(1)))
