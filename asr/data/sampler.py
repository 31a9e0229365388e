"""Which utterances make which batch of which epoch: metadata only, no I/O, no hidden state."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from torch.utils.data import Sampler

from asr.errors import InputError


@dataclass(frozen=True, slots=True)
class EpochLengths:
    """The utterances of one epoch as speed perturbation leaves them."""

    frames: np.ndarray  # (utterances,) feature frames
    speeds: np.ndarray  # (utterances,) tempo factor, 1.0 = unchanged


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """One batch, small enough to send to a loader's worker."""

    epoch: int
    utterances: tuple[int, ...]  # indices into the dataset
    speeds: tuple[float, ...]


def plan_batches(
    frames: np.ndarray, frame_budget: int, max_utterances: int, *, seed: int, shuffle: bool
) -> list[np.ndarray]:
    """Group utterances of similar length so that no padded batch exceeds the budget.

    Args:
        frames: (utterances,) feature frames.
        frame_budget: most frames of a batch after padding: its utterances x its longest.
        max_utterances: most utterances of a batch.
        seed: of the jitter on the lengths, by which a neighbour changes from epoch to epoch.
        shuffle: False keeps the lengths exactly ascending and without jitter (SortaGrad).

    Returns:
        Index arrays, ascending in length; every utterance is in exactly one.
    """
    if len(frames) == 0:
        return []
    if (longest := int(frames.max())) > frame_budget:
        raise InputError(
            "frame budget of a batch",
            expected=f"at least the longest utterance, {longest} frames",
            got=f"{frame_budget} frames",
            remedy="Raise data.batch_seconds, or lower data.max_seconds.",
        )
    jitter = np.random.default_rng(seed).uniform(0.9, 1.1, len(frames)) if shuffle else 1.0
    order = np.argsort(frames * jitter, kind="stable")
    starts, longest, start = [0], 0, 0
    for position, length in enumerate(frames[order].tolist()):
        longest = max(longest, length)
        count = position - start + 1
        if count > max_utterances or count * longest > frame_budget:
            starts.append(position)
            start, longest = position, length
    return np.split(order, starts[1:])


def shard_evenly(batches: list[np.ndarray], world: int) -> list[np.ndarray]:
    """Split the largest batches until their number divides by `world` processes.

    Every process then takes the same number of steps, and no utterance is repeated or left out
    (torch's DistributedSampler does one or the other).
    """
    batches = list(batches)
    for _ in range(-len(batches) % world):
        largest = max(range(len(batches)), key=lambda index: len(batches[index]))
        batch = batches[largest]
        if len(batch) < 2:
            raise InputError(
                "data-parallel training and validation",
                expected=f"a number of batches that {world} processes can share, or batches of "
                "several utterances, which can be split until it is",
                got=f"{len(batches)} batches of an utterance each",
                remedy="Use fewer processes or more data, or raise data.max_batch or "
                "data.batch_seconds.",
            )
        batches[largest : largest + 1] = [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
    return batches


class BucketSampler(Sampler[BatchPlan]):
    """The batches of one process, a pure function of (seed, epoch): resuming is an index.

    Lightning calls `set_epoch`. `start` is the batch to begin at, for one pass.

    Args:
        lengths: epoch -> lengths of all utterances in that epoch.
        frame_budget: see `plan_batches`.
        max_utterances: see `plan_batches`.
        seed: of the run.
        sorted_first_epoch: SortaGrad (arXiv 1512.02595, section 3.2): epoch 0 in order of length.
        shuffle: False for evaluation.
        rank: of this process.
        world: number of processes.
    """

    def __init__(
        self,
        lengths: Callable[[int], EpochLengths],
        *,
        frame_budget: int,
        max_utterances: int,
        seed: int,
        sorted_first_epoch: bool,
        shuffle: bool,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        self.lengths, self.seed = lengths, seed
        self.frame_budget, self.max_utterances = frame_budget, max_utterances
        self.sorted_first_epoch, self.shuffle = sorted_first_epoch, shuffle
        self.rank, self.world = rank, world
        self.epoch = self.start = 0
        self._planned: tuple[int, list[BatchPlan]] | None = None

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def plan(self, epoch: int) -> list[BatchPlan]:
        """All batches of this process in `epoch`."""
        if self._planned is None or self._planned[0] != epoch:
            self._planned = (epoch, self._plan(epoch))
        return self._planned[1]

    def _plan(self, epoch: int) -> list[BatchPlan]:
        lengths = self.lengths(epoch)
        shuffle = self.shuffle and not (self.sorted_first_epoch and epoch == 0)
        seed = int(np.random.SeedSequence([self.seed, epoch]).generate_state(1)[0])
        batches = plan_batches(
            lengths.frames, self.frame_budget, self.max_utterances, seed=seed, shuffle=shuffle
        )
        # Evaluation takes no common steps, but Lightning wants a batch for every process.
        if self.shuffle or len(batches) < self.world:
            batches = shard_evenly(batches, self.world)
        # Batches of one step are neighbours in length, so no process waits long for another.
        steps = np.arange(-(-len(batches) // self.world))
        if shuffle:
            np.random.default_rng(seed).shuffle(steps)
        own = [step * self.world + self.rank for step in steps]
        return [
            BatchPlan(epoch, tuple(batches[i].tolist()), tuple(lengths.speeds[batches[i]].tolist()))
            for i in own
            if i < len(batches)
        ]

    def __len__(self) -> int:
        return len(self.plan(self.epoch))

    def __iter__(self) -> Iterator[BatchPlan]:
        start, self.start = self.start, 0
        yield from self.plan(self.epoch)[start:]


def optimizer_steps(sampler: BucketSampler, epochs: int, accumulate: int) -> int:
    """Steps of each process in `epochs` epochs: every one of them is planned to be counted."""
    return sum(-(-len(sampler.plan(epoch)) // accumulate) for epoch in range(epochs))
