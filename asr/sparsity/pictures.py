"""Masks and their history as pictures."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from asr.sparsity.selection import Part


def draw_mask(path: Path, weight: Tensor, parts: Sequence[Part]) -> None:
    """Draw a matrix, black where a weight is not zero, with the bounds of its gates.

    Args:
        path: of the PNG file.
        weight: (outputs, inputs).
        parts: those of this weight, one where gates are not told apart.
    """
    alive = (weight.detach() != 0).cpu().numpy()
    rows, columns = alive.shape
    scale = 6 / max(rows, columns)
    figure = Figure(
        figsize=(max(columns * scale, 2.0) + 1.5, max(rows * scale, 2.0) + 1.0), dpi=120
    )
    axes = figure.subplots()
    axes.imshow(alive, cmap="Greys", vmin=0, vmax=1, interpolation="antialiased", aspect="equal")
    axes.set_title(f"{parts[0].weight}\n{100 * (1 - alive.mean()):.1f} % zeros", fontsize=8)
    axes.set_xlabel("input")
    axes.set_ylabel("output")
    for part in parts:
        if part.first:
            axes.axhline(part.first - 0.5, color="tab:red", linewidth=0.8)
        if gate := part.label.removeprefix(part.weight).removeprefix("/"):
            axes.text(
                columns + 0.01 * columns, (part.first + part.last) / 2, gate,
                fontsize=7, color="tab:red", va="center",
            )  # fmt: skip
    figure.savefig(path, bbox_inches="tight")


def draw_history(path: Path, history: Mapping[str, Sequence[tuple[int, float]]]) -> None:
    """Draw the sparsity of each matrix over optimizer steps.

    Args:
        path: of the PNG file.
        history: name -> (step, sparsity), in order.
    """
    figure = Figure(figsize=(9, 5), dpi=120)
    axes = figure.subplots()
    for name, points in history.items():
        steps, sparsities = zip(*points, strict=True)
        axes.step(steps, sparsities, where="post", label=name, linewidth=1)
    axes.set_xlabel("optimizer steps")
    axes.set_ylabel("sparsity")
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(alpha=0.3)
    axes.legend(fontsize=6, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    figure.savefig(path, bbox_inches="tight")
