"""The benchmark as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from asr.files import atomic_write


def draw_heat_map(rows: Sequence[dict[str, Any]], path: str | Path) -> None:
    """Ratios to torch fp32: layers and batches downwards, blocks and zeros to the right."""
    down = sorted({_down(row) for row in rows})
    right = sorted({_right(row) for row in rows})
    ratios = np.full((len(down), len(right)), np.nan)
    for row in rows:
        ratios[down.index(_down(row)), right.index(_right(row))] = row["speedup_vs_dense"]
    labels = [f"{m}: {h}, batch {b}, {t} threads, {d} dir." for m, h, b, t, d in down]
    width = 1 + 0.08 * max(map(len, labels)) + 0.9 * len(right)  # inches
    figure = Figure(figsize=(width, 1.5 + 0.4 * len(down)), layout="constrained")
    axes = figure.subplots()
    largest = max(float(np.nanmax(ratios)), 2.0)
    image = axes.imshow(
        ratios, norm=LogNorm(min(0.5, float(np.nanmin(ratios))), largest), cmap="viridis"
    )
    axes.set_aspect("auto")
    axes.set_xticks(range(len(right)), [f"{r}x{c}\n{zeros} %" for r, c, zeros in right])
    axes.set_yticks(range(len(down)), labels)
    for (y, x), ratio in np.ndenumerate(ratios):
        if np.isfinite(ratio):
            colour = "white" if ratio < largest**0.5 else "black"
            axes.text(x, y, f"{ratio:.1f}", ha="center", va="center", color=colour)
    axes.set_title("times as fast as torch.nn.GRU in fp32")
    figure.colorbar(image)
    with atomic_write(path, "wb") as file:
        figure.savefig(file, dpi=120, format="png")


def _down(row: dict[str, Any]) -> tuple[str, int, int, int, int]:
    return row["masks"], row["hidden"], row["batch"], row["threads"], row["directions"]


def _right(row: dict[str, Any]) -> tuple[int, int, int]:
    return row["block"][0], row["block"][1], round(100 * row["sparsity"])
