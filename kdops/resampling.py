"""How sure a comparison of models is: paired bootstrap, intervals, and Holm's correction for many comparisons.

The rows of a test set, texts or sentences, are drawn anew with replacement, the same rows for all models (Efron and
Tibshirani, An Introduction to the Bootstrap, 1993; for NLP: Koehn, EMNLP 2004).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kdops.metrics import Gold, class_counts, macro_f1
from kdops.number_text import Interval
from kdops.task import Task

Scores = NDArray[np.float64]

_SAMPLES_AT_ONCE = 50


@dataclass(frozen=True)
class BootstrapResult:
    """How far two models lie apart on the same rows.

    Attributes:
        difference: main metric of the first minus that of the second, on all rows.
        low: lower end of the 95 % interval of that difference.
        high: its upper end.
        p_value: two-sided: how often resampling turns the sign around.
    """

    difference: float
    low: float
    high: float
    p_value: float


def paired_bootstrap(
    task: Task, labels: Sequence[str], gold: Gold, first: Gold, second: Gold, *, samples: int = 1000, seed: int = 0
) -> BootstrapResult:
    """Compare two models' main metric by resampling the rows (texts or sentences) that both predicted.

    Args:
        task: decides the main metric, with the labels.
        labels: every label there is.
        gold: label names, one per text or one per word.
        first: predictions of one model.
        second: predictions of the other.
        samples: how often the rows are drawn anew.
        seed: of the draws.

    Raises:
        ValueError: as `kdops.metrics.score`.
    """
    whole, drawn = bootstrap_scores(task, labels, gold, [first, second], samples=samples, seed=seed)
    return compared(whole[0] - whole[1], drawn[:, 0] - drawn[:, 1])


def bootstrap_scores(
    task: Task, labels: Sequence[str], gold: Gold, models: Sequence[Gold], *, samples: int = 1000, seed: int = 0
) -> tuple[Scores, Scores]:
    """The main metric of several models on all rows, and on `samples` draws of rows, the same for all models.

    Args:
        task: decides the main metric, with the labels.
        labels: every label there is.
        gold: label names, one per text or one per word.
        models: the predictions of each.
        samples: how often the rows are drawn anew.
        seed: of the draws.

    Returns:
        On all rows, float64 (models,); on each draw, float64 (samples, models).

    Raises:
        ValueError: as `kdops.metrics.score`.
    """
    counts = np.stack([class_counts(task, labels, gold, predicted) for predicted in models])
    _, rows, classes, kinds = counts.shape
    flat = counts.transpose(1, 0, 2, 3).reshape(rows, -1).astype(np.float64)
    rng = np.random.default_rng(seed)
    drawn = []
    for start in range(0, samples, _SAMPLES_AT_ONCE):
        # how often each row was drawn is all that a resampled set needs: F1 follows from weighted sums
        weights = rng.multinomial(rows, np.full(rows, 1 / rows), size=min(_SAMPLES_AT_ONCE, samples - start))
        drawn.append(macro_f1((weights @ flat).reshape(-1, len(models), classes, kinds)))
    return macro_f1(counts.sum(axis=1)), np.concatenate(drawn)


def compared(difference: float, drawn: Scores) -> BootstrapResult:
    """Return a difference with its 95 % interval and p-value.

    Args:
        difference: on all rows.
        drawn: on each draw of `bootstrap_scores`, (samples,).
    """
    low, high = np.quantile(drawn, (0.025, 0.975))
    # one more than counted, so that no finite number of samples claims a chance of nought
    tail = min(int((drawn <= 0).sum()), int((drawn >= 0).sum())) + 1
    p_value = min(1.0, 2 * tail / (len(drawn) + 1))
    return BootstrapResult(float(difference), float(low), float(high), p_value)


def interval(value: float, drawn: Scores) -> Interval:
    """A figure with the range of its middle 95 % on the draws of `bootstrap_scores`."""
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Interval(float(value), float(low), float(high))


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values of several comparisons, raised so that the chance of any false alarm among them stays what it says.

    Holm, "A Simple Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 6 (1979).
    """
    adjusted = [0.0] * len(p_values)
    least = 0.0
    for place, which in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        least = max(least, min(1.0, (len(p_values) - place) * p_values[which]))
        adjusted[which] = least
    return adjusted
