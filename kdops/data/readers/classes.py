"""Classes that are numbers, with their names kept beside them."""

from collections.abc import Mapping, Sequence
from typing import Any

ClassNames = Mapping[str, Sequence[str]]
"""The names of the classes of a column, in the order of their numbers."""


def with_names(row: Mapping[str, Any], classes: ClassNames) -> Mapping[str, Any]:
    """A row with the names of its classes for their numbers.

    A test split without labels has -1 there: that has no name, and becomes None.
    """
    if not classes:
        return row
    return {name: _named(value, classes[name]) if name in classes else value for name, value in row.items()}


def _named(value: Any, names: Sequence[str]) -> Any:
    if isinstance(value, list):
        return [_named(one, names) for one in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None
