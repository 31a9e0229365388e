"""Noise under the speech, at an exact signal-to-noise ratio."""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor

from asr.features.draws import happens, integer, ordered_pair, share, uniform
from asr.features.recordings import find_recordings

# Power falls with frequency to the power 0, -1, -2: hiss, room and traffic.
COLOURS = {"white": 0.0, "pink": 1.0, "brown": 2.0}
# About a minute at 16 kHz: generated once a process, then cut at random. Fresh coloured noise for
# every utterance would cost more than the features.
_GENERATED_SAMPLES = 1 << 20
_FLAT_BELOW = 1 / 256  # cycles a sample (62.5 Hz at 16 kHz): else brown noise is all rumble


class AddNoise:
    """With `probability`, add noise at a ratio drawn uniformly from `snr_db`.

    The ratio compares the mean square of the whole waveform with that of the noise added to it.
    Noise longer than the speech is cut at a random place; shorter noise is repeated, from a
    random place. Silence on either side has no ratio: the speech stays as it is.

    Args:
        source: a folder of noise or a JSONL manifest; None generates white, pink or brown noise.
        snr_db: lowest and highest ratio.
        probability: share of the utterances that get noise.
        sample_rate: Hz of the speech; recordings are resampled to it.
    """

    def __init__(
        self, source: str | None, snr_db: Sequence[float], probability: float, sample_rate: int
    ) -> None:
        self.snr_db = ordered_pair("snr_db", snr_db)
        self.probability = share("probability", probability)
        self.sample_rate = sample_rate
        self.recordings = () if source is None else find_recordings(source)

    def __call__(self, waveform: Tensor, generator: torch.Generator) -> Tensor:
        """Waveform `(N,)` to `(N,)`."""
        if not happens(self.probability, generator):
            return waveform
        snr_db = uniform(*self.snr_db, generator)
        return mix(waveform, self._noise(len(waveform), generator), snr_db)

    def _noise(self, samples: int, generator: torch.Generator) -> Tensor:
        if not self.recordings:
            colour = list(COLOURS)[integer(len(COLOURS), generator)]
            return cut_or_repeat(generated_noise(colour), samples, generator)
        recording = self.recordings[integer(len(self.recordings), generator)]
        seconds = samples / self.sample_rate
        skip = uniform(0, max(recording.length() - seconds, 0), generator)
        return cut_or_repeat(recording.read(self.sample_rate, skip, seconds), samples, generator)


def mix(speech: Tensor, noise: Tensor, snr_db: float) -> Tensor:
    """`(N,)` speech plus `(N,)` noise scaled so that their mean squares are `snr_db` apart."""
    speech_power, noise_power = speech.square().mean().item(), noise.square().mean().item()
    if speech_power == 0 or noise_power == 0:
        return speech
    wanted_power = speech_power / 10 ** (snr_db / 10)
    return speech + noise * math.sqrt(wanted_power / noise_power)


def cut_or_repeat(noise: Tensor, samples: int, generator: torch.Generator) -> Tensor:
    """Exactly `samples` of the noise from a random place; repeated end to end if it is shorter."""
    if len(noise) >= samples:
        start = integer(len(noise) - samples + 1, generator)
        return noise[start : start + samples]
    start = integer(len(noise), generator)
    return noise.roll(-start).repeat(-(-samples // len(noise)))[:samples]


@lru_cache(maxsize=len(COLOURS))
def generated_noise(colour: str) -> Tensor:
    """A loop of noise of unit power whose spectrum falls as `COLOURS` says; always the same."""
    generator = torch.Generator().manual_seed(0)
    spectrum = torch.fft.rfft(torch.randn(_GENERATED_SAMPLES, generator=generator))
    frequency = torch.fft.rfftfreq(_GENERATED_SAMPLES).clamp(min=_FLAT_BELOW)
    shaped = spectrum * frequency ** (-COLOURS[colour] / 2)
    noise: Tensor = torch.fft.irfft(shaped, _GENERATED_SAMPLES)
    return noise / noise.square().mean().sqrt()
