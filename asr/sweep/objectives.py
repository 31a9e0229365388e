"""What a study minimises, read from a finished run."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from asr.checkpoint import load_trained
from asr.errors import InputError
from asr.inference.folding import folded
from asr.inference.model_file import model_bytes
from asr.inference.source_run import provenance
from asr.training.run_folder import read_status

_NO_MODEL = "Pruning had not ended when training did: train longer, or end the pruning earlier."


def validation_rate(run: Path, name: str) -> float:
    """`wer` or `cer` of the run's best checkpoint, a fraction."""
    found = read_status(run).get("validation", {}).get(name)
    if found is None or not math.isfinite(found):
        raise InputError(
            str(run),
            expected=f"the validation {name.upper()} of a finished run in its status.json",
            got=str(found),
            remedy=_NO_MODEL,
        )
    return float(found)


def exported_bytes(run: Path) -> int:
    """Size of the file that asr.inference.export writes of the run in fp32, without writing it.

    Raises:
        InputError: masks were never final, or the runtime knows no such model.
    """
    best = run / "checkpoints" / "best.ckpt"
    if not best.is_file():
        raise InputError(
            str(run),
            expected="a best.ckpt",
            got="none",
            remedy=_NO_MODEL,
        )
    trained = load_trained(run)
    return len(model_bytes(folded(trained, provenance(run, trained, "fp32"))))


OBJECTIVES: Mapping[str, Callable[[Path], float]] = {
    "wer": lambda run: validation_rate(run, "wer"),
    "cer": lambda run: validation_rate(run, "cer"),
    "bytes": exported_bytes,
}


def measured(run: Path, objectives: Sequence[str]) -> list[float]:
    """The values of a run, in the order of the objectives."""
    return [float(OBJECTIVES[name](run)) for name in objectives]


def check_objectives(objectives: Sequence[str]) -> None:
    """Raise InputError unless they are names of OBJECTIVES, each once."""
    unknown = [name for name in objectives if name not in OBJECTIVES]
    if unknown or not objectives or len(set(objectives)) < len(objectives):
        raise InputError(
            "hydra.sweeper.objectives",
            expected=f"some of {', '.join(OBJECTIVES)}, each once",
            got=str(list(objectives)),
            remedy="All of them are minimised.",
        )


def shown(name: str, value: float) -> str:
    """A value for people to read."""
    return f"{value / 1e6:.3f} MB" if name == "bytes" else f"{100 * value:.2f} %"
