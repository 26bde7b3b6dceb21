"""The parameters of `exam`."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Literal

from pydantic import ValidationInfo, field_validator, model_validator

from kdops.models.student_kinds import STUDENTS, STUDY_STUDENTS
from kdops.steps.distill.config import DistillConfig
from kdops.steps.parameters import AUTO, NONE, Names, StepConfig, parameter
from kdops.training.recipes import RECIPES, STUDY_RECIPES

EVERYTHING = "all"
GRID = ("dataset", "name", "student", "recipe", "seed", "workers", "force")
"""The parameters of `distill` that the grid sets; the others are the same in all cells."""
RAY = "ray"
_MAY_BE_NONE = "num_gpus"
_RESOURCES = "give names with numbers, as in num_cpus=1,num_gpus=0.25"

_PRESETS = {
    # arXiv:2201.00558, on those of its data sets that are public; their own teacher is the study's.
    "paper": {
        "datasets": "smsa,emot,senta,terma,pos,nergrit,nerp,posp",
        "students": STUDY_STUDENTS,
        "recipes": STUDY_RECIPES,
    }
}


class ExamConfig(StepConfig):
    """The parameters of `exam`; `each` holds what all cells have in common."""

    each: DistillConfig = DistillConfig()
    preset: Literal["paper"] | None = parameter(
        None,
        "paper: the students and recipes of arXiv:2201.00558 on its public data sets; other parameters override it.",
        shown=NONE,
    )
    datasets: Names = parameter(
        ("sample",),
        "Data sets, separated by commas: catalogue names, folders or files of your own, hub ids; auto: sample, or the "
        "preset's.",
        shown=AUTO,
    )
    students: Names = parameter(
        STUDENTS, f"Students, separated by commas, or all: {', '.join(STUDENTS)}; auto: all.", shown=AUTO
    )
    recipes: Names = parameter(
        (AUTO,),
        f"Recipes, separated by commas, or all: {', '.join(RECIPES)}; auto: what `distill` takes, or the preset's.",
    )
    seeds: int = parameter(3, "How often each cell is done, with seeds 1, 2 and so on.", ge=1)
    backend: str = parameter("loky", "Where workers run: loky (this machine) or ray (a Ray cluster).")
    workers: int | None = parameter(
        None, "Cells at a time, each with one thread; auto: one per core of this machine.", ge=1
    )
    resources: Mapping[str, float] = parameter(
        {}, "What each worker asks of a Ray cluster, as in num_cpus=1,num_gpus=0.25.", shown=NONE
    )
    hung_after_min: float = parameter(30.0, "Kill a worker after this many minutes without a sign of life.", gt=0)
    plan: bool = parameter(False, "Only list the cells: finished or not, and how long the rest takes.")

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, values: dict[str, Any]) -> dict[str, Any]:
        return _PRESETS.get(values.get("preset") or "", {}) | values

    @field_validator("resources", mode="before")
    @classmethod
    def _demand(cls, value: object, info: ValidationInfo) -> object:
        if not isinstance(value, str):
            return value
        if info.data.get("backend") != RAY:
            raise ValueError(f"only backend={RAY} knows resources")
        demand = _amounts(value)
        for name, amount in demand.items():
            # Ray does not count workers that ask for no CPU: any number of them would fit on one machine.
            if not isfinite(amount) or amount < 0 or (amount == 0 and name != _MAY_BE_NONE):
                least = "at least 0" if name == _MAY_BE_NONE else "more than 0"
                raise ValueError(f"{name} must be a number, {least}")
        return demand

    @field_validator("students")
    @classmethod
    def _students(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return STUDENTS if value == (EVERYTHING,) else value

    @field_validator("recipes")
    @classmethod
    def _recipes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(RECIPES) if value == (EVERYTHING,) else value

    def cell(self, dataset: str, student: str, recipe: str, seed: int) -> DistillConfig:
        """The parameters of `distill` for one cell; the names must be known ones."""
        given = self.each.model_dump() | {"storage": self.each.storage}
        return DistillConfig(**given | {"dataset": dataset, "student": student, "recipe": recipe, "seed": seed})


def _amounts(value: str) -> dict[str, float]:
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    try:
        demand = {name.strip(): float(amount) for name, _, amount in pairs}
    except ValueError as error:
        raise ValueError(_RESOURCES) from error
    if "" in demand:
        raise ValueError(_RESOURCES)
    return demand
