"""Speech as heard in a room: convolution with an impulse response."""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from asr.errors import InputError
from asr.features.draws import happens, integer, ordered_pair, share, uniform
from asr.features.recordings import Recording, find_recordings

# Energy of the direct path over that of all reflections, for generated rooms: from a talker some
# steps away to one close to the microphone.
DIRECT_TO_REVERBERANT_DB = (0.0, 12.0)


class RoomImpulseResponse:
    """With `probability`, convolve with an impulse response, keeping length, timing and power.

    The response's strongest sample, the direct path, is put at delay 0, so that the words stay
    where they were; the result has the mean square of the input.

    Args:
        source: a folder of impulse responses or a JSONL manifest; None generates them.
        reverberation_seconds: shortest and longest time in which generated reverberation falls
            by 60 dB; recorded responses have their own.
        probability: share of the utterances that get a room.
        sample_rate: Hz of the speech; recordings are resampled to it.
    """

    def __init__(
        self,
        source: str | None,
        reverberation_seconds: Sequence[float],
        probability: float,
        sample_rate: int,
    ) -> None:
        self.reverberation_seconds = ordered_pair("reverberation_seconds", reverberation_seconds)
        self.probability = share("probability", probability)
        self.sample_rate = sample_rate
        self.recordings = () if source is None else find_recordings(source)

    def __call__(self, waveform: Tensor, generator: torch.Generator) -> Tensor:
        """Waveform `(N,)` to `(N,)`."""
        if not happens(self.probability, generator):
            return waveform
        return reverberate(waveform, self._response(generator))

    def _response(self, generator: torch.Generator) -> Tensor:
        if self.recordings:
            chosen = self.recordings[integer(len(self.recordings), generator)]
            return _recorded_response(chosen, self.sample_rate)
        seconds = uniform(*self.reverberation_seconds, generator)
        direct_db = uniform(*DIRECT_TO_REVERBERANT_DB, generator)
        return generated_response(seconds, direct_db, self.sample_rate, generator)


def reverberate(waveform: Tensor, response: Tensor) -> Tensor:
    """`(N,)` through the response `(L,)`, aligned to its peak, at the power of the input."""
    peak = int(response.abs().argmax())
    heard = convolve(waveform, response)[peak : peak + len(waveform)]
    power, heard_power = waveform.square().mean().item(), heard.square().mean().item()
    return heard * math.sqrt(power / heard_power) if heard_power > 0 else waveform


def generated_response(
    seconds: float, direct_db: float, sample_rate: int, generator: torch.Generator
) -> Tensor:
    """A direct path of 1 at delay 0, then Gaussian noise that falls by 60 dB in `seconds`.

    Exponentially decaying noise is the classic model of late reverberation (Moorer 1979); early
    reflections are not modelled apart. The noise's energy lies `direct_db` below the direct path.
    """
    samples = max(round(seconds * sample_rate), 2)
    decay = torch.arange(1, samples) * (-3 * math.log(10) / samples)
    tail = torch.randn(samples - 1, generator=generator) * decay.exp()
    tail *= 10 ** (-direct_db / 20) / tail.square().sum().sqrt()
    # A sample of the tail above the direct path would count as the direct path.
    return torch.cat((torch.ones(1), tail.clamp(-0.99, 0.99)))


def convolve(waveform: Tensor, response: Tensor) -> Tensor:
    """Full convolution of `(N,)` and `(L,)` to `(N + L - 1,)`, by FFT in overlapping blocks.

    Blocks of 2 to 4 times L are 3 times faster here than one transform over everything.
    """
    overlap, total = len(response) - 1, len(waveform) + len(response) - 1
    block = max(2 << overlap.bit_length(), 4096)
    hop = block - overlap
    count = -(-total // hop)
    padded = functional.pad(waveform, (overlap, count * hop - len(waveform)))
    spectra = torch.fft.rfft(padded.unfold(0, block, hop)) * torch.fft.rfft(response, block)
    convolved: Tensor = torch.fft.irfft(spectra, block)[:, overlap:]  # (count, hop)
    return convolved.reshape(-1)[:total]


@lru_cache(maxsize=1024)
def _recorded_response(recording: Recording, sample_rate: int) -> Tensor:
    response = recording.read(sample_rate, 0.0, recording.length())
    if not response.any():
        raise InputError(
            recording.path,
            expected="an impulse response",
            got="silence",
            remedy="Remove the file from the source of RoomImpulseResponse.",
        )
    return response
