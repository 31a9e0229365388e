import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.data.sampler import BatchPlan, BucketSampler, EpochLengths, plan_batches, shard_evenly
from asr.errors import InputError

LENGTHS = st.lists(st.integers(1, 500), min_size=1, max_size=200).map(np.array)


def sampler(frames: np.ndarray, **changes: object) -> BucketSampler:
    settings = {
        "frame_budget": 1000,
        "max_utterances": 8,
        "seed": 3,
        "sorted_first_epoch": True,
        "shuffle": True,
        **changes,
    }
    return BucketSampler(lambda _: EpochLengths(frames, np.ones(len(frames))), **settings)  # type: ignore[arg-type]


def indices(plans: list[BatchPlan]) -> list[int]:
    return [index for plan in plans for index in plan.utterances]


@given(LENGTHS, st.integers(500, 3000), st.integers(1, 20), st.integers(0, 9), st.booleans())
def test_every_utterance_once_and_no_padded_batch_over_budget(
    frames: np.ndarray, budget: int, most: int, seed: int, shuffle: bool
) -> None:
    batches = plan_batches(frames, budget, most, seed=seed, shuffle=shuffle)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(frames)))
    for batch in batches:
        assert 1 <= len(batch) <= most
        assert len(batch) * frames[batch].max() <= budget


def test_batches_are_filled_greedily() -> None:
    frames = np.array([10, 40, 20, 30, 50])
    batches = plan_batches(frames, 90, 8, seed=0, shuffle=False)
    # Ascending 10 20 30 | 40 ... : 3 x 30 = 90 fits, 4 x 40 does not; 2 x 50 does not either.
    assert [batch.tolist() for batch in batches] == [[0, 2, 3], [1], [4]]


def test_an_utterance_over_the_budget_is_an_error() -> None:
    with pytest.raises(InputError, match="batch_seconds"):
        plan_batches(np.array([10, 1001]), 1000, 8, seed=0, shuffle=True)


@given(LENGTHS, st.integers(1, 5), st.integers(0, 3))
@settings(max_examples=60)
def test_processes_share_an_epoch_without_repeats_or_gaps(
    frames: np.ndarray, world: int, epoch: int
) -> None:
    if len(frames) < world:
        with pytest.raises(InputError, match="processes"):
            sampler(frames, world=world).plan(epoch)
        return
    plans = [sampler(frames, rank=rank, world=world).plan(epoch) for rank in range(world)]
    assert len({len(plan) for plan in plans}) == 1  # equal numbers of steps
    assert sorted(index for plan in plans for index in indices(plan)) == list(range(len(frames)))


@given(LENGTHS, st.integers(1, 5))
def test_evaluation_covers_everything_once_on_every_process(frames: np.ndarray, world: int) -> None:
    if len(frames) < world:
        return
    plans = [
        sampler(frames, rank=rank, world=world, shuffle=False, sorted_first_epoch=False).plan(0)
        for rank in range(world)
    ]
    assert all(plans)  # Lightning refuses an empty loader
    assert sorted(index for plan in plans for index in indices(plan)) == list(range(len(frames)))


def test_sharding_splits_the_largest() -> None:
    shards = shard_evenly([np.arange(2), np.arange(2, 8)], 3)
    assert [shard.tolist() for shard in shards] == [[0, 1], [2, 3, 4], [5, 6, 7]]


def test_sorted_first_epoch_then_shuffled_differently() -> None:
    frames = np.random.default_rng(0).integers(50, 400, 100)
    ours = sampler(frames)
    lengths = [frames[list(plan.utterances)].max() for plan in ours.plan(0)]
    assert lengths == sorted(lengths)
    epochs = [[plan.utterances for plan in ours.plan(epoch)] for epoch in (1, 2, 3)]
    assert epochs[0] != epochs[1] != epochs[2]
    # Other companions too, not only another order of the same batches.
    assert set(epochs[0]) != set(epochs[1])


def test_a_resumed_epoch_is_the_rest_of_the_same() -> None:
    frames = np.random.default_rng(1).integers(50, 400, 100)
    whole, resumed = sampler(frames), sampler(frames)
    for each in (whole, resumed):
        each.set_epoch(4)
    expected = list(whole)
    resumed.start = 5
    assert list(resumed) == expected[5:]
    assert len(resumed) == len(expected)
    assert list(resumed) == expected  # the start holds for one pass


def test_another_seed_is_another_order() -> None:
    frames = np.random.default_rng(2).integers(50, 400, 100)
    assert sampler(frames, seed=1).plan(1) != sampler(frames, seed=2).plan(1)
