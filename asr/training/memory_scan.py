"""Before epoch 1: does the worst batch fit into memory, and if not, whose fault is it?"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from asr.data.dataset import SpeechDataset
from asr.data.loader import ResumableLoader
from asr.data.manifest import Utterance
from asr.data.sampler import BatchPlan, EpochLengths
from asr.memory import fitting_into_memory
from asr.training.module import SpeechModule


def worst_batches(plans: Sequence[BatchPlan], lengths: EpochLengths) -> list[BatchPlan]:
    """The batch with the most padded frames and the one with the longest utterance."""

    def longest(plan: BatchPlan) -> int:
        return int(lengths.frames[list(plan.utterances)].max())

    most = max(plans, key=lambda plan: len(plan.utterances) * longest(plan))
    return list(dict.fromkeys([most, max(plans, key=longest)]))


class WorstBatchScan(Callback):
    """Runs the worst batches of the first epoch forward and backward, and forgets them."""

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        assert isinstance(module, SpeechModule)
        if trainer.global_step > 0:
            return
        loader = trainer.train_dataloader
        assert isinstance(loader, ResumableLoader)
        lengths = loader.sampler.lengths(0)
        statistics = [(buffer, buffer.clone()) for buffer in module.buffers()]
        precision = trainer.precision_plugin.forward_context
        with torch.random.fork_rng([module.device] if module.device.type == "cuda" else []):
            for plan in worst_batches(loader.sampler.plan(0), lengths):
                scan(module, loader.speech, plan, precision)
                module.zero_grad(set_to_none=True)
        for buffer, before in statistics:
            buffer.copy_(before)


def scan(
    module: SpeechModule,
    dataset: SpeechDataset,
    plan: BatchPlan,
    precision: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> None:
    """One forward and backward pass; raises InputError naming the longest if memory runs out."""
    batch = dataset[plan]  # features are computed in full precision
    worst = _longest(dataset.utterances, plan)
    with fitting_into_memory(
        f"worst batch of the epoch ({len(plan.utterances)} utterances)",
        f"its longest is {worst.id}, {worst.seconds:.1f} s",
        "Lower data.batch_seconds or data.max_seconds.",
    ):
        with precision():
            log_probs, _ = module(batch.to(module.device))
        log_probs.sum().backward()


def _longest(utterances: Sequence[Utterance], plan: BatchPlan) -> Utterance:
    return max((utterances[index] for index in plan.utterances), key=lambda u: u.seconds)
