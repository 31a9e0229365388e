"""A loader whose position in the epoch is one number."""

import functools
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from asr.data.batch import Batch
from asr.data.dataset import SpeechDataset
from asr.data.sampler import BatchPlan, BucketSampler
from asr.errors import InputError

_SECONDS_BETWEEN_LOOKS = 5.0


class _Handed(Dataset[Batch | InputError]):
    """Hands an InputError over: raised in a worker, torch would make a RuntimeError of it."""

    def __init__(self, dataset: SpeechDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, plan: BatchPlan) -> Batch | InputError:
        try:
            return self.dataset[plan]
        except InputError as error:
            return error


class ResumableLoader(DataLoader[Batch]):
    """Counts the batches it has delivered; resuming plans the epoch again and skips as many.

    Lightning saves and restores it through `state_dict` and `load_state_dict`. Sampler items are
    whole batches (`batch_size=None`), so that Lightning finds `set_epoch` on `loader.sampler`.

    `waited` is how many seconds of the pass so far its user waited for batches. The first one does
    not count: it waits for workers to start, which a longer pass pays only once.
    """

    sampler: BucketSampler

    def __init__(self, dataset: SpeechDataset, sampler: BucketSampler, workers: int) -> None:
        super().__init__(
            _Handed(dataset),  # type: ignore[arg-type]  # errors are no batches
            sampler=sampler,
            batch_size=None,
            num_workers=workers,
            pin_memory=torch.cuda.is_available(),
            worker_init_fn=functools.partial(_start_worker, os.getpid()),
            # The loader draws a worker seed at every pass: from its own generator, so that the
            # global one, which dropout uses, is the same with and without a resume.
            generator=torch.Generator().manual_seed(sampler.seed),
        )
        self.speech = dataset
        self._delivered = 0
        self.waited = 0.0

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        self._delivered = self.sampler.start
        self.waited = 0.0
        with _deaf_to_sigterm():  # until workers can tell whose it is, see _start_worker
            batches = super().__iter__()
        batch = _next(batches)
        while batch is not None:
            if isinstance(batch, InputError):
                raise batch
            self._delivered += 1
            yield batch
            asked = time.perf_counter()
            batch = _next(batches)
            self.waited += time.perf_counter() - asked

    def state_dict(self) -> dict[str, Any]:
        return {"delivered": self._delivered, "world": self.sampler.world}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if state["world"] != self.sampler.world:
            raise InputError(
                "hardware.devices and hardware.nodes",
                expected=f"{state['world']} processes, as the run began with",
                got=str(self.sampler.world),
                remedy="Continue on as many.",
            )
        self.sampler.start = self._delivered = int(state["delivered"])


@contextmanager
def _deaf_to_sigterm() -> Iterator[None]:
    """Start processes that have SIGTERM blocked; for this one it comes a moment later."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _next(batches: Iterator[Batch | InputError]) -> Batch | InputError | None:
    """The next batch or None; a worker that was killed is told as such."""
    try:
        return next(batches, None)
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise InputError(
            "a loader worker",
            expected="one that lives as long as the training",
            got=str(error),
            remedy="If nobody ended it, memory ran out: set hardware.workers=0 or 1. The same "
            "command continues.",
        ) from error


def _start_worker(parent: int, _: int) -> None:
    torch.set_num_threads(1)
    # Ctrl-C in a terminal reaches every process: only the training process answers it, by saving,
    # and for that it still needs its batches.
    for signum in (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2):  # a scheduler's, the last two
        signal.signal(signum, signal.SIG_IGN)
    # A scheduler's SIGTERM may reach every process too; only the parent's own means to end.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()


def _end_with_parent(parent: int) -> None:
    # torch's own watch takes whoever is the parent by then; ours may end right after the fork.
    while os.getppid() == parent:
        told = signal.sigtimedwait({signal.SIGTERM}, _SECONDS_BETWEEN_LOOKS)
        if told is not None and told.si_pid == parent:
            break
    os._exit(0)
