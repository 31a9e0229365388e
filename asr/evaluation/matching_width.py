"""How wide a dense model is that has as many weights as a sparse one has non-zeros.

    python -m asr.evaluation.matching_width RUN

prints the number, so that `+experiment=dense_small model.hidden=$(...)` trains that model: what
the sparse one is to be compared with by whoever could simply train a smaller network.
"""

import argparse
import sys
from collections.abc import Callable, Mapping
from typing import Any

import torch

from asr.checkpoint import checkpoint_of, load_trained, read_blueprint
from asr.errors import InputError, report_input_errors
from asr.evaluation.size import measure
from asr.model.acoustic import AcousticModel


def matching_width(parameters: int, count: Callable[[int], int]) -> int:
    """The width whose count is nearest to `parameters`; of two as near, the smaller.

    Args:
        parameters: wanted.
        count: width -> parameters, rising.

    Raises:
        InputError: even a width of 1 has more.
    """
    if count(1) > parameters:
        raise InputError(
            "a matching width",
            expected=f"a model with {parameters:,} parameters",
            got=f"{count(1):,} at a width of 1: the layers that are not pruned are too large",
            remedy="Compare with a model of a smaller front end.",
        )
    above = 2
    while count(above) <= parameters:
        above *= 2
    below = above // 2
    while above - below > 1:
        middle = (below + above) // 2
        below, above = (middle, above) if count(middle) <= parameters else (below, middle)
    return below if parameters - count(below) <= count(above) - parameters else above


def parameter_count(model_arguments: Mapping[str, Any], hidden: int) -> int:
    """Parameters of the same acoustic model with other recurrent layers."""
    with torch.device("meta"):  # shapes without memory
        model = AcousticModel(**{**model_arguments, "hidden": hidden})
    return sum(parameter.numel() for parameter in model.parameters())


@report_input_errors
def main() -> None:
    """Print the width; say on stderr what was compared."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("run", help="run folder or checkpoint of a sparse model")
    run = parser.parse_args().run
    arguments = read_blueprint(checkpoint_of(run)).model_arguments
    nonzero = measure(load_trained(run).model).nonzero

    def count(hidden: int) -> int:
        return parameter_count(arguments, hidden)

    width = matching_width(nonzero, count)
    print(
        f"{run}: {nonzero:,} weights that are not zero, {arguments['hidden']} units; "
        f"dense with {width} units: {count(width):,} parameters",
        file=sys.stderr,
    )
    print(width)


if __name__ == "__main__":
    main()
