"""Models to export: the tiny one with every kind of layer, some of its blocks zeroed."""

from dataclasses import replace

import torch

from asr.checkpoint import Sparsity, TrainedModel
from tests.finished_run import blueprint, talkative


def pruned(block=(4, 4), sparsity=0.7, seed=0, **model) -> TrainedModel:
    """A tiny model whose recurrent layers' matrices lost random blocks, norms not the identity."""
    trained = talkative(blueprint(**model).build(), seed)
    generator = torch.Generator().manual_seed(seed)
    names = []
    with torch.no_grad():
        for name, weight in trained.model.named_parameters():
            if name.startswith("recurrent.layers") and weight.dim() == 2:
                names.append(name)
                grid = torch.rand(
                    -(-weight.shape[0] // block[0]),
                    -(-weight.shape[1] // block[1]),
                    generator=generator,
                )
                mask = (grid > sparsity).repeat_interleave(block[0], 0)[: weight.shape[0]]
                mask = mask.repeat_interleave(block[1], 1)[:, : weight.shape[1]]
                weight.mul_(mask / (weight.shape[1] * 0.1) ** 0.5)
        for name, values in [
            *trained.model.named_parameters(),
            *trained.model.named_buffers(),
        ]:
            if "norm" in name:
                values.copy_(0.5 + torch.rand(values.shape, generator=generator))
    return replace(trained, sparsity=Sparsity("gradual_block", block, tuple(names)))
