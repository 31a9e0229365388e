"""An exported model transcribes long files by windows: their length does not show in memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from asr.inference.folding import folded
from asr.inference.model_file import write_model
from tests.inference.exported import pruned

RATE = 16000
# Of this process image alone; ru_maxrss would begin with that of the process that started it.
CODE = (
    "import sys\n"
    "from asr.transcribe import main\n"
    "code = main(sys.argv[1:])\n"
    "status = open('/proc/self/status').read()\n"
    "print(status.split('VmHWM:')[1].split()[0])\n"
    "sys.exit(code)\n"
)


def write_flac(path, minutes):
    noise = (np.random.default_rng(0).normal(size=RATE) * 300).astype(np.int16)
    minute = np.concatenate([np.tile(noise, 2), np.zeros(58 * RATE, np.int16)])
    with soundfile.SoundFile(path, "w", RATE, 1, format="FLAC") as file:
        for _ in range(minutes):
            file.write(minute)
    return path


def peak_megabytes(model, audio):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(model), str(audio)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout.split()[-1]) / 1e3


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="no /proc here")
def test_half_an_hour_takes_hardly_more_memory_than_two_minutes(tmp_path):
    model = tmp_path / "model.safetensors"
    write_model(model, folded(pruned(), {}))
    short, long = (peak_megabytes(model, write_flac(tmp_path / f"{n}.flac", n)) for n in (2, 30))
    # The samples alone are 115 MB, the features 58; the log-probabilities, kept whole, 5.
    assert long < short + 20
