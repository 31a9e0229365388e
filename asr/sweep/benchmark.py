"""How long a large sweep takes to start again: `python -m asr.sweep.benchmark`.

Submits a sweep whose runs are handed to nobody, says of most that they are done, and submits it
again: from the command to the first run handed over, Python's start and imports included.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from asr.arguments import count
from asr.sweep.job import Job
from asr.training.run_folder import restate

_CHILD = "import sys, asr.sweep.benchmark as b; b.submit(sys.argv[1:])"


class _Nobody:
    """Takes runs, starts none, and ends the command there."""

    def run(self, jobs: Sequence[Job], submitted: Callable[[Path, str], None]) -> None:
        print(f"{len(jobs)} runs handed over", flush=True)
        raise SystemExit(0)

    def settle(self, handed: Mapping[Job, str]) -> dict[Job, str]:
        return {}

    def cancel(self, ids: Sequence[str]) -> None: ...


def submit(command: Sequence[str]) -> None:
    """Run `train.py -m` up to the moment when runs would start."""
    import asr.sweep.launch
    import train

    launcher = asr.sweep.launch.Launcher("nobody", _Nobody(), {"engine": "", "arguments": {}})
    asr.sweep.launch.build_launcher = lambda recipe: launcher
    sys.argv = ["train.py", "-m", *command]
    train.main()


def main() -> None:
    """Measure both submissions."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--jobs", type=count, default=200)
    parser.add_argument("--finished", type=count, default=150)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        manifest = Path(folder) / "speech.jsonl"
        manifest.write_text(json.dumps({"audio_filepath": "a.wav", "duration": 1.0, "text": "a"}))
        seeds = ",".join(map(str, range(options.jobs // 4)))
        command = [
            "+experiment=block_size_sweep",
            "sparsity.block=[4,4],[8,8],[16,16],[32,32]",
            f"seed={seeds}",
            f"runs={folder}/runs",
            *(f"data.{split}=[{manifest}]" for split in ("train", "validation", "test")),
        ]
        print(f"first submission: {_seconds(command):.1f} s")
        runs = sorted((Path(folder) / "runs").glob("*/*/status.json"))
        for status in runs[: options.finished]:
            restate(status.parent, "done", "")
        print(f"again, {options.finished} of {len(runs)} done: {_seconds(command):.1f} s")


def _seconds(command: Sequence[str]) -> float:
    began = time.perf_counter()
    ended = subprocess.run(
        [sys.executable, "-c", _CHILD, *command], check=True, text=True, capture_output=True
    )
    took = time.perf_counter() - began
    print(ended.stdout.splitlines()[-1])
    return took


if __name__ == "__main__":
    main()
