"""Estimated times of cells, from the times of finished runs."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from statistics import mean

from kdops.steps.exam.grid import Cell
from kdops.tracking import names
from kdops.tracking.finished import FinishedWork
from kdops.tracking.runs import chosen
from kdops.training.recipes import RECIPES

_TEACHER = "teacher_s"
_BASELINE = "baseline_"
# Work with other values of these takes another amount of time.
_BUDGET = ("trials", "epochs", "patience", "batch_size", "max_length", "unlabeled_max", "init")


class Estimator:
    """Looks up the times of the parts of each cell; a shared part is counted with the first cell that needs it.

    Args:
        students: the finished students of the store.
        teachers: its finished teachers.
        taught: data sets, and seeds of teachers, whose teacher is finished.
        sources: the encoder that is fine-tuned, by data set: a large teacher takes another time than a small one.
        states: all cells, with the run that did each, None where there is none.
    """

    def __init__(
        self,
        students: Sequence[FinishedWork],
        teachers: Sequence[FinishedWork],
        taught: set[tuple[str, int]],
        sources: Mapping[str, str],
        states: Mapping[Cell, str | None],
    ) -> None:
        self._students, self._teachers = students, teachers
        self._taught, self._sources = set(taught), sources
        self._alone = {_shares_baseline(cell) for cell, finished in states.items() if finished}
        self._finished = {cell for cell, finished in states.items() if finished}

    def seconds(self, cell: Cell) -> float | None:
        """The seconds that a cell takes, in the order in which cells are done; None: nothing similar was measured.

        From the same work with other seeds, else from the same work on other data sets.
        """
        if cell in self._finished:
            return 0.0
        source = self._sources[cell.dataset]
        students = [one for one in self._students if _param(one, "teacher") == source]
        teachers = [one for one in self._teachers if _param(one, "teacher") == source]
        parts = [_closest(students, lambda one, much: _alike(one, cell, _STUDENT, much), _own)]
        taught = (cell.dataset, cell.config.teacher_config.seed)
        if taught not in self._taught:
            self._taught.add(taught)
            parts.append(
                _closest(teachers, lambda one, much: _alike_teacher(one, cell, much), lambda took: took.get(_TEACHER))
            )
        if not RECIPES[cell.recipe].baseline and _shares_baseline(cell) not in self._alone:
            self._alone.add(_shares_baseline(cell))
            parts.append(_closest(students, lambda one, much: _alike_baseline(one, cell, much), _baseline))
        return None if None in parts else sum(part for part in parts if part is not None)


def side_by_side(seconds: Collection[float], workers: int) -> float:
    """The time that workers take for all cells, each done by one of them: the longest cell, or their share of all."""
    return max(max(seconds, default=0.0), sum(seconds) / workers)


def in_words(seconds: float | None) -> str:
    """A time for people: `40 s`, `12 min`, `3 h 20 min`, `unknown`."""
    if seconds is None:
        return "unknown"
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


_STUDENT = ("student", "recipe", *_BUDGET)


def _closest(
    known: Sequence[FinishedWork],
    alike: Callable[[FinishedWork, bool], bool],
    took: Callable[[Mapping[str, float]], float | None],
) -> float | None:
    """The mean time of similar work on the same data set, else on any."""
    for same_data in (True, False):
        seconds = _mean(took(one.seconds) for one in known if alike(one, same_data))
        if seconds is not None:
            return seconds
    return None


def _alike(one: FinishedWork, cell: Cell, keys: Sequence[str], same_data: bool) -> bool:
    asked = chosen(cell.config.model_dump())
    return (one.dataset == cell.dataset or not same_data) and all(
        _param(one, key) == str(asked.get(key, "")) for key in keys
    )


def _alike_baseline(one: FinishedWork, cell: Cell, same_data: bool) -> bool:
    known = RECIPES.get(_param(one, "recipe"))
    return (
        known is not None
        and known.unlabeled == RECIPES[cell.recipe].unlabeled
        and _alike(one, cell, ("student", *_BUDGET), same_data)
    )


def _alike_teacher(one: FinishedWork, cell: Cell, same_data: bool) -> bool:
    epochs = str(cell.config.teacher_epochs)
    return _param(one, "epochs") == epochs and _alike(one, cell, ("max_length", "learning_rate"), same_data)


def _param(one: FinishedWork, key: str) -> str:
    value = one.params.get(names.CONFIG_PREFIX + key, "")
    return "" if value in names.NO_VALUE else value


def _shares_baseline(cell: Cell) -> tuple[str, str, int, bool]:
    return cell.dataset, cell.student, cell.seed, RECIPES[cell.recipe].unlabeled


def _own(seconds: Mapping[str, float]) -> float | None:
    own = [value for name, value in seconds.items() if name != _TEACHER and not name.startswith(_BASELINE)]
    return sum(own) if own else None


def _baseline(seconds: Mapping[str, float]) -> float | None:
    parts = [value for name, value in seconds.items() if name.startswith(_BASELINE)]
    return sum(parts) if parts else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return mean(known) if known else None
