"""Small trees in published layouts: real audio, made on the spot."""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

Tone = Callable[..., Path]


@pytest.fixture
def tone() -> Tone:
    """Write a tone of so many seconds to a path, in the format its suffix names."""

    def write(path: Path, seconds: float = 0.5, rate: int = 16_000, **kwargs: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        samples = 0.3 * np.sin(np.arange(round(seconds * rate)) * 0.1)
        soundfile.write(path, samples, rate, **kwargs)
        return path

    return write


@pytest.fixture
def options() -> Callable[..., argparse.Namespace]:
    """What a corpus's command line becomes, as `asr.data.prepare` parses it."""

    def parse(corpus: object, *arguments: object) -> argparse.Namespace:
        parser = argparse.ArgumentParser()
        corpus.add_arguments(parser)
        parser.add_argument("--jobs", type=int, default=2)
        parser.add_argument("--skip-unreadable", action="store_true")
        return parser.parse_args([str(argument) for argument in arguments])

    return parse
