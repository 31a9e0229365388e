"""The strength of a penalty that ends at an asked sparsity.

    python -m asr.training.strength_search 0.9 +experiment=demo
    python -m asr.training.strength_search 0.9 +experiment=demo sparsity=group_lasso_pruning \
        sparsity.sparsity=0.6

runs `train.py sparsity=group_lasso`, or another method that has a penalty, with the overrides that
follow, until the masks are final, at one strength after the other. Beside thresholds the strength
adds to what they prune: set them (`sparsity.sparsity`) below what is asked. Every try is a run that
its own command continues, so a search that was interrupted goes on where it was; the last one is
the run asked for, to be trained to its end.
"""

import argparse
import math
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from asr.arguments import count, fraction
from asr.checkpoint import load_trained
from asr.errors import InputError, report_input_errors
from asr.evaluation.size import measure
from asr.training.mask_record import FINAL
from asr.training.run_folder import TRAIN

FACTOR = 4.0  # between tries until two of them lie on either side


@dataclass(frozen=True)
class Try:
    """A strength and where it led."""

    strength: float
    sparsity: float


def search(
    landing: Callable[[float], float], asked: float, start: float, tolerance: float, tries: int
) -> list[Try]:
    """Bisect the logarithm of the strength, of which sparsity is a rising function.

    Args:
        landing: strength -> sparsity.
        asked: sparsity.
        start: the first strength.
        tolerance: largest distance from `asked` to stop at.
        tries: at most.

    Returns:
        All tries; the last is the one that landed.

    Raises:
        InputError: none landed, or nothing could.
    """
    for name, value, legal, expected, remedy in (
        ("sparsity", asked, 0 < asked < 1, "a fraction between 0 and 1", "90 % is 0.9."),
        ("start", start, 0 < start < math.inf, "a number above 0", "Usual are 0.01 to 10."),
    ):
        if not legal:
            raise InputError(name, expected=expected, got=f"{value:g}", remedy=remedy)
    done: list[Try] = []
    low, high = 0.0, math.inf  # strengths known to be too small, and too large
    strength = start
    while len(done) < tries:
        done.append(Try(strength, landing(strength)))
        if abs(done[-1].sparsity - asked) <= tolerance:
            return done
        if done[-1].sparsity < asked:
            low = strength
        else:
            high = strength
        if low == 0:
            strength = high / FACTOR
        elif math.isinf(high):
            strength = low * FACTOR
        else:
            strength = math.sqrt(low * high)
    closest = min(done, key=lambda one: abs(one.sparsity - asked))
    raise InputError(
        "the search for a strength",
        expected=f"a sparsity within {tolerance:g} of {asked:g} in {tries} tries",
        got=f"at best {closest.sparsity:.4f}, at {closest.strength:.4g}",
        remedy="Allow more --tries, a wider --tolerance, or a longer window (sparsity.end).",
    )


def training_arguments(strength: float, overrides: Sequence[str]) -> list[str]:
    """Of `train.py`, for a try: group lasso alone where `overrides` choose no method."""
    chosen = any(override.startswith("sparsity=") for override in overrides)
    method = [] if chosen else ["sparsity=group_lasso"]
    return [*method, *overrides, f"sparsity.penalty.strength={strength:.6g}"]


def train_until_final(strength: float, overrides: Sequence[str]) -> float:
    """The sparsity of a training at a strength, which is stopped as soon as the masks are final."""
    command = [sys.executable, str(TRAIN), *training_arguments(strength, overrides)]
    folder, said = None, []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            said.append(line)
            if line.startswith("run "):
                folder = Path(line.removeprefix("run ").rstrip())
            elif line.rstrip().endswith("is done. Another seed or setting is another run."):
                folder = Path(line.split(" is done.")[0])
            elif line.startswith(FINAL):
                process.send_signal(signal.SIGTERM)
    if folder is None or process.returncode not in (0, 128 + signal.SIGTERM):
        raise InputError(
            "the search for a strength",
            expected="trainings that run",
            got="".join(said[-5:]).strip() or f"exit code {process.returncode}",
            remedy=f"See what this says: {_shown(command[2:])}",
        )
    trained = load_trained(folder / "checkpoints" / "last.ckpt")
    return measure(trained.model, trained.sparsity.pruned).sparsity


def _shown(arguments: Sequence[str]) -> str:
    """The command of a training, for the folder that this one was given in."""
    return shlex.join(["python", os.path.relpath(TRAIN), *arguments])


@report_input_errors
def main() -> None:
    """Search, saying each try, and print the command of the run that landed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sparsity", type=float, help="asked, as a fraction")
    parser.add_argument("overrides", nargs="*", help="of train.py")
    parser.add_argument("--start", type=float, default=1.0, help="strength of the first try")
    parser.add_argument("--tolerance", type=fraction, default=0.01)
    parser.add_argument("--tries", type=count, default=12)
    options = parser.parse_intermixed_args()

    def landing(strength: float) -> float:
        sparsity = train_until_final(strength, options.overrides)
        print(f"strength {strength:.6g}: {100 * sparsity:.2f} % zeros", flush=True)
        return sparsity

    tries = search(landing, options.sparsity, options.start, options.tolerance, options.tries)
    arguments = training_arguments(tries[-1].strength, options.overrides)
    print(f"its run, to be trained to the end: {_shown(arguments)}")


if __name__ == "__main__":
    main()
