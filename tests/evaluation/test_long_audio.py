from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given
from hypothesis import strategies as st

from asr.audio import read
from asr.checkpoint import TrainedModel
from asr.decoding.greedy import GreedyDecoder
from asr.errors import InputError
from asr.evaluation.forward import log_probabilities, text_of, waveform_features
from asr.evaluation.long_audio import (
    long_log_probabilities,
    samples_per_output_frame,
    transcribe_file,
)
from asr.evaluation.windows import windows
from tests.finished_run import blueprint, talkative, write_audio


@pytest.fixture(scope="module")
def short_sighted() -> TrainedModel:
    """A model that looks a quarter of a second around itself: chunks must be exact."""
    trained = talkative(blueprint(cell="rnn", directions="one", lookahead=4).build())
    with torch.no_grad():  # a simple recurrent layer without its past
        for name, weight in trained.model.recurrent.named_parameters():
            if "weight_hh" in name:
                weight.zero_()
    return trained


@pytest.fixture(scope="module")
def bidirectional() -> TrainedModel:
    return talkative(blueprint().build())


def whole(trained: TrainedModel, path: Path) -> torch.Tensor:
    """Log-probabilities (S, V) of the file in one piece."""
    return log_probabilities(trained, [waveform_features(trained, *read(path))])[0][:, 0]


@given(st.integers(1, 300), st.integers(1, 50), st.integers(0, 60))
def test_windows_keep_every_frame_once_with_context_around(frames: int, chunk: int, context: int):
    kept: list[int] = []
    for window in windows(frames, chunk, context):
        kept.extend(range(window.keep_start, window.keep_stop))
        assert window.start == max(0, window.keep_start - context)
        assert window.stop == min(frames, window.keep_start + chunk + context)
        assert window.stop - window.start <= chunk + 2 * context
    assert kept == list(range(frames))


def test_the_stride_of_the_tiny_model(bidirectional):
    assert samples_per_output_frame(bidirectional) == 4 * 160


@pytest.mark.parametrize("rate", [16000, 8000, 22050, 44100, 48000])
@pytest.mark.parametrize("batch", [1, 3])
def test_chunks_of_a_short_sighted_model_are_exact(short_sighted, tmp_path, rate, batch):
    path = write_audio(tmp_path / "a.wav", 9.37, rate=rate)
    one_piece = whole(short_sighted, path)
    chunked = long_log_probabilities(
        short_sighted, path, chunk_seconds=2.0, context_seconds=1.0, batch=batch
    )
    assert chunked.shape == one_piece.shape
    # Of values down to -40 from weights made large; a shift by one frame would differ by 1 or more.
    torch.testing.assert_close(chunked, one_piece, atol=1e-3, rtol=0)
    assert one_piece.argmax(-1).unique().numel() > 3


def test_a_bidirectional_model_differs_less_the_more_context_it_gets(bidirectional, tmp_path):
    path = write_audio(tmp_path / "a.wav", 6.0)
    one_piece = whole(bidirectional, path)
    errors = []
    for context in (0.0, 0.4, 3.0):
        chunked = long_log_probabilities(
            bidirectional, path, chunk_seconds=2.0, context_seconds=context, batch=2
        )
        assert chunked.shape == one_piece.shape
        errors.append((chunked - one_piece).abs().mean().item())
    assert errors[0] > errors[1] > errors[2]


@pytest.mark.parametrize("seconds", [0.001, 0.02, 0.03, 1.99, 2.0, 2.001, 2.03, 4.05])
@pytest.mark.parametrize("context", [0.0, 0.5])
def test_any_length_gives_the_frames_of_the_whole(bidirectional, tmp_path, seconds, context):
    path = write_audio(tmp_path / "a.wav", seconds, rate=11025)
    chunked = long_log_probabilities(
        bidirectional, path, chunk_seconds=2.0, context_seconds=context, batch=2
    )
    assert chunked.shape == whole(bidirectional, path).shape


def test_reading_is_in_pieces(bidirectional, tmp_path, monkeypatch):
    path = write_audio(tmp_path / "a.wav", 10.0)
    lengths = []

    def counting(*arguments):
        samples, rate = read(*arguments)
        lengths.append(len(samples) / rate)
        return samples, rate

    monkeypatch.setattr("asr.evaluation.windows.read", counting)
    long_log_probabilities(bidirectional, path, chunk_seconds=1.0, context_seconds=0.5, batch=1)
    assert len(lengths) >= 9
    assert max(lengths) < 2.2


def test_a_rate_that_cannot_be_resampled_names_the_file(bidirectional, tmp_path):
    path = write_audio(tmp_path / "odd.wav", 1.0, rate=15_999)
    with pytest.raises(InputError, match=r"odd\.wav: expected sample rates with a large common"):
        long_log_probabilities(bidirectional, path, chunk_seconds=1.0, context_seconds=0.5, batch=1)


def test_an_mp3_that_is_shorter_than_its_estimate_is_heard_to_its_end(bidirectional, tmp_path):
    """Of constant bit rate without a header, behind a tag that is taken for sound."""
    path = tmp_path / "a.mp3"
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 5 * 16000)
    soundfile.write(path, noise, 16000, bitrate_mode="CONSTANT", compression_level=0.95)
    content = path.read_bytes()
    assert b"Info" not in content
    path.write_bytes(b"ID3\3\0\0\0\2\0\0" + bytes(1 << 15) + content)
    assert soundfile.info(path).duration > 15
    log_probs = long_log_probabilities(
        bidirectional, path, chunk_seconds=2.0, context_seconds=0.5, batch=2
    )
    assert len(log_probs) * 4 * 160 / 16000 == pytest.approx(5.1, abs=0.1)


def test_transcript_is_the_text_of_the_whole(short_sighted, tmp_path):
    path = write_audio(tmp_path / "a.wav", 7.0)
    decoder = GreedyDecoder()
    transcript = transcribe_file(
        short_sighted, path, decoder, chunk_seconds=2.0, context_seconds=1.0, batch=2
    )
    assert transcript.text == text_of(short_sighted, decoder.decode(whole(short_sighted, path)))
    assert len(transcript.text) > 10
    assert transcript.seconds == 7.0
    assert transcript.processing_seconds > 0
