"""How the figures that decide between students are named and written: costs, shares of the teacher's score, scores."""

from collections.abc import Mapping

from kdops import number_text
from kdops.measure.costs import CostColumn, costs
from kdops.tracking import names


def title(metric: str) -> str:
    """A metric in words."""
    cost = _cost(metric)
    if cost:
        return cost.title
    return "share of the teacher's score" if metric == names.F1_RETAINED else metric.replace(".", " ")


def figure(metric: str, value: float, unlike: float | None = None, *, exact: bool = False) -> str:
    """A value of a metric with its unit.

    Args:
        metric: its name.
        value: the value as it is logged.
        unlike: another value, from which rounding must not hide the difference.
        exact: whether it was given, as limits are, and not measured: then no digit of a cost is lost.
    """
    cost = _cost(metric)
    if unlike not in (None, value) and figure(metric, value) == figure(metric, unlike):
        return f"{value / (cost.scale if cost else 1):.6g}{f' {cost.unit}' if cost else ''}"
    if cost:
        usual = f"{value / cost.scale:.{cost.digits}f}"
        lossless = usual if float(usual) == value / cost.scale else f"{value / cost.scale:.6g}"
        return f"{lossless if exact else cost.in_unit(value)} {cost.unit}"
    return number_text.share(value) if metric == names.F1_RETAINED else number_text.score(value)


def simpler_is_better(metrics: Mapping[str, float], main_metric: str) -> list[str]:
    """A sentence for each of linear model and baseline that makes a student needless, by the metrics of its run."""
    name = names.VALIDATION_PREFIX + main_metric
    linear, own, gain = metrics.get(names.LINEAR_PREFIX + name), metrics.get(name), metrics.get(names.KD_GAIN)
    said = []
    if linear is not None and own is not None and linear >= own:
        said.append(number_text.linear_is_no_worse(main_metric, linear, own))
    low, high = (metrics.get(names.KD_GAIN + end) for end in names.ENDS)
    if gain is not None and low is not None and high is not None and high < 0:
        stands = number_text.beside_baseline(number_text.Interval(gain, low, high))
        said.append(f"The same student without distillation is better: the version is {stands}.")
    return said


def _cost(metric: str) -> CostColumn | None:
    return next((one for one in costs() if names.COST_PREFIX + one.name == metric), None)
