"""Audio that a corpus makes itself: named after its recipe, whole or absent."""

import hashlib
import json
from pathlib import Path

import numpy as np
import soundfile

from asr.files import atomic_write


def file_name(recipe: object) -> str:
    """A name that changes with anything in `recipe` (JSON), so that what exists can be kept."""
    text = json.dumps(recipe, sort_keys=True)
    return f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.flac"


def write_flac(path: Path, samples: np.ndarray, sample_rate: int) -> None:
    """Write mono samples within [-1, 1] as 16-bit FLAC, atomically."""
    with atomic_write(path, "wb") as file:
        soundfile.write(file, samples, sample_rate, format="FLAC", subtype="PCM_16")
