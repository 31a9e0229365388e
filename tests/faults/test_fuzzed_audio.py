"""A thousand damaged files of each format: audio or an error that names the file, no crash."""

import itertools
import json
import random
import re
import sys
from pathlib import Path

import pytest
import soundfile

from asr.audio import probe, read
from asr.errors import InputError
from tests.commands import run
from tests.faults.fuzzed_audio import FORMATS, resident, sound

pytestmark = pytest.mark.faults

FILES = 1000
KEPT = 1 << 20  # bytes; a waveform here has 128 kB
# libsndfile 1.2.2 forgets some 4 kB for every Ogg file whose header it refuses, four a file here.
FORGOTTEN = {"vorbis": 16_000}


@pytest.mark.parametrize("name", FORMATS)
def test_a_thousand_damaged_files(name: str, tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"{name}: seed {seed}")
    # Warnings are errors there too.
    command = [sys.executable, "-W", "error", "-m", "tests.faults.fuzzed_audio"]
    ended = run([*command, name, str(FILES), str(seed)])
    assert ended.returncode == 0, f"seed {seed}: {ended.returncode}, {ended.stderr[-2000:]}"
    told = json.loads(ended.stdout)
    print(told)
    assert told["heard"] + told["refused"] == FILES
    assert told["misnamed"] == 0
    assert told["refused"] > FILES / 10
    assert told["heard"] > 0
    growth = min(late - early for early, late in itertools.pairwise(told["resident"]))
    assert growth < KEPT + FILES // 2 * FORGOTTEN.get(name, 0)
    assert told["peak"] < 120e6  # most of it Python's and numpy's: no header's claim is held
    assert len(set(told["open_files"])) == 1


@pytest.mark.parametrize("name", FORMATS)
def test_whole_files_leave_nothing(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{FORMATS[name][2]}"
    path.write_bytes(sound(name))
    reached = []
    for _ in range(2):
        for _ in range(200):
            probe(path)
            read(path)
        reached.append(resident())
    assert reached[1] - reached[0] < 1 << 20


def test_every_format_that_the_error_names_is_fuzzed(tmp_path: Path) -> None:
    """And Opus, which is OGG to libsndfile."""
    known = {(container, subtype) for container, subtype, _ in FORMATS.values()}
    (tmp_path / "a.wav").write_text("no audio")
    with pytest.raises(InputError) as told:
        probe(tmp_path / "a.wav")
    named = set(re.findall(r"\b[A-Z][A-Z0-9]{2,}\b", str(told.value).partition("got")[0]))
    assert named == {container for container, _ in known} == {"WAV", "FLAC", "OGG", "MP3"}
    assert all(soundfile.check_format(container, subtype) for container, subtype in known)
