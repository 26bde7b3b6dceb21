"""The parameters of `promote`."""

from typing import TYPE_CHECKING

from kdops.steps.data_config import DataConfig
from kdops.steps.parameters import NONE, parameter

if TYPE_CHECKING:
    from kdops.steps.promote.candidates import Limit


class PromoteConfig(DataConfig):
    """The parameters of `promote`; a limit that is None is off."""

    min_f1_retained: float | None = parameter(
        None, "Lowest share of the teacher's F1 on the test split; none: no limit.", shown=NONE, gt=0, le=2
    )
    max_latency_p95_ms: float | None = parameter(
        None, "Highest latency in ms per text, 95th percentile; none: no limit.", shown=NONE, gt=0
    )
    max_ram_mb: float | None = parameter(
        None, "Highest peak memory of the serving process in MB; none: no limit.", shown=NONE, gt=0
    )
    max_storage_mb: float | None = parameter(
        None, "Largest size of the bundle on disk in MB; none: no limit.", shown=NONE, gt=0
    )
    threads: int = parameter(1, "CPU threads that costs are measured with.", ge=1)
    reason: str | None = parameter(None, "Why, in your own words; it is kept with the version.", shown=NONE)
    rollback: bool = parameter(False, "Go back to the previous champion.")
    dry_run: bool = parameter(False, "Only say what would be done.")

    @property
    def limits(self) -> "tuple[Limit, ...]":
        """The limits that are on."""
        from kdops.steps.promote.candidates import Limit
        from kdops.tracking import names

        bounds = [
            (names.F1_RETAINED, self.min_f1_retained, True),
            (names.LATENCY_P95_MS, self.max_latency_p95_ms, False),
            (names.RAM_PEAK_MB, self.max_ram_mb, False),
            (names.STORAGE_MB, self.max_storage_mb, False),
        ]
        return tuple(Limit(metric, bound, at_least) for metric, bound, at_least in bounds if bound is not None)
