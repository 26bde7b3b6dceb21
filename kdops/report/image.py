"""Charts as images, drawn by matplotlib."""

import re
import textwrap
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import XAxis, YAxis
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from kdops.report.chart import Axis, Chart, Matrix, Panel, Series
from kdops.tracking.drawing import font_families, label_text, plain_text, png

_MARKERS = {
    "circle": "o",
    "square": "s",
    "diamond": "D",
    "triangle-up": "^",
    "triangle-down": "v",
    "cross": "P",
    "x": "x",
}
_LINES = {"none": "", "solid": "-", "dashed": "--", "dotted": ":", "steps": "-"}
_PANEL_INCHES = (4.4, 4.0)
_PANELS_IN_A_ROW = 3
_MANY = 8
_DOTS_PER_INCH = 130


def save_image(chart: Chart, folder: Path, prefix: str = "") -> Path:
    """Write a chart as `<name>.png`, with a prefix `<prefix>-<name>.png`, into a folder that is there.

    Returns:
        The file's path.
    """
    name = re.sub(r"[^\w.-]+", "-", f"{prefix}-{chart.name}" if prefix else chart.name)
    path = folder / f"{name}.png"
    path.write_bytes(png(partial(draw, chart), f"chart {chart.name}", _DOTS_PER_INCH))
    return path


def draw(chart: Chart) -> Figure:
    """Draw a chart, up to three panels side by side."""
    width, height = _PANEL_INCHES
    widest = max(_categories(panel) for panel in chart.panels)
    if widest > _MANY:
        width, height = width + 0.22 * (widest - _MANY), height + 0.1 * (widest - _MANY)
    columns = min(_PANELS_IN_A_ROW, len(chart.panels))
    rows = -(-len(chart.panels) // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    figure.suptitle(plain_text(chart.title))
    places = figure.subplots(rows, columns, squeeze=False).flatten()
    for empty in places[len(chart.panels) :]:
        empty.remove()
    for axes, panel in zip(places, chart.panels, strict=False):
        axes.set_title(plain_text(panel.title), fontsize="medium")
        if isinstance(panel, Matrix):
            _matrix(axes, panel)
        else:
            _panel(axes, panel)
    # One legend for all panels, below them, where it hides nothing.
    entries = [axes.get_legend_handles_labels() for axes in figure.axes]
    drawn = {label: handle for handles, labels in entries for handle, label in zip(handles, labels, strict=True)}
    if drawn:
        figure.legend(drawn.values(), drawn.keys(), fontsize="small", loc="outside lower center", ncols=4)
    return figure


def _categories(panel: Panel | Matrix) -> int:
    if isinstance(panel, Matrix):
        return len(panel.labels)
    return len({x for series in panel.series for x in series.x if isinstance(x, str)})


def _panel(axes: Axes, panel: Panel) -> None:
    if panel.bars:
        _bars(axes, panel.series)
    else:
        for series in panel.series:
            _marks(axes, series)
    if panel.level:
        name, height = panel.level
        axes.axhline(height, color="black", linestyle="--", linewidth=1, label=plain_text(name))
    _scale(axes.xaxis, axes.set_xscale, panel.x)
    _scale(axes.yaxis, axes.set_yscale, panel.y)
    axes.set(xlabel=plain_text(textwrap.fill(panel.x.title, 44)), ylabel=plain_text(textwrap.fill(panel.y.title, 38)))
    if panel.y.span:
        axes.set_ylim(*panel.y.span)
    if _categories(panel):
        axes.tick_params(axis="x", rotation=30 if _categories(panel) <= _MANY else 90)
        axes.tick_params(axis="x", labelfontfamily=font_families())
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)


def _scale(axis: XAxis | YAxis, set_scale: Callable[[str], object], wanted: Axis) -> None:
    if wanted.log:
        set_scale("log")
        axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_formatter(NullFormatter())
    elif wanted.whole:
        axis.set_major_locator(MaxNLocator(integer=True))


def _bars(axes: Axes, groups: Sequence[Series]) -> None:
    names = list(dict.fromkeys(str(x) for series in groups for x in series.x))
    width = 0.8 / len(groups)
    for place, series in enumerate(groups):
        middles = [names.index(str(x)) + (place - (len(groups) - 1) / 2) * width for x in series.x]
        axes.bar(
            middles,
            series.y,
            width,
            yerr=series.spread,
            label=plain_text(series.name),
            color=series.color,
            hatch=series.hatch * 3,
            edgecolor="black",
            linewidth=0.7,
            capsize=2,
        )
    axes.set_xticks(range(len(names)), [plain_text(name) for name in names], fontfamily=font_families())
    axes.set_xlim(-0.6 - 0.4 * (len(names) == 1), len(names) - 0.4 + 0.4 * (len(names) == 1))


def _marks(axes: Axes, series: Series) -> None:
    axes.errorbar(
        [plain_text(x) if isinstance(x, str) else x for x in series.x],
        series.y,
        yerr=series.spread,
        label=plain_text(series.name) or None,
        color=series.color,
        linestyle=_LINES[series.line],
        drawstyle="steps-post" if series.line == "steps" else "default",
        linewidth=1.2,
        marker=_MARKERS[series.marker] if series.marker else None,
        markersize=7,
        markerfacecolor=series.color if series.filled else "white",
        markeredgewidth=1.5,
        capsize=2,
    )


def _matrix(axes: Axes, matrix: Matrix) -> None:
    counts = np.asarray(matrix.counts)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Greys", vmin=0, vmax=1)
    shown, fonts = [label_text(label) for label in matrix.labels], font_families()
    axes.set_xticks(range(len(shown)), shown, rotation=90 if len(shown) > _MANY else 45, fontfamily=fonts)
    axes.set_yticks(range(len(shown)), shown, fontfamily=fonts)
    axes.set(xlabel="predicted", ylabel="gold")
    for (row, column), count in np.ndenumerate(counts):
        shade = "white" if shares[row, column] > 0.5 else "black"
        axes.text(column, row, str(count), ha="center", va="center", color=shade, fontsize="small")
