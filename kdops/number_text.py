"""The format of scores, shares and gains, the same in terminals, cards and reports."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """A figure with its 95 % interval.

    Attributes:
        value: on all rows.
        low: lower end.
        high: upper end.
    """

    value: float
    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value lies within the interval, so that it cannot be told from the figure."""
        return self.low <= value <= self.high


def score(value: float) -> str:
    """A score between 0 and 1."""
    return f"{value:.3f}"


def share(value: float) -> str:
    """A share of another score."""
    return f"{value:.1%}"


def points(value: float) -> str:
    """A difference of scores, in points: hundredths of a score."""
    return f"{value:+.1f}"


def gain(gain: Interval) -> str:
    """A gain in points, for a cell: the number with its interval, or that no difference is seen."""
    between = f"{points(gain.low)} to {points(gain.high)}"
    return f"no difference seen ({between})" if gain.holds(0) else f"{points(gain.value)} ({between})"


def above_or_below(gain: float) -> str:
    """On which side of its baseline a student lies, by its gain in points."""
    return f"{abs(gain):.1f} points {'above' if gain >= 0 else 'below'} its baseline"


def beside_baseline(gain: Interval) -> str:
    """How far a student lies above or below its baseline, by its gain in points; within noise it says so."""
    if gain.holds(0):
        ends = f"95 %: {points(gain.low)} to {points(gain.high)}"
        return f"no difference to its baseline is seen ({points(gain.value)} points, {ends})"
    low, high = sorted((abs(gain.low), abs(gain.high)))
    return f"{above_or_below(gain.value)} (95 %: {low:.1f} to {high:.1f})"


def retained(share_kept: Interval) -> str:
    """A share of the teacher's score, in a cell, with its interval."""
    return f"{share(share_kept.value)} ({share(share_kept.low)} to {share(share_kept.high)})"


def of_no_use(nothing_learned: str) -> str:
    """The verdict where somebody learned nothing."""
    return f"Of no use yet: {nothing_learned}; more epochs or another learning rate may help."


def linear_is_no_worse(metric: str, linear: float, own: float) -> str:
    """A sentence for a linear model whose validation score is no lower than a student's."""
    return f"A linear model needs no network and is no worse: validation {metric} {score(linear)} against {score(own)}."


def verdict(
    student: str,
    metric: str,
    share_kept: Interval | None,
    gained: Interval | None,
    *,
    agreement: float | None = None,
) -> str:
    """One sentence: how much of the teacher's score the student keeps, and how it stands beside its baseline.

    Args:
        student: its name.
        metric: the main metric.
        share_kept: of the teacher's score; None: the teacher has none.
        gained: points above the baseline; None: there is none.
        agreement: share of the teacher's labels that it gives, where these stand for gold labels.
    """
    sentence = f"{student} cannot be compared with its teacher, of which there is no test {metric}"
    if agreement is not None:
        sentence = f"{student} gives {share(agreement)} of the teacher's labels on the test split"
    if share_kept:
        kept = f"{student} keeps {share(share_kept.value)} of the teacher's test {metric}"
        between = f"95 %: {share(share_kept.low)} to {share(share_kept.high)}"
        sentence = f"{kept} ({between}{', no difference seen' if share_kept.holds(1) else ''})"
    if gained is None:
        return f"{sentence}."
    return f"{sentence}; {'' if gained.holds(0) else 'it is '}{beside_baseline(gained)}."
