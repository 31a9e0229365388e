"""How far the recurrent states of an exported model are from float64, on the speech it reads.

    python -m asr.inference.benchmark.layer_errors RUN --manifest FILE [--json FILE]

Each layer reads what the layers before it give in float64, so that the errors are its own. They
are absolute: a GRU's states lie within -1 and 1.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from asr.checkpoint import TrainedModel, load_trained
from asr.data.manifest import read_manifest
from asr.errors import InputError, report_input_errors
from asr.files import atomic_write, require_writable
from asr.inference.benchmark.audio_to_text import speech_parser
from asr.inference.benchmark.contestants import Contest
from asr.inference.block_sparse_matrix import WEIGHTS
from asr.inference.folding import folded
from asr.inference.layers import Direction
from asr.inference.network import Network
from asr.inference.recogniser import Recogniser
from asr.inference.source_run import Piece, audio


@dataclass(frozen=True)
class LayerError:
    """Of one direction of a layer with its matrices stored in `weights`."""

    layer: int
    direction: str
    weights: str
    largest: float
    root_mean_square: float


def layer_errors(trained: TrainedModel, pieces: Sequence[Piece]) -> list[LayerError]:
    """Of every layer, direction and type of weights, over all states of all pieces of audio.

    Raises:
        InputError: a layer is no GRU.
    """
    stored = {kind: folded(trained, {}, kind) for kind in WEIGHTS}
    exact = stored["fp32"]
    recogniser = Recogniser(exact)
    network = Network(exact, recogniser.engine, 1)
    inputs = [network.front_end(recogniser.features(*piece)) for piece in pieces]
    found = []
    for index, layer in enumerate(exact.layers):
        states = [[float64_states(way, x) for x in inputs] for way in layer]
        for side, expected in enumerate(states):
            for kind, model in stored.items():
                way = model.layers[index][side]
                run = recogniser.engine.recurrence(way, 1)
                errors = [run(x[:, None])[:, 0] - y for x, y in zip(inputs, expected, strict=True)]
                every = np.concatenate(errors)
                found.append(
                    LayerError(
                        index,
                        "right to left" if way.reverse else "left to right",
                        kind,
                        float(np.abs(every).max()),
                        float(np.sqrt(np.mean(every**2))),
                    )
                )
        both = zip(*states, strict=True)
        joined = [np.concatenate(each, 1) if exact.concatenate else sum(each) for each in both]
        inputs = [np.asarray(each, np.float32) for each in joined]
    return found


def float64_states(way: Direction, x: NDArray) -> NDArray[np.float64]:
    """A GRU's states (T, H) over one utterance `x` (T, K), computed by torch in float64."""
    if way.cell != "gru":
        raise InputError(
            "recurrent layer",
            expected="gru",
            got=way.cell,
            remedy="Errors are measured of GRUs only.",
        )
    turn = slice(None, None, -1 if way.reverse else 1)
    forwards = Contest((replace(way, reverse=False),), np.ascontiguousarray(x[turn, None]), 1)
    return forwards.float64_states()[turn, 0]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command."""
    parser = speech_parser(
        "asr.inference.benchmark.layer_errors",
        "How far the recurrent states of an exported run are from float64, by type of weights.",
    )
    parser.add_argument("run", metavar="RUN")
    given = parser.parse_args(arguments)
    if given.json:
        require_writable(given.json)
    pieces = [audio(one) for one in islice(read_manifest(given.manifest), given.utterances)]
    errors = layer_errors(load_trained(given.run), pieces)
    if given.json:
        with atomic_write(given.json) as file:
            rows = [asdict(one) for one in errors]
            json.dump({"utterances": len(pieces), "rows": rows}, file, indent=1)
            file.write("\n")
    table = Table("layer", "direction", "weights", "largest error", "root mean square")
    for one in errors:
        numbers = (f"{one.largest:.1e}", f"{one.root_mean_square:.1e}")
        table.add_row(str(one.layer), one.direction, one.weights, *numbers)
    # Into a file or a pipe there is no width to keep to.
    Console(width=None if sys.stdout.isatty() else 120).print(table)


if __name__ == "__main__":
    report_input_errors(main)()
