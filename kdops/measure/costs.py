"""The costs of a bundle: the one place that names them, with how each is shown; every table and chart follows."""

import dataclasses
import math
from collections.abc import Container, Mapping
from dataclasses import asdict, dataclass, field
from enum import IntEnum
from typing import Any

_COLUMN = "column"


class Room(IntEnum):
    """How much room a list of costs has, and with it how many costs it shows."""

    LITTLE = 1
    """Axes of charts, the exam's table, the saved view of the MLflow UI."""
    SOME = 2
    """Tables that compare models: a distillation's, a version's description, the report's."""
    MUCH = 3
    """Everything that was measured: `measure`."""


@dataclass(frozen=True)
class CostColumn:
    """How one cost is named and shown.

    Attributes:
        name: Of the metric, without its prefix.
        title: In tables.
        unit: Of the value as it is shown.
        digits: Decimal places shown.
        room: The narrowest list that has it.
        word: The word in sentences, as in "a ninth of the RAM".
        ratio: Name of the metric teacher / student, without its prefix; empty: no ratio is logged or shown.
        cheaper: What a ratio above 1 means, as in "40 x faster"; by default "less" and the word.
        decides: Whether it decides between equally good students; earlier columns decide first.
        scale: Logged units in one shown unit.
    """

    name: str
    title: str
    unit: str
    digits: int
    room: Room = Room.SOME
    word: str = ""
    ratio: str = ""
    cheaper: str = ""
    decides: bool = False
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not self.word:
            object.__setattr__(self, "word", self.title)
        if self.ratio and not self.cheaper:
            object.__setattr__(self, "cheaper", f"less {self.word}")

    @property
    def heading(self) -> str:
        """Title and unit, for a row or column of bare numbers."""
        return f"{self.title}, {self.unit}"

    def shown(self, values: Mapping[str, Any], prefix: str = "", missing: str = "") -> str:
        """The value as text without its unit, of numbers by metric name; `missing` where there is none."""
        value = values.get(prefix + self.name)
        # NaN, as data frames have it, is no number either.
        return missing if value is None or value != value else self.in_unit(value)

    def in_unit(self, value: float) -> str:
        """A value as text without its unit: its usual decimal places, of a small one two significant figures."""
        own = value / self.scale
        places = 1 - math.floor(math.log10(abs(own))) if own else 0
        return f"{own:.{max(self.digits, places)}f}"

    def times(self, ratios: Mapping[str, Any], prefix: str = "", digits: int = 1) -> str:
        """How many times cheaper than the teacher, as text; empty where that is not known."""
        value = ratios.get(prefix + self.ratio) if self.ratio else None
        return "" if value is None or value != value else f"{value:.{digits}f} x"


def cost(title: str, unit: str, digits: int, *, optional: bool = False, **column: Any) -> Any:
    """A field of `Cost` with its `CostColumn`; an optional one may be None where it cannot be read."""
    metadata = {_COLUMN: {"title": title, "unit": unit, "digits": digits, **column}}
    return field(default=None, metadata=metadata) if optional else field(metadata=metadata)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """The costs of running one bundle.

    Attributes:
        latency_p50_ms: Median time of one real text at a time, text in, labels out.
        latency_p95_ms: 95th percentile of the same.
        latency_p99_ms: 99th percentile of the same.
        throughput_per_s: Texts per second, batched.
        cpu_ms_per_text: User and system CPU time per text, all threads, batched.
        energy_mj_per_text: Millijoules per text, batched, of the whole processor package; None where that cannot be
            read.
        ram_peak_mb: Peak resident memory of the serving process.
        ram_model_mb: The same minus what the process held before the model was loaded.
        storage_mb: Bytes of all the bundle's files, in decimal megabytes.
        load_ms: From before the load to the first answer.
        cold_start_ms: From before the process began, its imports included, to the first answer.
        parameters: Weights in the graph.
    """

    latency_p50_ms: float = cost(
        "latency p50", "ms", 3, room=Room.LITTLE, word="latency", ratio="latency", cheaper="faster"
    )
    latency_p95_ms: float = cost("latency p95", "ms", 3, word="latency", decides=True)
    latency_p99_ms: float = cost("latency p99", "ms", 3, room=Room.MUCH)
    throughput_per_s: float = cost("throughput, batched", "texts/s", 0, room=Room.MUCH)
    cpu_ms_per_text: float = cost("CPU per text", "ms", 3, word="CPU time", ratio="cpu")
    energy_mj_per_text: float | None = cost(
        "energy per text", "mJ", 2, optional=True, room=Room.LITTLE, word="energy", ratio="energy"
    )
    ram_peak_mb: float = cost("RAM peak", "MB", 0, room=Room.LITTLE, word="RAM", ratio="ram", decides=True)
    ram_model_mb: float = cost("RAM of the model", "MB", 0, room=Room.MUCH)
    storage_mb: float = cost(
        "storage", "MB", 1, room=Room.LITTLE, ratio="storage", cheaper="smaller on disk", decides=True
    )
    load_ms: float = cost("load", "ms", 0, room=Room.MUCH)
    cold_start_ms: float = cost("cold start", "ms", 0, room=Room.MUCH)
    parameters: int = cost("parameters", "M", 2, scale=1e6)

    def metrics(self) -> dict[str, float]:
        """The fields by name, as numbers to log; what could not be read is left out."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def ratios(self, teacher: Mapping[str, float]) -> dict[str, float]:
        """How many times cheaper than a teacher this is: teacher / student, where both are known.

        Latency compares medians, RAM the peaks of the whole serving processes.
        """
        own = self.metrics()
        return {
            column.ratio: teacher[column.name] / own[column.name]
            for column in columns_of(type(self))
            if column.ratio and column.name in own and column.name in teacher
        }


def columns_of(kind: type[Cost]) -> tuple[CostColumn, ...]:
    """The columns of the fields of `Cost`, in order."""
    return tuple(CostColumn(name=one.name, **one.metadata[_COLUMN]) for one in dataclasses.fields(kind))


COSTS = columns_of(Cost)
"""Every cost, in the order of all tables. Read it through the functions below, so that there is one list."""


def costs(room: Room = Room.MUCH, known: Container[str] | None = None, prefix: str = "") -> tuple[CostColumn, ...]:
    """The costs that a list shows.

    Args:
        room: How much room it has.
        known: Names of the metrics that were measured; others are left out. None: all are listed.
        prefix: How names in `known` begin.
    """
    return tuple(one for one in COSTS if one.room <= room and (known is None or prefix + one.name in known))


def deciding() -> tuple[CostColumn, ...]:
    """The costs that decide between equals, the most important first."""
    return tuple(one for one in COSTS if one.decides)
