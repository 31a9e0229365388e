"""Do intervals cover the truth, and do tests reject as rarely as they say?

`pytest tests/statistics/test_simulation.py -s` prints the rates that docs/statistics.md states,
and `-m flow` those of more settings.
"""

from statistics import NormalDist

import numpy as np
import pytest

from asr.statistics.bootstrap import bootstrap, resampling_weights
from asr.statistics.interval import by_cluster, error_rate_interval
from asr.statistics.mapsswe import matched_pairs_p, segment_errors
from asr.statistics.non_inferiority import non_inferiority_p
from asr.statistics.power import utterances_needed
from tests.statistics.simulation import simulate, true_rate

SETS, RESAMPLES = 1000, 1000


def covered(interval, truth: float) -> bool:
    return interval.low <= truth <= interval.high


def check_coverage(name: str, hits: list[bool]) -> None:
    rate = float(np.mean(hits))
    print(f"{name}: covered in {100 * rate:.1f} % of {len(hits)} sets")
    assert 0.93 <= rate <= 0.97, name


def check_false_positives(name: str, p_values: list[float]) -> None:
    rate = float(np.mean(np.array(p_values) < 0.05))
    print(f"{name}: p below 0.05 in {100 * rate:.1f} % of {len(p_values)} sets without difference")
    assert 0.035 <= rate <= 0.065, name


def check_pairs(utterances: int, a: float, b: float, seed: int, own_share: float = 0.5) -> None:
    rng = np.random.default_rng(seed)
    rate, difference, relative = [], [], []
    for _ in range(SETS):
        drawn = simulate(rng, utterances, a, b, own_share=own_share)
        left, right, words = drawn.errors("a"), drawn.errors("b"), drawn.words
        rate.append(covered(error_rate_interval(left, words, resamples=RESAMPLES), true_rate(a)))
        gap = bootstrap(right - left, words, RESAMPLES, 0).symmetric_interval()
        difference.append(covered(gap, true_rate(b) - true_rate(a)))
        gap = bootstrap(right - left, left, RESAMPLES, 0).symmetric_interval()
        relative.append(covered(gap, b / a - 1))
    about = f"{utterances} utterances, WER {true_rate(a):.3f} and {true_rate(b):.3f}"
    check_coverage(f"{about}: WER", rate)
    check_coverage(f"{about}: difference", difference)
    check_coverage(f"{about}: relative", relative)


def check_null(utterances: int, mean: float, seed: int) -> None:
    """Systems that differ by chance alone, within utterances that are equally hard for both."""
    rng = np.random.default_rng(seed)
    paired, segments, by_utterance, inferior = [], [], [], []
    margin = 0.1
    for _ in range(SETS):
        drawn = simulate(rng, utterances, mean, mean)
        left, right, words = drawn.errors("a"), drawn.errors("b"), drawn.words
        paired.append(bootstrap(right - left, words, RESAMPLES, 0).p())
        segments.append(matched_pairs_p(*segment_errors(drawn.a, drawn.b)))
        by_utterance.append(matched_pairs_p(left, right))
        worse = simulate(rng, utterances, mean, (1 + margin) * mean)
        errors = worse.errors("a"), worse.errors("b")
        inferior.append(non_inferiority_p(*errors, worse.words, margin, RESAMPLES))
    about = f"{utterances} utterances, WER {true_rate(mean):.3f}"
    check_false_positives(f"{about}: paired bootstrap", paired)
    check_false_positives(f"{about}: MAPSSWE", segments)
    check_false_positives(f"{about}: matched pairs by utterance", by_utterance)
    check_claims(f"{about}: within 10 %", inferior)


def check_claims(name: str, p_values: list[float]) -> None:
    rate = float(np.mean(np.array(p_values) < 0.025))
    print(f"{name} claimed in {100 * rate:.1f} % of {len(p_values)} sets just beyond (2.5 %)")
    assert rate <= 0.025 + 0.0125, name


def test_coverage_of_intervals() -> None:
    check_pairs(300, 0.06, 0.075, seed=1)


def test_false_positives() -> None:
    check_null(300, 0.06, seed=2)


def test_segments_are_no_units_where_systems_have_hard_utterances_of_their_own() -> None:
    """What docs/statistics.md warns of: MAPSSWE takes an utterance's segments as independent."""
    rng, sets = np.random.default_rng(5), 2 * SETS
    rejected = dict.fromkeys(("bootstrap", "by utterance", "MAPSSWE"), 0)
    for _ in range(sets):
        drawn = simulate(rng, 300, 0.06, 0.06, own_share=0.5)
        left, right = drawn.errors("a"), drawn.errors("b")
        gap = bootstrap(right - left, drawn.words, RESAMPLES, 0)
        rejected["bootstrap"] += gap.p() < 0.05
        rejected["by utterance"] += matched_pairs_p(left, right) < 0.05
        rejected["MAPSSWE"] += matched_pairs_p(*segment_errors(drawn.a, drawn.b)) < 0.05
    print(f"half the difficulty a system's own, p below 0.05 in so many of {sets} sets: {rejected}")
    assert 0.035 <= rejected["bootstrap"] / sets <= 0.065
    assert 0.035 <= rejected["by utterance"] / sets <= 0.065
    assert rejected["MAPSSWE"] / sets > 0.065


def test_coverage_by_speaker() -> None:
    rng = np.random.default_rng(3)
    by_speaker, by_utterance = [], []
    for _ in range(SETS):
        drawn = simulate(rng, 500, 0.06, 0.06, speakers=25, speaker_share=0.7)
        errors = drawn.errors("a")
        for hits, clusters in ((by_speaker, drawn.speakers), (by_utterance, None)):
            found = error_rate_interval(errors, drawn.words, clusters=clusters, resamples=RESAMPLES)
            hits.append(covered(found, true_rate(0.06)))
    check_coverage("25 speakers who differ, 500 utterances: WER by speaker", by_speaker)
    rate = float(np.mean(by_utterance))
    print(f"the same by utterance: covered in {100 * rate:.1f} %")
    assert rate < 0.9  # other speakers are another population, which utterances know nothing of


@pytest.mark.flow
@pytest.mark.parametrize(("speakers", "each"), [(25, 20), (40, 65)])
def test_false_positives_where_speakers_are_hard_for_one_system(speakers: int, each: int) -> None:
    """What `compare` draws speakers for: each system has hard speakers of its own.

    Their difficulty varies by half of its mean (CV 0.5), as it does between people; neither system
    is better on all people.
    """
    rng = np.random.default_rng(speakers)
    who = np.repeat(np.arange(speakers), each)
    p_values: dict[str, list[float]] = {"speakers": [], "utterances": []}
    inferior, margin = [], 0.1
    for _ in range(SETS):
        words = rng.integers(1, 31, len(who)).astype(float)
        shared = rng.gamma(2, 1 / 2, len(who))  # of the utterance, for both
        a, b = (
            rng.poisson(0.07 * words * shared * rng.gamma(4, 1 / 4, speakers)[who]).astype(float)
            for _ in "ab"
        )
        for drawn, clusters in (("speakers", who), ("utterances", None)):
            gap, lengths = by_cluster(b - a, clusters), by_cluster(words, clusters)
            p_values[drawn].append(bootstrap(gap, lengths, RESAMPLES, 0).p())
        worse = rng.poisson(
            0.07 * (1 + margin) * words * shared * rng.gamma(4, 1 / 4, speakers)[who]
        )
        units = (by_cluster(one, who) for one in (a, worse, words))
        inferior.append(non_inferiority_p(*units, margin, RESAMPLES))
    about = f"{speakers} speakers of {each} utterances, hard for one system"
    check_false_positives(f"{about}, speakers drawn", p_values["speakers"])
    rate = float(np.mean(np.array(p_values["utterances"]) < 0.05))
    print(f"{about}, utterances drawn: p below 0.05 in {100 * rate:.1f} %")
    assert rate > 0.3  # an utterance says nothing of other speakers
    check_claims(f"{about}: within 10 %", inferior)


@pytest.mark.parametrize(
    ("utterances", "wrong", "size"),
    [
        (300, 0.05, 1),
        *(
            pytest.param(*each, marks=pytest.mark.flow)
            for each in ((1000, 0.1, 1), (1000, 0.1, 3), (3000, 0.3, 1))
        ),
    ],
)
def test_claims_where_both_systems_err_alike(utterances: int, wrong: float, size: int) -> None:
    """b has a's errors and, in few utterances, more: as many as take it to 5 % of a's.

    Disagreements that were not seen have no part in what the bootstrap alone takes for spread.
    """
    rng = np.random.default_rng(utterances)
    margin, lengths, alone, claimed = 0.05, np.full(utterances, 10.0), [], []
    for _ in range(SETS):
        a = size * (rng.random(utterances) < wrong).astype(float)
        b = a + size * (rng.random(utterances) < margin * wrong)
        alone.append(bootstrap(b - (1 + margin) * a, lengths, 200, 0).p_below() < 0.025)
        claimed.append(non_inferiority_p(a, b, lengths, margin, 200))
    name = f"{utterances} utterances, {wrong} wrong by {size}: within 5 %"
    print(f"{name} by the bootstrap alone in {100 * np.mean(alone):.1f} %")
    check_claims(name, claimed)


def test_power_is_what_the_number_of_utterances_promises() -> None:
    rng = np.random.default_rng(4)
    pilot = simulate(rng, 20_000, 0.06, 0.08)
    needed = utterances_needed(pilot.errors("b") - pilot.errors("a"), pilot.words)
    assert needed is not None
    found = []
    for _ in range(500):
        drawn = simulate(rng, needed, 0.06, 0.08)
        gap = drawn.errors("b") - drawn.errors("a")
        found.append(bootstrap(gap, drawn.words, 500, 0).p() < 0.05)
    print(f"{needed} utterances: found in {100 * np.mean(found):.1f} % of 500 sets (nominal 80 %)")
    assert 0.75 <= np.mean(found) <= 0.85


@pytest.mark.flow
@pytest.mark.parametrize(
    ("utterances", "a", "b"),
    [(100, 0.06, 0.06), (300, 0.02, 0.025), (300, 0.09, 0.1), (1000, 0.03, 0.033)],
)
def test_coverage_of_intervals_elsewhere(utterances: int, a: float, b: float) -> None:
    check_pairs(utterances, a, b, seed=utterances)


@pytest.mark.flow
@pytest.mark.parametrize(("utterances", "mean"), [(100, 0.06), (300, 0.02), (1000, 0.03)])
def test_false_positives_elsewhere(utterances: int, mean: float) -> None:
    check_null(utterances, mean, seed=utterances)


@pytest.mark.flow
@pytest.mark.parametrize(
    ("utterances", "speakers", "concentration", "least"),
    [(30, 1, 1.5, 93), (100, 1, 1.5, 93), (300, 20, 5.0, 93), (300, 20, 1.5, 90)],
)
def test_percentile_intervals_cover_less(
    utterances: int, speakers: int, concentration: float, least: float
) -> None:
    """Very uneven errors (concentration 1.5), for which the studentised interval was chosen.

    Among 20 speakers of whom a few make nearly all errors, none of them covers in 95 %.
    """
    rng = np.random.default_rng(6)
    hits: dict[str, list[bool]] = {"percentile": [], "BCa": [], "studentised": []}
    for _ in range(SETS):
        share = 0.7 if speakers > 1 else 0.0
        drawn = simulate(
            rng,
            utterances,
            0.09,
            0,
            speakers=speakers,
            speaker_share=share,
            concentration=concentration,
        )
        clusters = drawn.speakers if speakers > 1 else None
        errors, words = (by_cluster(v, clusters) for v in (drawn.errors("a"), drawn.words))
        weights = resampling_weights(len(words), RESAMPLES, 0)
        rates, rate = (weights @ errors) / (weights @ words), errors.sum() / words.sum()
        ends = {
            "percentile": np.quantile(rates, [0.025, 0.975]),
            "BCa": np.quantile(rates, bca_levels(rates, rate, errors, words)),
        }
        found = error_rate_interval(errors, words, resamples=RESAMPLES)
        ends["studentised"] = np.array([found.low, found.high])
        for name, (low, high) in ends.items():
            hits[name].append(low <= true_rate(0.09) <= high)
    covered_in = {name: round(100 * float(np.mean(one)), 1) for name, one in hits.items()}
    about = f"{utterances} utterances, {speakers} speakers, concentration {concentration}"
    print(f"{about}, covered in %: {covered_in}")
    assert covered_in["percentile"] < covered_in["BCa"] < covered_in["studentised"]
    assert least <= covered_in["studentised"] <= 97


def bca_levels(
    rates: np.ndarray, rate: float, errors: np.ndarray, words: np.ndarray
) -> list[float]:
    """Percentiles of the bias-corrected and accelerated interval (Efron 1987)."""
    normal = NormalDist()
    bias = normal.inv_cdf(min(max(float(np.mean(rates < rate)), 0.001), 0.999))
    without = (errors.sum() - errors) / (words.sum() - words)
    gap = without.mean() - without
    acceleration = (gap**3).sum() / (6 * (gap**2).sum() ** 1.5)
    return [normal.cdf(bias + (bias + z) / (1 - acceleration * (bias + z))) for z in (-1.96, 1.96)]
