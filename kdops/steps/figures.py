"""Pictures that are logged with a run."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from kdops.training.loop import Epoch


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
    """Counts of predictions by gold label, shaded by the share of the gold label, (classes, classes)."""
    size = 2.0 + 0.6 * len(labels)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Greys", vmin=0, vmax=1)
    axes.set_xticks(range(len(labels)), labels, rotation=45, ha="right")
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="predicted", ylabel="gold")
    for (row, column), count in np.ndenumerate(counts):
        axes.text(
            column, row, str(count), ha="center", va="center", color="white" if shares[row, column] > 0.5 else "k"
        )
    return figure
