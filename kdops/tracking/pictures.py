"""Pictures that are logged with a run."""

import itertools
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from kdops.tracking.drawing import font_families, label_text
from kdops.training.values import Epoch

_MOST_CELLS = 30  # classes up to which each cell has its number
_MOST_NAMED = 60  # and up to which each row has its name
_LARGEST_INCHES = 16.0


def curves(history: Sequence[Epoch], main_metric: str) -> Figure:
    """Training loss and validation score over epochs."""
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    loss_axes, score_axes = figure.subplots(1, 2)
    numbers = [epoch.number for epoch in history]
    for term, style in (("loss", "-"), ("gold", "--"), ("soft", ":")):
        if term in history[0].losses and (term == "loss" or "soft" in history[0].losses):
            loss_axes.plot(numbers, [epoch.losses[term] for epoch in history], style, color="black", label=term)
    loss_axes.set(xlabel="epoch", ylabel="training loss")
    loss_axes.legend()
    score_axes.plot(numbers, [epoch.scores[main_metric] for epoch in history], "o-", color="black")
    score_axes.set(xlabel="epoch", ylabel=f"validation {main_metric}")
    for axes in (loss_axes, score_axes):
        axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def confusion_matrix(counts: np.ndarray, labels: Sequence[str]) -> Figure:
    """Counts of predictions by gold label, shaded by the share of the gold label, (classes, classes).

    Of more than 30 classes the cells have no numbers, of more than 60 the rows no names: there a table of the pairs
    that are confused most says more (`kdops.tracking.drawing.most_confused`).
    """
    size = min(2.0 + 0.6 * len(labels), _LARGEST_INCHES)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Greys", vmin=0, vmax=1)
    axes.set(xlabel="predicted", ylabel="gold")
    if len(labels) <= _MOST_NAMED:
        shown, fonts = [label_text(label) for label in labels], font_families()
        axes.set_xticks(range(len(labels)), shown, rotation=45, ha="right", fontfamily=fonts)
        axes.set_yticks(range(len(labels)), shown, fontfamily=fonts)
    else:
        axes.set_title(f"{len(labels)} classes, in the order of their labels")
    if len(labels) <= _MOST_CELLS:
        for (row, column), count in np.ndenumerate(counts):
            shade = "white" if shares[row, column] > 0.5 else "k"
            axes.text(column, row, str(count), ha="center", va="center", color=shade)
    return figure


def growth(points: pd.DataFrame, across: str, up: str) -> Figure:
    """A line a model over where it was measured, both axes in powers of two.

    Args:
        points: columns `model`, `at` and `value`.
        across: what `at` is, with its unit.
        up: what `value` is, with its unit.
    """
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for (model, line), marker in zip(points.groupby("model", sort=False), itertools.cycle("osD^vx*+"), strict=False):
        axes.plot(line["at"], line["value"], marker=marker, color="black", linewidth=0.8, label=model)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log", base=2)
    axes.set(xlabel=across, ylabel=up)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
    axes.grid(alpha=0.3)
    axes.legend()
    return figure
