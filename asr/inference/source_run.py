"""What an export says of the run that it is made from, and speech to check it on."""

import math
import warnings
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.audio import read
from asr.checkpoint import TrainedModel, checkpoint_of
from asr.data.manifest import Utterance, missing_audio, read_manifest
from asr.errors import InputError
from asr.evaluation.forward import log_probabilities, waveform_features
from asr.evaluation.result import RESULT, Result, read_result
from asr.evaluation.run import read_run, unfinished
from asr.evaluation.size import measure

Piece = tuple[NDArray, int]  # samples (N,), and their rate in Hz
TOLERANCE = 1e-4  # of log-probabilities, between torch and what was exported in fp32
_ROUNDINGS = 4  # two computations differ by two of them, and by chance
CHECKED = 16  # utterances whose log-probabilities are compared
_NOISE_SECONDS = 3.0


def require_same(
    run: str | Path, trained: TrainedModel, worst: float, speech: str, pieces: Sequence[Piece]
) -> None:
    """Refuse an export in fp32 that is not the checkpoint's computation.

    Rounding grows with depth and with the size of log-probabilities: what is no further from the
    checkpoint than a few times its own rounding is the same computation.

    Args:
        run: that is exported.
        trained: its model.
        worst: the largest difference of log-probabilities, on all of `pieces`.
        speech: what these are.

    Raises:
        InputError: it is larger than `TOLERANCE` and than that, or not finite.
    """
    if worst <= TOLERANCE:
        return
    allowed = max(TOLERANCE, _ROUNDINGS * _rounding(trained, pieces))
    if not math.isfinite(worst) or worst > allowed:
        raise InputError(
            str(run),
            expected=f"the same log-probabilities within {allowed:.2g}",
            got=f"a difference of {worst:.2g} on {speech}",
            remedy="Nothing was written. This is a defect of the export: please report the model.",
        )


def _rounding(trained: TrainedModel, pieces: Sequence[Piece]) -> float:
    """How far torch's log-probabilities in fp32 are from those in float64, on equal features."""
    exact = replace(trained, model=deepcopy(trained.model).double())
    differences = []
    for piece in pieces:
        features = waveform_features(trained, *piece)
        found, _ = log_probabilities(trained, [features])
        expected, _ = log_probabilities(exact, [features.double()])
        differences.append(float((found - expected).abs().max()))
    return max(differences)


def provenance(run: Path, trained: TrainedModel, weights: str) -> dict[str, Any]:
    """Plain data for people to read: checkpoint, sparsity, run and its results."""
    sparsity = trained.sparsity
    known = {
        "checkpoint": checkpoint_of(run).name,
        "weights": weights,
        "method": sparsity.method,
        "block": None if sparsity.block is None else list(sparsity.block),
        "sparsity": measure(trained.model, sparsity.pruned).sparsity,
        "validation_cer": trained.validation_cer,
    }
    if not run.is_dir():
        return known
    described = read_run(run)
    keys = ("corpus", "split", "decoder", "wer", "utterances")
    return known | {
        "run_key": described.run_key,
        "group_key": described.group_key,
        "experiment": described.experiment,
        "seed": described.seed,
        "results": [{key: getattr(result, key) for key in keys} for result in _results(run)],
    }


def notices(run: Path) -> list[str]:
    """What a reader should know of the run besides, as `evaluate.py` tells it."""
    return unfinished(read_run(run)) if run.is_dir() else []


def _results(run: Path) -> Iterator[Result]:
    """Of every test set that the run was scored on; a damaged one is told and left out."""
    for path in sorted(run.glob(f"eval/*/{RESULT}")):
        try:
            yield read_result(path)
        except InputError as error:
            warnings.warn(f"not in the file's provenance: {error}", stacklevel=2)


def first_pieces(run: Path, manifest: str | Path | None, count: int) -> tuple[str, list[Piece]]:
    """Speech to compare on, and what it is: the manifest's, the run's own test's, or else noise."""
    found = manifest or _own_manifest(run)
    if found is None:
        noise = np.random.default_rng(0).normal(size=round(_NOISE_SECONDS * 16000)) * 0.1
        return "generated noise", [(noise.astype(np.float32), 16000)]
    return str(found), [audio(each) for each in islice(read_manifest(found), count)]


def audio(utterance: Utterance) -> Piece:
    """An utterance's samples and rate."""
    return read(utterance.audio, utterance.offset, utterance.seconds)


def _own_manifest(run: Path) -> Path | None:
    """The first of the run's test manifests that is there, with its audio."""
    tests = read_run(run).test if run.is_dir() else ()
    return next((path for path in tests if path.is_file() and not _incomplete(path)), None)


def _incomplete(manifest: Path) -> bool:
    return bool(missing_audio(list(islice(read_manifest(manifest), CHECKED))))
