"""Damaged audio files through the reader: `python -m tests.faults.fuzzed_audio FORMAT COUNT SEED`.

A process of its own, so that a crash is seen and memory is this reader's alone. Prints one JSON
object: how many files gave audio, how many an InputError, how many of those that do not name the
file, and how much memory and how many open files there were after all files, and after half of them
once more, and again.
"""

import json
import os
import random
import resource
import sys
import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile

from asr.audio import probe, read
from asr.errors import InputError

# Name, and what soundfile calls it; (container, subtype, suffix).
FORMATS = {
    "wav": ("WAV", "PCM_16", "wav"),
    "wav_float": ("WAV", "FLOAT", "wav"),
    "flac": ("FLAC", "PCM_16", "flac"),
    "vorbis": ("OGG", "VORBIS", "ogg"),
    "opus": ("OGG", "OPUS", "opus"),
    "mp3": ("MP3", "MPEG_LAYER_III", "mp3"),
}
HEADER = 200  # bytes: where sizes, rates and channels stand
# Sizes and counts that claim hours, nothing, or less than nothing.
EXTREME = (b"\xff" * 4, b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"\x00" * 4, b"\x01\x00\x00\x00")
ADDRESS_SPACE = 3 << 30  # bytes; a header that claims hours must not need them


def sound(name: str) -> bytes:
    """A second of two channels of speech-like noise."""
    container, subtype, _ = FORMATS[name]
    generator = np.random.default_rng(0)
    loudness = np.interp(np.arange(16000), np.arange(0, 16001, 1000), generator.uniform(0, 0.5, 17))
    samples = loudness[:, None] * generator.uniform(-1, 1, (16000, 2))
    file = BytesIO()
    soundfile.write(file, samples, 16000, format=container, subtype=subtype)
    return file.getvalue()


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The content with one to three damages of a kind drawn for each."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        end = HEADER if rng.random() < 0.6 else len(changed)
        place = rng.randrange(max(min(end, len(changed)), 1))
        kind = rng.choice(("bytes", "bit", "extreme", "insert", "remove", "truncate", "repeat"))
        if kind == "bytes":
            changed[place : place + rng.randint(1, 16)] = rng.randbytes(rng.randint(1, 16))
        elif kind == "bit" and place < len(changed):
            changed[place] ^= 1 << rng.randrange(8)
        elif kind == "extreme":
            value = rng.choice(EXTREME)
            changed[place : place + 4] = value if rng.random() < 0.5 else value[::-1]
        elif kind == "insert":
            changed[place:place] = rng.randbytes(rng.choice((1, 2, 7, 64, 3000)))
        elif kind == "remove":
            del changed[place : place + rng.choice((1, 2, 7, 64, 3000))]
        elif kind == "truncate":
            del changed[place:]
        elif kind == "repeat":
            changed[place:place] = changed[place : place + rng.choice((4, 100, 5000))]
    return bytes(changed)


def resident() -> int:
    """Bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def peak() -> int:
    """The most bytes that it held; `getrusage` would count those of the parent before exec too."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def fuzz(name: str, count: int, seed: int, folder: Path) -> dict[str, object]:
    """Read so many damaged files of a format: whole, a part, and an hour that is not there.

    Then the first half of them again, twice: by then the allocator holds what the largest file
    needed, so what grows in every pass is a leak. In a single pass a decoder that reads what it has
    not written may once ask for more.
    """
    content, rng = sound(name), random.Random(seed)
    path = folder / f"damaged.{FORMATS[name][2]}"
    heard = refused = misnamed = 0
    held: list[tuple[int, int]] = []
    half = count // 2
    for index in range(count + 2 * half):
        if index in (count, count + half):
            held.append((resident(), open_files()))
            rng.seed(seed)
        path.write_bytes(damaged(content, rng))
        info = None
        try:
            info = probe(path)
            assert info.sample_rate > 0 < info.channels
        except InputError as error:
            misnamed += error.parts[0] != str(path)
        for part in ((0.25, 0.5), (0.0, 3600.0), ()):
            try:
                samples, rate = read(path, *part)
            except InputError as error:
                misnamed += error.parts[0] != str(path)
                refused += part == () and index < count
            else:
                assert samples.dtype == np.float32
                assert samples.ndim == 1
                assert len(samples) > 0
                assert np.isfinite(samples).all()
                assert info is None or rate == info.sample_rate
                heard += part == () and index < count
    held.append((resident(), open_files()))
    memory, files = zip(*held, strict=True)
    return {
        "heard": heard,
        "refused": refused,
        "misnamed": misnamed,
        "resident": memory,
        "open_files": files,
        "peak": peak(),
    }


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    with tempfile.TemporaryDirectory() as made:
        print(json.dumps(fuzz(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), Path(made))))
