"""Features of every engine against sums written out in float64."""

import math

import numpy as np
import pytest

from asr.errors import InputError
from asr.features.mel import ENERGY_FLOOR, mel_filters
from asr.inference.feature_settings import FeatureSettings
from asr.inference.features import FeatureExtractor
from asr.inference.library import available
from asr.inference.recogniser import engine_of
from asr.inference.resampling import ResamplingFilters

ENGINES = [*available(), "numpy"]


def settings(
    kind="log_mel", window=400, hop=160, fft_size=512, bins=80, low_hz=20.0, high_hz=8000.0
):
    rng = np.random.default_rng(fft_size)
    return FeatureSettings(
        kind=kind,
        sample_rate=16000,
        window=window,
        hop=hop,
        fft_size=fft_size,
        bins=bins,
        low_hz=low_hz,
        high_hz=high_hz,
        mean=rng.standard_normal(bins).astype(np.float32),
        deviation=rng.uniform(0.5, 2, bins).astype(np.float32),
    )


def spectrogram(fft_size, window=None, hop=1):
    return settings("spectrogram", window or fft_size, hop, fft_size, fft_size // 2 + 1)


def written_out(each, waveform):
    """(F, T) by the definition: every frame times a matrix of cosines and sines."""
    frames = [
        waveform[first : first + each.window].astype(np.float64)
        for first in range(0, len(waveform) - each.window + 1, each.hop)
    ]
    hann = np.sin(np.pi * np.arange(each.window) / each.window) ** 2
    bins = np.arange(each.fft_size // 2 + 1)
    angles = np.outer(np.arange(each.window), bins) % each.fft_size * (2 * np.pi / each.fft_size)
    windowed = np.array(frames) * hann
    power = (windowed @ np.cos(angles)) ** 2 + (windowed @ np.sin(angles)) ** 2
    if each.kind == "log_mel":
        power = power @ mel_filters(each.fft_size, 16000, each.bins, each.low_hz, each.high_hz)
    return ((np.log(power + ENERGY_FLOOR) - each.mean) / each.deviation).T


# Transforms of fours, of four and two, of other primes, odd ones, the largest factor that the
# kernel takes and the next, which numpy takes for it.
@pytest.mark.parametrize(
    "each",
    [
        settings(),
        settings(fft_size=1024, bins=40),
        *(spectrogram(size) for size in (1, 2, 3, 4, 6, 8, 9, 26, 34, 64, 105, 320, 405)),
        spectrogram(400, window=320, hop=160),
        spectrogram(405, window=300),
        settings(fft_size=400),
        settings(bins=200),  # with bands too narrow for any bin
    ],
    ids=lambda each: f"{each.kind}-{each.fft_size}-{each.window}-{each.bins}",
)
@pytest.mark.parametrize("engine", ENGINES)
def test_features_are_the_sums_of_their_definition(engine, each):
    rng = np.random.default_rng(1)
    extractor = FeatureExtractor(each, engine_of(engine))
    for frames in (1, 2, 9):
        samples = rng.uniform(-1, 1, each.window + (frames - 1) * each.hop + each.hop // 2)
        # From silence to full scale: energies from nothing to 10,000.
        waveform = (samples * np.geomspace(1e-9, 1, len(samples))).astype(np.float32)
        found = extractor.features(waveform)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, written_out(each, waveform), rtol=3e-7, atol=3e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_silence_is_the_floor(engine):
    each = settings()
    found = FeatureExtractor(each, engine_of(engine)).features(np.zeros(400, np.float32))
    expected = (np.float32(math.log(ENERGY_FLOOR)) - each.mean) / each.deviation
    assert np.array_equal(found[:, 0], expected)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("each", [settings(), spectrogram(405, hop=100)], ids=["even", "odd"])
def test_a_frame_is_the_same_bits_among_any_others(engine, each):
    waveform = np.random.default_rng(2).uniform(-1, 1, 5000).astype(np.float32)
    extractor = FeatureExtractor(each, engine_of(engine))
    whole = extractor.features(waveform)
    for first, count in [(0, 1), (3, 1), (1, 5), (2, 8)]:
        some = extractor.log_energies(waveform[first * each.hop :], count)
        assert np.array_equal(some, whole[:, first : first + count])


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rates", [(441, 640), (441, 160), (3, 1), (1, 2), (147, 160)], ids=str)
def test_resampling_is_each_filters_sum_rounded_once(engine, rates):
    filters = ResamplingFilters.between(*rates)
    rows = 7  # the kernel takes four at once where there are so many
    samples = np.random.default_rng(3).standard_normal(filters.reach + (rows - 1) * rates[0])
    padded = samples.astype(np.float32)
    found = engine_of(engine).resampling(filters)(padded, rows).reshape(rows, filters.target)
    taps = filters.filters.shape[1]
    for row in range(rows):
        for j, first in enumerate(filters.firsts):
            seen = padded[row * filters.original + first :][:taps].astype(np.float64)
            exact = math.fsum(filters.filters[j] * seen)
            half = np.spacing(np.float32(abs(exact))) / 2
            assert abs(float(found[row, j]) - exact) <= half * (1 + 1e-6)
        alone = engine_of(engine).resampling(filters)(padded[row * filters.original :], 1)
        assert np.array_equal(alone, found[row])


@pytest.mark.parametrize("engine", ENGINES)
def test_what_is_not_finite_stays_so(engine):
    extractor = FeatureExtractor(settings(), engine_of(engine))
    waveform = np.zeros(400, np.float32)
    waveform[200] = np.nan
    assert np.isnan(extractor.features(waveform)).all()
    waveform[200] = np.inf
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(extractor.features(waveform)).any()


@pytest.mark.parametrize(
    "changes",
    [
        {"fft_size": 2**15},
        {"window": 1, "hop": 1, "fft_size": 2**11},
        {"fft_size": 2**14, "bins": 300},
        {"low_hz": 0.0, "high_hz": 1e-13},
    ],
    ids=str,
)
def test_settings_that_would_take_endless_time_or_memory(changes):
    with pytest.raises(InputError, match="feature settings"):
        settings(**changes).bands()
