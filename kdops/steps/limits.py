"""Limits on what a student may cost: their parameters, whether values hold them, and what is said of that."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kdops.steps.metric_text import figure, title
from kdops.steps.parameters import NONE, StepConfig, parameter
from kdops.tracking import names


@dataclass(frozen=True)
class Limit:
    """A limit that a metric must keep."""

    metric: str
    bound: float
    at_least: bool = False

    def __str__(self) -> str:
        return f"{title(self.metric)} {self._side()}"

    def holds(self, value: float | None) -> bool:
        """Whether a value is within the limit; what was never measured is not."""
        if value is None:
            return False
        return value >= self.bound if self.at_least else value <= self.bound

    def said_of(self, value: float | None) -> str:
        """The value beside the limit, in words."""
        shown = "not measured" if value is None else figure(self.metric, value, unlike=self.bound)
        return f"{title(self.metric)} {shown}, must be {self._side(value)}"

    def _side(self, value: float | None = None) -> str:
        bound = figure(self.metric, self.bound, unlike=value, exact=True)
        return f"{'at least' if self.at_least else 'at most'} {bound}"


def broken(limits: Iterable[Limit], values: Mapping[str, float]) -> list[Limit]:
    """The limits that values, by the names of their metrics, do not hold."""
    return [limit for limit in limits if not limit.holds(values.get(limit.metric))]


def said(limits: Iterable[Limit], values: Mapping[str, float]) -> str:
    """The values beside the limits, in words."""
    return "; ".join(limit.said_of(values.get(limit.metric)) for limit in limits)


def mark(limits: Iterable[Limit], metric: str, values: Mapping[str, float]) -> str:
    """Give ` ok` or ` NO` for a figure in a table, by whether it holds all limits on its metric; empty without any."""
    own = [limit for limit in limits if limit.metric == metric]
    return "" if not own else " NO" if broken(own, values) else " ok"


class LimitsConfig(StepConfig):
    """Limits on the costs of a student, which change what is recommended and not what is trained; None is off."""

    max_latency_p95_ms: float | None = parameter(
        None,
        "Highest latency in ms per text, 95th percentile; none: no limit.",
        setting=False,
        shown=NONE,
        gt=0,
    )
    max_ram_mb: float | None = parameter(
        None, "Highest peak memory of the serving process in MB; none: no limit.", setting=False, shown=NONE, gt=0
    )
    max_storage_mb: float | None = parameter(
        None, "Largest size of the bundle on disk in MB; none: no limit.", setting=False, shown=NONE, gt=0
    )

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The limits that are on."""
        bounds = {
            names.LATENCY_P95_MS: self.max_latency_p95_ms,
            names.RAM_PEAK_MB: self.max_ram_mb,
            names.STORAGE_MB: self.max_storage_mb,
        }
        return tuple(Limit(metric, bound) for metric, bound in bounds.items() if bound is not None)
