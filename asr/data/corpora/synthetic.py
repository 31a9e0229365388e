"""Speech made by eSpeak NG: any amount, from the pip wheel alone, the same at every run."""

import argparse
import contextlib
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random

import numpy as np
import torch
from tqdm import tqdm

from asr.arguments import count
from asr.audio import probe
from asr.data.corpora.espeak import Voice, speak
from asr.data.corpora.made_audio import file_name, write_flac
from asr.data.corpora.sentences import sentences
from asr.data.manifest import Utterance
from asr.features.resample import resample
from asr.text import labels_and_repeats

NAME = "synthetic"
HELP = (
    "eSpeak NG reads sentences over some 200 words: any size, made in a minute; "
    "from pip install -e '.[demo]'; eSpeak NG is GPL-3"
)

SAMPLE_RATE = 16_000
ACCENTS = ("en", "en-us", "en-us-nyc", "en-029", "en-gb-scotland", "en-gb-x-rp")
# A variant is a speaker: each is heard in one split only, in every accent.
VARIANTS = {
    "train": ("m1", "m2", "m4", "m5", "m7", "m8", "f1", "f3", "f4", "f5"),
    "validation": ("m6",),
    "test": ("m3", "f2"),
}
_RECIPE = 1  # part of every file's name: raise it when the same line comes to sound otherwise
_BATCH = 32  # lines made between two looks at the duration
_SLOWEST = 80  # words a minute, eSpeak's own limit
_FRAME_SECONDS = 0.04  # of the coarsest model that reads characters


@dataclass(frozen=True, slots=True)
class Line:
    """What is said, and how; everything its audio depends on."""

    text: str
    voice: Voice
    peak: float  # of the waveform, 1 is full scale


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How much speech, and which."""
    parser.add_argument(
        "--minutes", type=float, default=60.0, help="speech in the train split (%(default)s)"
    )
    parser.add_argument(
        "--test-lines", type=count, default=320, help="lines to test on (%(default)s)"
    )
    parser.add_argument(
        "--validation-lines", type=count, default=200, help="lines to validate on (%(default)s)"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="another seed is another corpus (%(default)s)"
    )


def prepare(options: argparse.Namespace, folder: Path) -> dict[str, Sequence[Utterance]]:
    """Make the three splits; no voice and no sentence is in two of them."""
    counts = {"test": options.test_lines, "validation": options.validation_lines}
    splits: dict[str, Sequence[Utterance]] = {}
    with _mapper(options.jobs) as mapper:
        for split, wanted in counts.items():
            lines = islice(plan(split, options.seed), wanted)
            batches = _make(folder, split, lines, mapper)
            splits[split] = _collect(batches, len, wanted, f"{NAME} {split}", "lines")
        batches = _make(folder, "train", plan("train", options.seed), mapper)
        seconds = 60 * options.minutes
        splits["train"] = _collect(batches, _duration, seconds, f"{NAME} train", "s")
    return splits


def plan(split: str, seed: int) -> Iterator[Line]:
    """The lines of a split, without end; the same for the same seed."""
    random = Random(f"{seed} {split}")
    for text in sentences(split, random):
        name = f"{random.choice(ACCENTS)}+{random.choice(VARIANTS[split])}"
        voice = Voice(
            name,
            words_a_minute=random.randint(105, 155),
            pitch=random.randint(35, 65),
            pitch_range=random.randint(35, 65),
        )
        yield Line(text, voice, peak=round(random.uniform(0.2, 0.9), 3))


def render(line: Line) -> np.ndarray:
    """Speak a line at `SAMPLE_RATE`, slower if CTC could not align it: float32 `(N,)`."""
    voice = line.voice
    while True:
        samples, rate = speak(line.text, voice)
        samples = trim(samples, margin=round(0.1 * rate))
        frames = int(len(samples) / rate / _FRAME_SECONDS)
        if frames > labels_and_repeats(line.text) or voice.words_a_minute <= _SLOWEST:
            break
        voice = replace(voice, words_a_minute=max(_SLOWEST, voice.words_a_minute - 15))
    samples = resample(samples, rate, SAMPLE_RATE)
    return samples * np.float32(line.peak / np.abs(samples).max())


def trim(samples: np.ndarray, margin: int, threshold: float = 0.01) -> np.ndarray:
    """Cut what lies more than `margin` samples before or after the sound.

    Args:
        threshold: what counts as sound, a fraction of the peak.
    """
    loud = np.flatnonzero(np.abs(samples) > threshold * np.abs(samples).max())
    return samples[max(0, loud[0] - margin) : loud[-1] + 1 + margin]


def _utterance(folder: Path, split: str, line: Line) -> Utterance:
    """The utterance of a line, its audio made unless it is there."""
    name = f"{split}/{file_name([_RECIPE, SAMPLE_RATE, asdict(line)])}"
    path = folder / name
    if not path.exists():
        write_flac(path, render(line), SAMPLE_RATE)
    return Utterance(
        id=name,
        audio=str(path.absolute()),
        seconds=probe(path).seconds,
        text=line.text,
        speaker=line.voice.name,
    )


Mapper = Callable[[Callable[[Line], Utterance], Iterable[Line]], Iterable[Utterance]]


@contextlib.contextmanager
def _mapper(jobs: int) -> Iterator[Mapper]:
    """A `map` over `jobs` processes: eSpeak's state is global, so threads would not do."""
    if jobs == 1:
        yield map
        return
    # A fork would take over the locks of torch's threads, which resampling then waits on.
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        yield partial(pool.imap, chunksize=2)


def _make(
    folder: Path, split: str, lines: Iterator[Line], mapper: Mapper
) -> Iterator[list[Utterance]]:
    """Make lines a batch at a time: of lines without end a pool would run ahead for ever."""
    while batch := list(islice(lines, _BATCH)):
        yield list(mapper(partial(_utterance, folder, split), batch))


def _collect(
    batches: Iterator[list[Utterance]],
    measure: Callable[[list[Utterance]], float],
    enough: float,
    description: str,
    unit: str,
) -> list[Utterance]:
    """Take batches, under a progress bar, until their measures add up to `enough` or they end."""
    kept: list[Utterance] = []
    reached = 0.0
    with tqdm(desc=description, total=round(enough), unit=f" {unit}", delay=1.0) as bar:
        while reached < enough and (batch := next(batches, None)):
            kept += batch
            reached += measure(batch)
            bar.update(round(reached) - bar.n)
    return kept


def _duration(utterances: list[Utterance]) -> float:
    return sum(utterance.seconds for utterance in utterances)
