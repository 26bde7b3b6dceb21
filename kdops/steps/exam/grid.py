"""The cells of an exam, and the order in which workers take them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from math import isfinite
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from kdops.models.kinds import STUDENTS
from kdops.steps.distill.config import DistillConfig
from kdops.steps.setup import Names
from kdops.training.recipes import RECIPES

EVERYTHING = "all"
RAY = "ray"
_MAY_BE_NONE = "num_gpus"
_RESOURCES = "give names with numbers, as in num_cpus=1,num_gpus=0.25"

_PRESETS = {
    # arXiv:2201.00558, on those of its data sets that are public; their own teacher is the study's.
    "paper": {
        "datasets": "smsa,emot,senta,terma,pos,nergrit,nerp,posp",
        "students": EVERYTHING,
        "recipes": EVERYTHING,
    }
}


class ExamConfig(BaseModel):
    """The parameters of `exam`.

    Attributes:
        each: what all cells have in common: budget, teacher, texts without labels.
        preset: what stands for the names that are not given.
        datasets: names, folders, files or hub ids, with commas between them.
        students: names with commas between them, or `all`.
        recipes: the same.
        seeds: how many, from 1 on.
        backend: where worker processes run.
        workers: how many there are; None: one a core of this machine.
        resources: what each asks a cluster for, by name.
        hung_after_min: minutes without a sign of life after which a worker is killed.
        plan: only say what would be done.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    each: DistillConfig = DistillConfig()
    preset: Literal["paper"] | None = None
    datasets: Names = ("sample",)
    students: Names = STUDENTS
    recipes: Names = ("kd-unlabeled-teacher",)
    seeds: int = Field(default=3, ge=1)
    backend: str = "loky"
    workers: int | None = Field(default=None, ge=1)
    resources: Mapping[str, float] = Field(default_factory=dict)
    hung_after_min: float = Field(default=30, gt=0)
    plan: bool = False

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
        """What `distill` is asked for one cell; the names must be known ones."""
        given = self.each.model_dump() | {"storage": self.each.storage}
        return DistillConfig(**given | {"dataset": dataset, "student": student, "recipe": recipe, "seed": seed})


@dataclass(frozen=True)
class Cell:
    """One cell of the grid.

    Attributes:
        dataset: what the data set is called.
        config: what `distill` is asked.
        key: stands for the content of the data and all parameters; no two exams work on one key at a time.
    """

    dataset: str
    config: DistillConfig
    key: str

    @property
    def student(self) -> str:
        """The student's name."""
        return str(self.config.student)

    @property
    def recipe(self) -> str:
        """The recipe's name."""
        return str(self.config.recipe)

    @property
    def seed(self) -> int:
        """The seed."""
        return self.config.seed

    def __str__(self) -> str:
        return f"{self.dataset} {self.student} {self.recipe} seed {self.seed}"


def _amounts(value: str) -> dict[str, float]:
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    try:
        demand = {name.strip(): float(amount) for name, _, amount in pairs}
    except ValueError as error:
        raise ValueError(_RESOURCES) from error
    if "" in demand:
        raise ValueError(_RESOURCES)
    return demand


def in_turns(groups: Sequence[Sequence[Cell]]) -> list[Cell]:
    """The first cell of each group, then the second of each, and so on.

    Cells of a group share what one of them makes first, so that workers who begin with different groups do not wait
    for one another.
    """
    return [cell for cell in chain.from_iterable(zip_longest(*groups)) if cell is not None]
