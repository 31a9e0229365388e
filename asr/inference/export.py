"""A trained run to one file for the CPU: python -m asr.inference.export RUN OUT (--help)."""

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Column, Table

from asr.checkpoint import TrainedModel, load_trained
from asr.data.manifest import read_manifest
from asr.decoding.greedy import GreedyDecoder
from asr.errors import report_input_errors
from asr.evaluation.error_rate import pool, word_counts
from asr.evaluation.forward import log_probabilities, text_of, waveform_features
from asr.files import atomic_write, require_writable
from asr.inference.block_sparse_matrix import WEIGHTS
from asr.inference.folding import folded
from asr.inference.model_file import model_bytes, model_from_bytes
from asr.inference.recogniser import Recogniser
from asr.inference.size import FileSize, MatrixSize, file_size, matrix_sizes
from asr.inference.source_run import (
    CHECKED,
    Piece,
    audio,
    first_pieces,
    notices,
    provenance,
    require_same,
)


@dataclass(frozen=True)
class Check:
    """An exported model beside its checkpoint, on the same audio."""

    speech: str  # what audio it was
    utterances: int
    largest_difference: float  # of log-probabilities
    manifest: str | None = None
    wer_checkpoint: float | None = None
    wer_exported: float | None = None
    same_texts: int | None = None  # of the manifest's utterances
    lines: int | None = None


@dataclass(frozen=True)
class Exported:
    """What an export wrote, and how it was found to behave."""

    path: str
    checkpoint: str  # the name of the file that the weights are from
    weights: str
    matrices: list[MatrixSize]
    size: FileSize
    check: Check
    notices: list[str]  # of a run that is not done


def export(
    run: str | Path, out: str | Path, *, weights: str = "fp32", manifest: str | Path | None = None
) -> Exported:
    """Write a run's best checkpoint, or else its last, to `out`, having checked what it computes.

    Args:
        run: a run folder or a checkpoint.
        out: the file.
        weights: fp32, fp16, or int8 with a scale for each block; matrices that were not pruned,
            and blocks of up to 4 weights, are then in fp16.
        manifest: speech to check on, and to compute the WER of; otherwise the run's first test
            manifest that is there, and otherwise noise, are compared without a WER.

    Raises:
        InputError: the run cannot be represented, or the file computes something else.
    """
    require_writable(out)
    told = notices(Path(run))  # first: the run may end in between
    trained = load_trained(run)
    known = provenance(Path(run), trained, weights)
    model = folded(trained, known, weights)
    data = model_bytes(model)
    # From the bytes, as every reader will see it.
    recogniser = Recogniser(model_from_bytes(data, str(out)))
    check = _check(trained, recogniser, Path(run), weights, manifest)
    with atomic_write(out, "wb") as file:
        file.write(data)
    return Exported(
        path=str(out),
        checkpoint=known["checkpoint"],
        weights=weights,
        matrices=matrix_sizes(model),
        size=file_size(model, len(data)),
        check=check,
        notices=told,
    )


def _check(
    trained: TrainedModel,
    recogniser: Recogniser,
    run: Path,
    weights: str,
    manifest: str | Path | None,
) -> Check:
    speech, first = first_pieces(run, manifest, CHECKED)
    worst = _largest_difference(trained, recogniser, first)
    # Smaller weights are a choice of the user's: their difference is reported, not judged.
    if weights == "fp32" or not math.isfinite(worst):
        require_same(run, trained, worst, speech, first)
    check = Check(speech, len(first), worst)
    if manifest is None:
        return check
    utterances = read_manifest(manifest)
    references = [trained.normaliser(utterance.text) for utterance in utterances]
    expected = [_torch_text(trained, audio(utterance)) for utterance in utterances]
    texts = [recogniser.transcribe(*audio(utterance)) for utterance in utterances]
    return replace(
        check,
        manifest=str(manifest),
        wer_checkpoint=pool(word_counts(references, expected)).rate,
        wer_exported=pool(word_counts(references, texts)).rate,
        same_texts=sum(map(str.__eq__, expected, texts)),
        lines=len(utterances),
    )


def _torch(trained: TrainedModel, piece: Piece) -> torch.Tensor:
    return log_probabilities(trained, [waveform_features(trained, *piece)])[0][:, 0]


def _torch_text(trained: TrainedModel, piece: Piece) -> str:
    return text_of(trained, GreedyDecoder().decode(_torch(trained, piece)))


def _largest_difference(
    trained: TrainedModel, recogniser: Recogniser, pieces: Sequence[Piece]
) -> float:
    exported = recogniser.log_probabilities(pieces)
    differences = [
        np.abs(found - _torch(trained, piece).numpy()).max()
        for found, piece in zip(exported, pieces, strict=True)
    ]
    return float(np.max(differences))  # NaN where one is


def _show(exported: Exported) -> None:
    # Into a file or a pipe there is no width to keep to.
    console = Console(width=None if sys.stdout.isatty() else 160)
    if exported.matrices:
        table = Table(
            Column("matrix", overflow="fold"),
            "shape",
            "block",
            "zeros",
            "stored",
            "of dense fp32",
            "index",
        )
        for each in exported.matrices:
            table.add_row(
                each.name,
                f"{each.shape[0]} x {each.shape[1]}",
                f"{each.block[0]}x{each.block[1]}",
                f"{100 * each.sparsity:.1f} %",
                f"{(each.weights + each.index) / 1e3:,.1f} kB",
                f"{100 * each.share:.1f} %",
                f"{100 * each.index_overhead:.2f} %",
            )
        console.print(table)
    size, check = exported.size, exported.check
    console.print(
        f"{exported.path}, of {exported.checkpoint}: {size.file / 1e6:.2f} MB in "
        f"{exported.weights}; dense it would be {size.dense_fp32 / 1e6:.2f} MB in fp32, "
        f"{size.dense_fp16 / 1e6:.2f} in fp16, {size.dense_int8 / 1e6:.2f} in int8."
    )
    console.print(
        f"Log-probabilities differ from the checkpoint's by {check.largest_difference:.1e} at "
        f"most, on {check.utterances} of {check.speech}."
    )
    if check.wer_exported is not None and check.wer_checkpoint is not None:
        console.print(
            f"WER on {check.manifest}: {100 * check.wer_exported:.2f} %, the checkpoint's "
            f"{100 * check.wer_checkpoint:.2f} %; {check.same_texts} of {check.lines} texts equal."
        )


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(
        prog="python -m asr.inference.export",
        description="Write a run's best checkpoint (before there is one, its last) as one file for "
        "asr.transcribe and asr.inference.recogniser, which need no torch. The file is checked "
        "against the checkpoint before it is written.",
    )
    parser.add_argument("run", metavar="RUN", help="a run folder or a .ckpt file")
    parser.add_argument("out", metavar="OUT", help="the file to write")
    parser.add_argument(
        "--weights",
        choices=WEIGHTS,
        default="fp32",
        help="int8 has a scale for each block; matrices that were not pruned, and blocks of up to "
        "4 weights, are then in fp16 (%(default)s)",
    )
    parser.add_argument("--manifest", help="speech to check on and to compute the WER of")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    given = parser.parse_args(arguments)
    exported = export(given.run, given.out, weights=given.weights, manifest=given.manifest)
    for notice in exported.notices:
        print(f"note: {given.run}: {notice}", file=sys.stderr)
    print(json.dumps(asdict(exported))) if given.json else _show(exported)


if __name__ == "__main__":
    sys.exit(report_input_errors(main)())
