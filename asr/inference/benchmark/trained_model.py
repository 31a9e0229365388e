"""Audio to text by a sparse model in the runtime, beside a dense one in other libraries.

    python -m asr.inference.benchmark.trained_model SPARSE_RUN --dense DENSE_RUN --manifest FILE

All contestants turn the same utterances, short ones first, into text, in turns: the dense run's
model in torch, in torch's dynamic int8, in onnxruntime and in this runtime, the sparse run's in
this runtime with weights of each type; `features alone` are the runtime's, part of its times. CPU
time for one thread, the wall clock for more. Real-time factor: processing seconds for a second of
audio, the median of the rounds; ratios are medians of the rounds' own. CER of what each wrote. With
`--json` every round's seconds are kept.
"""

import copy
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from asr.arguments import count
from asr.checkpoint import TrainedModel, load_trained
from asr.data.manifest import read_manifest
from asr.decoding.greedy import GreedyDecoder
from asr.errors import InputError, report_input_errors
from asr.evaluation.error_rate import character_counts, pool
from asr.evaluation.forward import log_probabilities, text_of, waveform_features
from asr.files import atomic_write, require_writable
from asr.inference.benchmark.__main__ import machine
from asr.inference.benchmark.audio_to_text import Transcribe, in_runtime, measure, speech_parser
from asr.inference.benchmark.timing import Rounds
from asr.inference.block_sparse_matrix import WEIGHTS
from asr.inference.folding import folded
from asr.inference.onnx_export import run_batch
from asr.inference.onnx_graph import onnx_model
from asr.inference.onnx_layers import session
from asr.inference.recogniser import Recogniser
from asr.inference.source_run import Piece, audio, provenance
from asr.model.masking import Padding, reverse
from asr.model.recurrent import GatedLayer

DENSE = "torch dense fp32"  # which the others are compared with
LIBRARIES = (DENSE, "torch dense int8", "onnxruntime dense fp32")
FEATURES = "features alone"


def contestants(dense: TrainedModel, sparse: TrainedModel, threads: int) -> dict[str, Transcribe]:
    """Pieces of audio to their texts, by name."""
    in_torch = as_torch_runs_it(dense)
    found = dict(
        zip(
            LIBRARIES,
            (
                _in_torch(in_torch),
                _in_torch(in_int8(in_torch)),
                _in_onnxruntime(dense, threads),
            ),
            strict=True,
        )
    )
    # In int8, the runtime stores whole matrices in fp16.
    kinds = ("dense", dense, ("fp32", "fp16")), ("sparse", sparse, WEIGHTS)
    for what, trained, stored in kinds:
        for weights in stored:
            recogniser = Recogniser(folded(trained, {}, weights), threads=threads)
            found[f"ours {what} {weights}"] = in_runtime(recogniser)
    return found


def error_rates(
    dense: TrainedModel, sparse: TrainedModel, pieces: Sequence[Piece], references: Sequence[str]
) -> dict[str, float]:
    """The character error rate of what each contestant writes, an utterance at a time."""
    normalised = [dense.normaliser(text) for text in references]
    return {
        name: pool(character_counts(normalised, [transcribe([piece])[0] for piece in pieces])).rate
        for name, transcribe in contestants(dense, sparse, 1).items()
    }


class TorchLayer(nn.Module):
    """A gated layer by torch's own modules, one a direction.

    The model's own layers compute the same with a backward pass that is faster on a CPU; forwards
    torch's are.
    """

    def __init__(self, layer: GatedLayer) -> None:
        super().__init__()
        self.left_to_right = layer.left_to_right
        self.right_to_left = layer.right_to_left

    def forward(self, x: Tensor, batch: Padding) -> list[Tensor]:
        """As `GatedLayer.forward`."""
        ways = [self.left_to_right(x)[0]]
        if self.right_to_left is not None:
            ways.append(reverse(self.right_to_left(reverse(x, batch))[0], batch))
        return ways


def as_torch_runs_it(trained: TrainedModel) -> TrainedModel:
    """A copy whose recurrent layers are torch's own; other kinds of layers are left."""
    model = copy.deepcopy(trained.model).eval()
    layers = model.recurrent.layers
    for index, layer in enumerate(layers):
        if isinstance(layer, GatedLayer):
            layers[index] = TorchLayer(layer)
    return replace(trained, model=model)


def in_int8(trained: TrainedModel) -> TrainedModel:
    """A copy with recurrent and linear layers by torch's dynamic int8 quantisation."""
    quantize: Any = torch.ao.quantization.quantize_dynamic
    kinds = {nn.GRU, nn.LSTM, nn.Linear}
    return replace(trained, model=quantize(copy.deepcopy(trained.model), kinds, torch.qint8))


def _in_torch(trained: TrainedModel) -> Transcribe:
    decoder = GreedyDecoder()

    def transcribe(pieces: Sequence[Piece]) -> list[str]:
        features = [waveform_features(trained, *piece) for piece in pieces]
        found = decoder.decode_batch(*log_probabilities(trained, features))
        return [text_of(trained, one) for one in found]

    return transcribe


def _in_onnxruntime(trained: TrainedModel, threads: int) -> Transcribe:
    data = onnx_model(folded(trained, {})).SerializeToString()
    runtime, decoder = session(data, threads), GreedyDecoder()

    def transcribe(pieces: Sequence[Piece]) -> list[str]:
        features = [waveform_features(trained, *piece).numpy() for piece in pieces]
        texts = []
        for found in run_batch(runtime, features):
            log_probs, frames = torch.from_numpy(found)[:, None], torch.tensor([len(found)])
            texts.append(text_of(trained, decoder.decode_batch(log_probs, frames)[0]))
        return texts

    return transcribe


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = speech_parser(
        "asr.inference.benchmark.trained_model",
        "Real-time factors of a sparse run's model beside a dense run's.",
    )
    parser.add_argument("sparse", metavar="SPARSE_RUN")
    parser.add_argument("--dense", required=True, metavar="DENSE_RUN")
    parser.add_argument("--threads", type=count, nargs="+", default=[1, 2])
    parser.add_argument("--batch", type=count, nargs="+", default=[1, 16], help="at a time")
    parser.add_argument("--rounds", type=count, default=7)
    given = parser.parse_args(arguments)
    here = machine()  # without a kernel there is nothing to measure
    if given.json:
        require_writable(given.json)
    dense, sparse = _loaded(given.dense, pruned=False), _loaded(given.sparse, pruned=True)
    spoken = list(islice(read_manifest(given.manifest), given.utterances))
    pieces = [audio(one) for one in spoken]
    recogniser = Recogniser(folded(sparse, {}))
    rows = []
    for threads in given.threads:
        timed = {
            **contestants(dense, sparse, threads),
            FEATURES: lambda some: [recogniser.features(*piece) for piece in some],
        }
        rows += [
            measure(timed, pieces, threads=threads, batch=batch, rounds=given.rounds)
            for batch in given.batch
        ]
    rates = error_rates(dense, sparse, pieces, [one.text for one in spoken])
    if given.json:
        runs = [_described(given.sparse, sparse), _described(given.dense, dense)]
        written = {"machine": here, "runs": runs, "libraries": LIBRARIES, "cer": rates}
        with atomic_write(given.json) as file:
            json.dump({**written, "rows": rows}, file, indent=1)
            file.write("\n")
    _show(rows, rates)


def _loaded(run: str, *, pruned: bool) -> TrainedModel:
    """A run of the kind that was asked for, whose layers torch has modules for."""
    trained = load_trained(Path(run))
    if (trained.sparsity.method != "dense") != pruned:
        raise InputError(
            run,
            expected="a sparse run" if pruned else "a dense run, to be compared with",
            got=f"one by {trained.sparsity.method}",
            remedy="Give the sparse run first, and --dense the other.",
        )
    for layer in trained.model.recurrent.layers:
        if not isinstance(layer, GatedLayer):
            raise InputError(
                run,
                expected="GRU or LSTM layers",
                got=type(layer).__name__,
                remedy="torch has no int8 form of this layer: python -m asr.inference.benchmark "
                "measures single layers.",
            )
    return trained


def _described(run: str, trained: TrainedModel) -> dict[str, Any]:
    known = provenance(Path(run), trained, "fp32")
    block = "x".join(map(str, known["block"])) if known["block"] else None
    what = f"{100 * known['sparsity']:.0f} % in {block}" if block else "dense"
    parameters = sum(weight.numel() for weight in trained.model.parameters())
    return {"run_key": known.get("run_key"), "what": what, "parameters": parameters}


def _show(rows: Sequence[dict[str, Any]], rates: dict[str, float]) -> None:
    table = Table(
        "threads", "at a time", "contestant", "CER %", "rtf", f"x {DENSE}", "x best dense"
    )
    for row in rows:
        rounds = Rounds.of(row["seconds"])
        for name in rounds.seconds:
            rtf = rounds.median(name) / row["audio_seconds"]
            fastest = rounds.closest(LIBRARIES, name)
            ratios = [f"{rounds.ratio(other, name):.1f}" for other in (DENSE, fastest)]
            cer = f"{100 * rates[name]:.1f}" if name in rates else ""
            table.add_row(str(row["threads"]), str(row["batch"]), name, cer, f"{rtf:.5f}", *ratios)
    # Into a file or a pipe there is no width to keep to.
    Console(width=None if sys.stdout.isatty() else 160).print(table)


if __name__ == "__main__":
    report_input_errors(main)()
