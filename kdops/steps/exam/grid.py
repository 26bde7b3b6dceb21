"""The cells of an exam, and the order in which workers take them."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from kdops.steps.distill.config import DistillConfig


@dataclass(frozen=True)
class Cell:
    """One cell of the grid.

    Attributes:
        dataset: the data set's name.
        config: the parameters of `distill`.
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


def in_turns(groups: Sequence[Sequence[Cell]]) -> list[Cell]:
    """The first cell of each group, then the second of each, and so on.

    Cells of a group share what one of them makes first, so that workers who begin with different groups do not wait
    for one another.
    """
    return [cell for cell in chain.from_iterable(zip_longest(*groups)) if cell is not None]
