"""Faults of a data set that stop it before any training."""

from collections.abc import Sequence
from pathlib import Path

from kdops.data.raw import Example
from kdops.errors import UserError


def sorted_labels(rows: Sequence[Example]) -> tuple[str, ...]:
    """All labels of the rows, sorted; O first, so that class 0 is no entity."""
    return tuple(sorted({name for row in rows for name in row.names}, key=lambda name: (name != "O", name)))


def check_split(
    split: str, rows: Sequence[Example], train: Sequence[Example], labels: Sequence[str], path: Path
) -> None:
    """Stop at the first fault that training could not survive, or that would make its score a lie.

    Rows were checked one by one when they were read, and tags when they were brought to one scheme.

    Args:
        split: the split's name.
        rows: its rows.
        train: the rows of the train split.
        labels: the labels that the data set may have.
        path: where the rows come from.

    Raises:
        UserError: naming file and line.
    """
    if not rows:
        raise UserError(f"{path}: no rows in {split}")
    trained = {name for row in train for name in row.names} & set(labels)
    for row in rows:
        place = f"{path}:{row.line}"
        if row.task is not train[0].task:
            raise UserError(f"{place}: a row for {row.task}, but the first row of train is for {train[0].task}")
        for name in row.names:
            if name not in trained:
                raise UserError(f"{place}: {_unseen(name, labels, trained)}")
    found = {name for row in rows for name in row.names}
    if len(found) == 1:
        raise UserError(f"{path}: every label of {split} is {found.pop()!r}; are its real labels masked?")


def _unseen(name: str, labels: Sequence[str], trained: set[str]) -> str:
    if name in labels:
        return f"label {name!r} never stands in train, which has: {', '.join(sorted(trained))}"
    return f"unknown label {name!r}; choose one of: {', '.join(labels)}"
