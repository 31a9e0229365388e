"""A stream gives what the whole recording would, however it is cut, in constant memory."""

from dataclasses import replace
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr.audio import read
from asr.errors import InputError
from asr.inference.folding import folded
from asr.inference.library import available
from asr.inference.random_model import random_model
from asr.inference.recogniser import Recogniser
from asr.inference.streaming.features import StreamingFeatures
from asr.inference.streaming.tail import Tail
from asr.inference.streaming.text import GrowingText
from asr.text import BpeVocabulary, CharacterVocabulary
from tests.finished_run import write_audio
from tests.inference.exported import pruned

ENGINES = [*available(), "numpy"]
ONE_WAY = {
    "gru": {"lookahead": 3, "projection": 24},
    "lstm": {"cell": "lstm"},
    "tanh": {"cell": "rnn", "nonlinearity": "tanh", "shared_input": True, "lookahead": 20},
    "clipped_relu": {"cell": "rnn", "nonlinearity": "clipped_relu"},
    "no_convolutions": {"convolutions": []},
    # A stride beyond the kernel: frames that no output sees.
    "strides": {
        "hidden": 30,
        "convolutions": [
            {"channels": 3, "kernel": [5, 7], "stride": [3, 1]},
            {"channels": 4, "kernel": [1, 3], "stride": [1, 5]},
        ],
    },
}
RATES = (16000, 8000, 11025, 22050, 44100, 48000)


@pytest.fixture(scope="module")
def recogniser():
    made = {}

    def get(name, engine):
        if (name, engine) not in made:
            trained = pruned(directions="one", **ONE_WAY[name])
            # Random states of the clipped ReLU run into the tens; logits as small as trained ones.
            trained.model.output.weight.data *= 0.1
            model = folded(trained, {})
            made[name, engine] = Recogniser(model, engine=engine)
        return made[name, engine]

    return get


@pytest.fixture(scope="module")
def audio(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audio")

    def get(seconds, rate, seed=0):
        path = folder / f"{seconds}_{rate}_{seed}.wav"
        return read(path if path.is_file() else write_audio(path, seconds, rate=rate, seed=seed))[0]

    return get


def cut(samples, sizes):
    """Pieces of those sizes, the last size again and again."""
    places = np.cumsum(sizes)
    regular = np.arange(places[-1], len(samples) + sizes[-1], sizes[-1])
    return np.split(samples, np.unique(np.concatenate([places, regular]).clip(0, len(samples))))


def assert_equal_to_the_whole(recogniser, samples, rate, pieces):
    expected = recogniser.log_probabilities([(samples, rate)])[0]
    stream = recogniser.stream_log_probabilities(rate)
    found = [*map(stream.accept, pieces), stream.finish()]
    np.testing.assert_allclose(np.concatenate(found), expected, atol=1e-5, rtol=0)
    spoken = recogniser.stream(rate)
    partial = [*map(spoken.accept, pieces), spoken.finish()]
    assert partial[-1] == recogniser.transcribe(samples, rate)
    # Only the last word of a partial text may still change.
    assert all(after.startswith(before) for before, after in pairwise(partial))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ONE_WAY)
def test_streams_equal_the_whole(name, engine, recogniser, audio):
    for rate in RATES:
        samples = audio(1.1, rate)
        for sizes in ([rate // 50], [rate], [len(samples)], [1, 3, 1000, 17, 5000, 333]):
            pieces = cut(samples, sizes)
            assert_equal_to_the_whole(recogniser(name, engine), samples, rate, pieces)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("rate", [16000, 44100])
def test_sample_by_sample(engine, rate, recogniser, audio):
    samples = audio(0.12, rate)
    assert_equal_to_the_whole(recogniser("gru", engine), samples, rate, cut(samples, [1]))


@pytest.mark.parametrize("name", ["gru", "lstm", "strides"])
@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    rate=st.sampled_from(RATES),
    seconds=st.sampled_from([0.0, 0.004, 0.03, 0.3, 1.1]),
    sizes=st.lists(st.integers(0, 20000) | st.integers(0, 300), min_size=1, max_size=30),
)
def test_any_chunks(name, rate, seconds, sizes, recogniser):
    samples = np.random.default_rng(rate).normal(size=int(seconds * rate)) * 0.1
    pieces = cut(samples.astype(np.float32), [*sizes, 1234])
    assert_equal_to_the_whole(recogniser(name, ENGINES[0]), samples, rate, pieces)


@pytest.mark.parametrize("samples", [0, 1, 399, 400, 401, 8000])
def test_silence_and_hardly_anything(samples, recogniser):
    silence = np.zeros(samples, np.float32)
    for rate in (16000, 44100):
        for name in ("gru", "no_convolutions"):
            pieces = cut(silence, [160])
            assert_equal_to_the_whole(recogniser(name, ENGINES[0]), silence, rate, pieces)


def test_the_features_are_the_wholes(recogniser, audio):
    extractor = recogniser("gru", ENGINES[0])._features
    for rate in RATES:
        samples = audio(1.1, rate)
        stream = StreamingFeatures(extractor, rate)
        found = [stream(piece, False) for piece in cut(samples, [rate // 50])]
        found.append(stream(samples[:0], True))
        np.testing.assert_allclose(np.concatenate(found).T, extractor(samples, rate), atol=1e-6)


@pytest.mark.parametrize(("rate", "rounding"), [(16000, 0), (8000, 2), (44100, 4)])
@pytest.mark.parametrize("name", ["gru", "strides", "no_convolutions"])
def test_outputs_come_as_early_as_the_latency_says(name, rate, rounding, recogniser):
    this = recogniser(name, ENGINES[0])
    noise = np.random.default_rng(0).normal(size=rate // 2).astype(np.float32) * 0.1
    stream = this.stream_log_probabilities(rate)
    came = np.cumsum([len(stream.accept(noise[at : at + 1])) for at in range(len(noise))])
    first = np.searchsorted(came, np.arange(1, came[-1] + 1)) + 1  # samples needed
    seconds = stream.latency_seconds + this.model.hop / 16000 * np.arange(came[-1])
    # Between two rates, to the source sample that a resampled one falls on.
    np.testing.assert_allclose(first, seconds * rate, rtol=0, atol=rounding + 1e-6)
    assert came[-1] > 3


def test_memory_stays_as_it_is_for_an_hour():
    recogniser = Recogniser(random_model(16, 1, (4, 4), 0.5), engine=ENGINES[0])
    second = (np.random.default_rng(0).normal(size=22050) * 0.1).astype(np.float32)
    stream = recogniser.stream_log_probabilities(22050)
    sizes = []
    for _ in range(60):
        stream.accept(np.tile(second, 60))
        tails = [stream.features.tail, stream.features.resampling.tail]
        tails += [convolution.tail for convolution in stream.network.convolutions]
        sizes.append([(tail.capacity, len(tail)) for tail in tails])
    assert max(capacity for capacity, _ in sizes[-1]) < 2 * 22050
    assert [[c for c, _ in size] for size in sizes[1:]] == [[c for c, _ in sizes[0]]] * 59
    assert max(kept for size in sizes for _, kept in size) < 1000


def test_a_bidirectional_model_is_refused():
    with pytest.raises(InputError, match="directions=one"):
        Recogniser(folded(pruned(), {}), engine=ENGINES[0]).stream(16000)


def test_what_cannot_be_accepted(recogniser):
    this = recogniser("gru", ENGINES[0])
    stream = this.stream(16000)
    for wrong in (np.zeros(10, np.int16), np.zeros((10, 2), np.float32), [0.0, np.nan]):
        with pytest.raises(InputError, match="samples"):
            stream.accept(np.asarray(wrong))
    stream.finish()
    for late in (lambda: stream.accept(np.zeros(1, np.float32)), stream.finish):
        with pytest.raises(InputError, match="finished"):
            late()
    for rate in (0, -16000, 44100.0, True, np.float32(16000)):
        with pytest.raises(InputError, match="sample rate"):
            this.stream(rate)
        with pytest.raises(InputError, match="sample rate"):
            this.transcribe(np.zeros(800, np.float32), rate)
    for short in (np.uint16, np.int32, np.int64):
        assert this.stream(short(44100)).latency_seconds == this.stream(44100).latency_seconds


def test_no_pieces_and_what_is_not_finite():
    model = random_model(16, 1, (4, 4), 0.5)
    assert Recogniser(model, engine=ENGINES[0]).log_probabilities([]) == []
    bias = np.full_like(model.output.bias, np.nan)
    model = replace(model, output=replace(model.output, bias=bias))
    diverged, sound = Recogniser(model, engine=ENGINES[0]), np.zeros(16000, np.float32)
    calls = (diverged.transcribe, lambda samples, rate: diverged.stream(rate).accept(samples))
    for transcribe in calls:
        with pytest.raises(InputError, match="finite log-probabilities"):
            transcribe(sound, 16000)


def test_streams_do_not_disturb_each_other(recogniser, audio):
    this = recogniser("lstm", ENGINES[0])
    sounds = [audio(1.1, 16000, seed) for seed in (1, 2)]
    streams = [this.stream(16000) for _ in sounds]
    for pieces in zip(*(cut(sound, [700]) for sound in sounds), strict=True):
        for stream, piece in zip(streams, pieces, strict=True):
            stream.accept(piece)
    expected = [this.transcribe(sound, 16000) for sound in sounds]
    assert [stream.finish() for stream in streams] == expected


@given(st.lists(st.integers(1, 30), max_size=40), st.lists(st.integers(0, 40), max_size=5))
def test_growing_text_is_the_text_of_all_labels(labels, places):
    vocabularies = [CharacterVocabulary(" abcdefghijklmnopqrstuvwxyz'-.="), _bpe()]
    for vocabulary in vocabularies:
        legal = [1 + label % (len(vocabulary) - 1) for label in labels]
        text, at = GrowingText(vocabulary), 0
        for place in [*sorted(places), len(legal)]:
            text.append(legal[at:place])
            at = max(at, place)
            assert text.text == " ".join(vocabulary.decode(legal[:at]).split())


@cache
def _bpe():
    pytest.importorskip("sentencepiece")
    return BpeVocabulary.from_texts(["the cat sat on the mat", "a hat that sat"], 24)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), max_size=20))
def test_a_tail_is_the_end_of_a_list(steps):
    tail, kept, owed, number = Tail(3, (2,), margin=1), [[0.0, 0.0]] * 3, 0, 0
    for added, dropped in steps:
        rows = [[float(number + index), 1.0] for index in range(added)]
        number += added
        tail.append(np.array(rows, np.float32).reshape(-1, 2))
        kept += rows
        kept, owed = kept[min(owed, len(kept)) :], max(owed - added, 0) if owed else 0
        tail.drop(dropped)
        owed += max(dropped - len(kept), 0)
        kept = kept[dropped:]
        expected = np.pad(np.array(kept, np.float32).reshape(-1, 2), ((0, 0), (1, 1)))
        np.testing.assert_array_equal(tail.rows, expected)
