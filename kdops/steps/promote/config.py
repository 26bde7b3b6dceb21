"""The parameters of `promote`."""

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BeforeValidator, model_validator

from kdops.steps.data_config import DataConfig
from kdops.steps.limits import Limit, LimitsConfig
from kdops.steps.parameters import NONE, parameter
from kdops.tracking import names

if TYPE_CHECKING:
    from kdops.steps.promote.candidates import RelativeLimit


def _share(value: object) -> object:
    """A share of `10%`, or of `0.1`."""
    if not (isinstance(value, str) and value.endswith("%")):
        return value
    try:
        return float(value[:-1]) / 100
    except ValueError as error:
        raise ValueError("give a share, as in 10% or 0.1") from error


Share = Annotated[float, BeforeValidator(_share)]
"""A parameter that is a share: `10%`, or `0.1`."""


class ChoiceConfig(LimitsConfig, DataConfig):
    """The parameters of what chooses among registered versions; a limit that is None is off."""

    min_f1_retained: float | None = parameter(
        None, "Lowest share of the teacher's F1 on the test split; none: no limit.", shown=NONE, gt=0, le=2
    )
    threads: int = parameter(1, "CPU threads that costs are measured with.", ge=1)

    @property
    def limits(self) -> tuple[Limit, ...]:
        """The limits that are on."""
        share = self.min_f1_retained
        return (*(() if share is None else (Limit(names.F1_RETAINED, share, at_least=True),)), *super().limits)


class PromoteConfig(ChoiceConfig):
    """The parameters of `promote`."""

    max_latency_increase: Share | None = parameter(
        None,
        "By how much its latency, 95th percentile, may be above the champion's, as in 10%; none: no limit.",
        shown=NONE,
        ge=0,
    )
    max_f1_drop: float | None = parameter(
        None,
        "By how many points of validation F1 it may be below the champion; none: no limit.",
        shown=NONE,
        ge=0,
        le=100,
    )
    reason: str | None = parameter(None, "Why, in your own words; it is kept with the version.", shown=NONE)
    approval: Literal["none", "required"] = parameter(
        "none", "required: only propose the best version, which another person then approves."
    )
    approve: int | None = parameter(
        None, "The proposed version that you approve: it becomes the champion.", shown=NONE, ge=1
    )
    rollback: bool = parameter(False, "Go back to the previous champion.")
    rollback_to: int | None = parameter(
        None, "Go back to this version, which was the champion before.", shown=NONE, ge=1
    )
    dry_run: bool = parameter(False, "Only say what would be done.")

    @model_validator(mode="after")
    def _one_at_a_time(self) -> Self:
        asked = {
            "approval": self.approval == "required",
            "approve": self.approve is not None,
            "rollback": self.rollback,
            "rollback_to": self.rollback_to is not None,
        }
        given = [name for name, on in asked.items() if on]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} exclude each other: give one of them")
        return self

    @property
    def wants_data(self) -> bool:
        """Whether the data decide; a rollback and an approval need the registry alone."""
        return not (self.rollback or self.rollback_to or self.approve)

    @property
    def relative_limits(self) -> "tuple[RelativeLimit, ...]":
        """The limits that the champion sets."""
        from kdops.steps.promote.candidates import SCORE, RelativeLimit

        increase, drop = self.max_latency_increase, self.max_f1_drop
        latency = () if increase is None else (RelativeLimit(names.LATENCY_P95_MS, change=increase),)
        return (*latency, *(() if drop is None else (RelativeLimit(SCORE, drop=drop / 100),)))
