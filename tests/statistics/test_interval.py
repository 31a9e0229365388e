import time

import numpy as np
import pytest

from asr.statistics.interval import error_rate_interval, speaker_clusters


def test_the_estimate_is_pooled_and_no_mean_of_rates() -> None:
    interval = error_rate_interval(np.array([2.0, 0.0, 1.0]), np.array([2.0, 10.0, 8.0]))
    assert interval.estimate == pytest.approx(3 / 20)  # the mean of rates would be 0.375
    assert 0 <= interval.low <= interval.estimate <= interval.high


def test_an_empty_reference_adds_its_insertions() -> None:
    interval = error_rate_interval(np.array([2.0, 0.0, 1.0]), np.array([0.0, 10.0, 8.0]))
    assert interval.estimate == pytest.approx(3 / 18)


def test_equal_draws_for_equal_seeds() -> None:
    errors, lengths = np.arange(30.0) % 4, np.full(30, 9.0)
    assert error_rate_interval(errors, lengths) == error_rate_interval(errors, lengths)
    assert error_rate_interval(errors, lengths) != error_rate_interval(errors, lengths, seed=1)


def test_speakers_are_clusters_from_twenty_on() -> None:
    names = [f"s{i % 20}" for i in range(60)]
    clusters = speaker_clusters(names)
    assert clusters is not None
    assert [names.index(name) for name in names] == [
        clusters.tolist().index(number) for number in clusters
    ]
    assert speaker_clusters(names[:19]) is None
    assert speaker_clusters([*names[:19], *[""] * 30]) is None


def test_each_utterance_without_a_name_is_a_cluster_of_its_own() -> None:
    names = [f"s{i % 20}" for i in range(60)]
    clusters = speaker_clusters(["", *names, "", ""])
    assert clusters is not None
    assert sorted(set(clusters.tolist())) == list(range(23))
    counted = np.bincount(clusters)
    assert counted[clusters[[0, 61, 62]]].tolist() == [1, 1, 1]
    assert sorted(counted.tolist()) == [1] * 3 + [3] * 20
    plain = speaker_clusters(names)
    assert plain is not None
    assert [(a == b) for a in plain for b in plain] == [
        (a == b) for a in clusters[1:61] for b in clusters[1:61]
    ]


def test_speakers_who_differ_widen_the_interval_and_their_order_is_nothing() -> None:
    clusters = np.repeat(np.arange(20), 10)
    errors = np.where(clusters < 5, 5.0, 0.0)
    lengths = np.full(200, 10.0)
    by_utterance = error_rate_interval(errors, lengths)
    by_speaker = error_rate_interval(errors, lengths, clusters=clusters)
    assert by_speaker.estimate == by_utterance.estimate
    assert by_speaker.high - by_speaker.low > 2 * (by_utterance.high - by_utterance.low)
    # Speakers drawn: the same as one long utterance each.
    assert by_speaker == error_rate_interval(np.repeat([50.0, 0.0], [5, 15]), np.full(20, 100.0))


def test_two_thousand_systems_take_seconds() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 30, 300).astype(float)
    errors = rng.poisson(lengths / 10, (100, 300)).astype(float)
    error_rate_interval(errors[0], lengths)
    started = time.process_time()
    for one in errors:
        error_rate_interval(one, lengths)
    assert time.process_time() - started < 1.0  # 0.1 s were measured
