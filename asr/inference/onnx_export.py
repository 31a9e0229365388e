"""A trained run to ONNX: python -m asr.inference.onnx_export RUN OUT.onnx (--help)."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from asr.checkpoint import TrainedModel, load_trained
from asr.errors import report_input_errors
from asr.evaluation.forward import log_probabilities, waveform_features
from asr.files import atomic_write, require_writable
from asr.inference.folding import folded
from asr.inference.onnx_graph import INPUTS, onnx_model
from asr.inference.onnx_layers import import_onnx, session
from asr.inference.source_run import (
    CHECKED,
    Piece,
    first_pieces,
    notices,
    provenance,
    require_same,
)


@dataclass(frozen=True)
class OnnxExported:
    """What an export wrote, and how far it was from the checkpoint."""

    path: str
    checkpoint: str  # the name of the file that the weights are from
    bytes: int
    speech: str  # what audio it was compared on
    utterances: int
    largest_difference: float  # of log-probabilities
    notices: list[str]  # of a run that is not done


def export_onnx(
    run: str | Path, out: str | Path, *, manifest: str | Path | None = None
) -> OnnxExported:
    """Write a run's best checkpoint, or else its last, as ONNX, compared with torch first.

    Args:
        run: a run folder or a checkpoint.
        out: the file.
        manifest: speech to compare on; otherwise the run's first test manifest that is there, and
            otherwise noise.

    Raises:
        InputError: onnx or onnxruntime is not installed, the run cannot be represented, or the
            file computes something else.
    """
    require_writable(out)
    told = notices(Path(run))  # first: the run may end in between
    trained = load_trained(run)
    known = provenance(Path(run), trained, "fp32")
    made = onnx_model(folded(trained, known))
    import_onnx().checker.check_model(made, full_check=True)
    data: bytes = made.SerializeToString()
    speech, pieces = first_pieces(Path(run), manifest, CHECKED)
    worst = largest_difference(trained, data, pieces)
    require_same(run, trained, worst, speech, pieces)
    with atomic_write(out, "wb") as file:
        file.write(data)
    return OnnxExported(
        path=str(out),
        checkpoint=known["checkpoint"],
        bytes=len(data),
        speech=speech,
        utterances=len(pieces),
        largest_difference=worst,
        notices=told,
    )


def largest_difference(trained: TrainedModel, data: bytes, pieces: Sequence[Piece]) -> float:
    """Between torch's log-probabilities of each piece alone, and onnxruntime's of all in a batch.

    What lies beyond an utterance's frames is NaN, so that none of it can get through unseen.
    Each piece is cut in three as well, for lengths that differ even where there is one piece.
    """
    cuts = [
        (samples[: max(len(samples) * part // 3, 1)], rate)
        for samples, rate in pieces
        for part in (1, 2, 3)
    ]
    features = [waveform_features(trained, *cut) for cut in cuts]
    found = run_batch(session(data), [each.numpy() for each in features])
    differences = [
        np.abs(rows - log_probabilities(trained, [each])[0][:, 0].numpy()).max()
        for rows, each in zip(found, features, strict=True)
    ]
    return float(np.max(differences))  # NaN where one is


def run_batch(runtime: Any, features: Sequence[NDArray]) -> list[NDArray[np.float32]]:
    """Features `(F, T)` of each utterance to log-probabilities `(S, V)` of each, in one batch."""
    lengths = np.array([each.shape[1] for each in features], np.int64)
    batch = np.full((len(features), len(features[0]), lengths.max()), np.nan, np.float32)
    for row, each in zip(batch, features, strict=True):
        row[:, : each.shape[1]] = each
    log_probs, counts = runtime.run(None, dict(zip(INPUTS, (batch, lengths), strict=True)))
    return [log_probs[:count, index] for index, count in enumerate(counts)]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m asr.inference.onnx_export",
        description="Write a run's best checkpoint (before there is one, its last) as ONNX, "
        "features (B, F, T) and lengths (B,) to log_probs (S, B, V) and output_lengths (B,), with "
        "dense weights. It is compared with the checkpoint in onnxruntime before it is written.",
    )
    parser.add_argument("run", metavar="RUN", help="a run folder or a .ckpt file")
    parser.add_argument("out", metavar="OUT", help="the file to write")
    parser.add_argument("--manifest", help="speech to compare on")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    given = parser.parse_args(arguments)
    exported = export_onnx(given.run, given.out, manifest=given.manifest)
    for notice in exported.notices:
        print(f"note: {given.run}: {notice}", file=sys.stderr)
    if given.json:
        print(json.dumps(asdict(exported)))
        return
    print(
        f"{exported.path}, of {exported.checkpoint}: {exported.bytes / 1e6:.2f} MB. "
        "Log-probabilities in onnxruntime differ from the checkpoint's by "
        f"{exported.largest_difference:.1e} at most, on {exported.utterances} of {exported.speech}."
    )


if __name__ == "__main__":
    sys.exit(report_input_errors(main)())
