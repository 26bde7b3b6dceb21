"""Labels that are not one name a text: numbers with a fraction, and several labels in one cell."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from kdops.data.raw import Example
from kdops.errors import UserError

_LIST = re.compile(r"\[.*\]|\{.*\}", re.DOTALL)
_SEPARATORS = "|,"


def check_labels(rows: Mapping[str, Sequence[Example]], places: Mapping[str, Path]) -> None:
    """Stop at texts whose label is several labels; as one class, each mixture of them would be learnt on its own.

    That is a list as text, or names between `|` or commas each of which is the label of another text. A name may hold
    such marks otherwise.

    Args:
        rows: by split.
        places: where the rows of each split come from, for messages.

    Raises:
        UserError: naming file and line.
    """
    names = {row.gold.strip() for those in rows.values() for row in those if isinstance(row.gold, str)}
    several = {name for name in names if _LIST.fullmatch(name) or _is_mixture(name, names)}
    if not several:
        return
    for split, those in rows.items():
        for row in those:
            if isinstance(row.gold, str) and row.gold.strip() in several:
                raise UserError(
                    f"{places[split]}:{row.line}: label {row.gold!r} reads as several labels, and several labels a "
                    "text are not supported; give each text one name"
                )


def _is_mixture(name: str, names: set[str]) -> bool:
    return any(mark in name and {part.strip() for part in name.split(mark)} <= names for mark in _SEPARATORS)
