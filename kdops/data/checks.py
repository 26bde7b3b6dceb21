"""Faults of a data set that stop it before any training."""

from collections.abc import Sequence
from pathlib import Path

from kdops.data.inputs import sides
from kdops.data.raw import Example
from kdops.errors import UserError
from kdops.task import ASPECT_MARK, Task, aspect_of, value_of


def sorted_labels(rows: Sequence[Example]) -> tuple[str, ...]:
    """All labels of the rows, sorted; O first, so that class 0 is no entity."""
    return tuple(sorted({name for row in rows for name in row.names}, key=lambda name: (name != "O", name)))


def check_split(
    split: str, rows: Sequence[Example], train: Sequence[Example], labels: Sequence[str], path: Path
) -> None:
    """Stop at the first fault that would break training, or make its scores worthless.

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
    # A known I- tag that train lacks is part of spans of a type that train has.
    trained |= {name for name in labels if name.startswith("I-") and f"B-{name[2:]}" in trained}
    for row in rows:
        place = f"{path}:{row.line}"
        if row.task is not train[0].task:
            raise UserError(f"{place}: a row for {row.task}, but the first row of train is for {train[0].task}")
        if len(sides(row.input)) != len(sides(train[0].input)):
            raise UserError(f"{place}: {_sided(row)}, but the first row of train is {_sided(train[0])}")
        for name in row.names:
            if name not in trained:
                raise UserError(f"{place}: {_unseen(name, labels, trained)}")
    of_each = {tuple(row.names) for row in rows} if train[0].task.several else {(n,) for row in rows for n in row.names}
    if len(of_each) == 1:
        found = ", ".join(of_each.pop()) or "none"
        raise UserError(f"{path}: every label of {split} is {found!r}; are its real labels masked?")
    if train[0].task is Task.ASPECTS:
        _check_aspects(rows, train, path)


def _sided(row: Example) -> str:
    return "a pair of texts" if len(sides(row.input)) > 1 else "one text"


def _check_aspects(rows: Sequence[Example], train: Sequence[Example], path: Path) -> None:
    """Stop at a row that lacks an aspect, and at an aspect that has one value only in train."""
    values: dict[str, set[str]] = {}
    for name in (name for row in train for name in row.names):
        values.setdefault(aspect_of(name), set()).add(value_of(name))
    for aspect, those in values.items():
        if len(those) == 1:
            raise UserError(f"{path}: aspect {aspect!r} is {those.pop()!r} in every row of train; leave it out")
    for row in rows:
        given = [aspect_of(name) for name in row.names]
        if sorted(given) != sorted(values):
            lacking = next((one for one in values if one not in given), None)
            fault = f"no value of aspect {lacking!r}" if lacking else "an aspect stands there twice"
            raise UserError(f"{path}:{row.line}: {fault}")


def _unseen(name: str, labels: Sequence[str], trained: set[str]) -> str:
    aspects = list(dict.fromkeys(map(aspect_of, sorted(trained)))) if all(ASPECT_MARK in one for one in trained) else []
    if aspects and aspect_of(name) not in aspects:
        return f"aspect {aspect_of(name)!r} never stands in train, which has: {', '.join(aspects)}"
    if name in labels:
        return f"label {name!r} never stands in train, which has: {', '.join(sorted(trained))}"
    return f"unknown label {name!r}; choose one of: {', '.join(labels)}"
