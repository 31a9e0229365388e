"""Pictures of the study, each of one kind of comparison."""

from collections.abc import Collection, Mapping, Sequence
from itertools import cycle

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from asr.statistics.bootstrap import Interval

_DENSE, _SPARSE = "#777777", "#0b6e99"
_GREYS = ("#555555", _DENSE, "#999999", "#b3b3b3", "#cccccc", "#e0e0e0")
_BLUES = (_SPARSE, "#3d90b4", "#72b2cc", "#a9d2e2")


def rates(
    names: Sequence[str],
    dense: Sequence[bool],
    intervals: Sequence[Interval],
    seeds: Sequence[Sequence[float]],
    axis: str,
) -> Figure:
    """Rows with a rate, its interval and the rate of each seed; the first is the reference."""
    width = max(7, 5 + 0.075 * max(map(len, names)))  # 5 inches for the axes
    figure = Figure(figsize=(width, 0.9 + 0.36 * len(names)), layout="constrained")
    axes = figure.subplots()
    for row, (grey, interval, own) in enumerate(zip(dense, intervals, seeds, strict=True)):
        colour = _DENSE if grey else _SPARSE
        axes.plot([100 * interval.low, 100 * interval.high], [row, row], color=colour, linewidth=2)
        axes.plot(100 * interval.estimate, row, "o", color=colour, markersize=7)
        if len(own) > 1:
            axes.plot([100 * rate for rate in own], [row + 0.22] * len(own), "|", color=colour)
    reference = 100 * intervals[0].estimate
    axes.axvline(reference, color=_DENSE, linewidth=0.8, linestyle=":")
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(axis)
    axes.grid(axis="x", alpha=0.3)
    _plain(figure)
    return figure


def differences(names: Sequence[str], intervals: Sequence[Interval], axis: str) -> Figure:
    """Rows with a difference and its interval; where there is none, the difference alone."""
    figure = Figure(figsize=(7, 0.9 + 0.3 * len(names)), layout="constrained")
    axes = figure.subplots()
    for row, interval in enumerate(intervals):
        axes.plot([100 * interval.low, 100 * interval.high], [row, row], color=_SPARSE, linewidth=2)
        axes.plot(100 * interval.estimate, row, "o", color=_SPARSE, markersize=6)
    axes.axvline(0, color=_DENSE, linewidth=0.8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel(axis)
    axes.grid(axis="x", alpha=0.3)
    _plain(figure)
    return figure


def bars(groups: Sequence[str], series: Mapping[str, Sequence[float]], axis: str) -> Figure:
    """For each group a bar of each series, those whose name says "dense" in grey."""
    figure = Figure(figsize=(8, 1.2 + 0.22 * len(groups) * len(series)), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / len(series)
    greys, blues = cycle(_GREYS), cycle(_BLUES)
    for index, (name, values) in enumerate(series.items()):
        places = [row + (index - (len(series) - 1) / 2) * height for row in range(len(groups))]
        colour = next(greys if "dense" in name else blues)
        drawn = axes.barh(places, values, height * 0.92, color=colour, label=name)
        axes.bar_label(drawn, fmt="{:.3g}", fontsize=7, padding=2)
    axes.set_yticks(range(len(groups)), groups, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel(axis)
    axes.margins(x=0.12)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    _plain(figure)
    return figure


def over_size(
    series: Mapping[str, Sequence[tuple[Interval, Interval, str]]],
    across: str,
    up: str,
    *,
    apart: Collection[str] = (),
) -> Figure:
    """Error rates over sizes: a colour a series of (size, rate, what it is), sizes by logarithm.

    Either may have an interval; that of a size that was counted has no width.
    The points of a series are joined by a line, but for those of the series `apart`.
    """
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    colours = [_DENSE, _SPARSE, "#c4581a", "#7a9a3b"]
    assert len(series) <= len(colours)
    for (name, points), colour in zip(series.items(), colours, strict=False):
        if not points:
            continue
        ordered = sorted(points, key=lambda point: point[0].estimate)
        axes.plot(
            [size.estimate for size, _, _ in ordered],
            [100 * rate.estimate for _, rate, _ in ordered],
            "o" if name in apart else "o-",
            color=colour,
            label=name,
            linewidth=1.2,
        )
        for size, rate, what in ordered:
            here = size.estimate, 100 * rate.estimate
            for across_it, up_it in (
                ([here[0]] * 2, [100 * rate.low, 100 * rate.high]),
                ([size.low, size.high], [here[1]] * 2),
            ):
                axes.plot(across_it, up_it, color=colour, linewidth=0.8)
            axes.annotate(
                what, here, textcoords="offset points", xytext=(5, 5), fontsize=8, color=colour
            )
    axes.set_xscale("log")
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.grid(alpha=0.3, which="both")
    axes.legend(frameon=False)
    _plain(figure)
    return figure


def shares(rows: Sequence[str], columns: Sequence[str], values: NDArray[np.float64]) -> Figure:
    """A heat map of shares, `(rows, columns)`, in percent; NaN stays empty."""
    figure = Figure(
        figsize=(2.5 + 1.05 * len(columns), 1.2 + 0.34 * len(rows)), layout="constrained"
    )
    axes = figure.subplots()
    axes.imshow(values, cmap="Blues", aspect="auto")
    axes.set_xticks(range(len(columns)), columns, fontsize=8)
    axes.set_yticks(range(len(rows)), rows, fontsize=8)
    middle = (np.nanmin(values) + np.nanmax(values)) / 2
    for (y, x), share in np.ndenumerate(values):
        if np.isnan(share):
            continue
        colour = "white" if share > middle else "black"
        axes.text(x, y, f"{100 * share:.1f}", ha="center", va="center", color=colour, fontsize=8)
    return figure


def _plain(figure: Figure) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
