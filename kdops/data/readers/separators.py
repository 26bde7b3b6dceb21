"""Which character separates the columns of a table."""

import csv
from collections import Counter
from collections.abc import Sequence
from io import StringIO
from itertools import islice

from kdops.data.readers.columns import are_columns
from kdops.errors import UserError

_NAMES = {"comma": ",", "semicolon": ";", "tab": "\t", "\\t": "\t", "pipe": "|", "space": " "}
NAME_OF = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space"}
_CANDIDATES = (",", ";", "\t", "|")
_LINES_LOOKED_AT, _CHARACTERS_LOOKED_AT = 200, 1_000_000


def separator_of(given: str | None) -> str | None:
    """The separator that a parameter names; None where it names none.

    Raises:
        UserError: when it is neither a name nor one character.
    """
    if given is None:
        return None
    separator = _NAMES.get(given, given)
    if len(separator) != 1 or separator.isalnum() or separator in "\"'\r\n":
        raise UserError(f"separator={given}: give one character, or one of: {', '.join(NAME_OF.values())}")
    return separator


def find_separator(text: str) -> str:
    """The separator of a CSV file: the one by which most of its first lines have the same number of columns.

    Where several do equally well, it is the one by which the first line names a text and a label column; then the one
    by which the last column repeats itself most, as labels do; then the comma.
    """
    start = text[:_CHARACTERS_LOOKED_AT]
    return max(_CANDIDATES, key=lambda one: _fit(start, one))


def _fit(text: str, separator: str) -> tuple[float, bool, float]:
    rows = _first_rows(text, separator)
    widths = Counter(len(cells) for cells in rows if len(cells) > 1)
    if not widths:
        return 0.0, False, 0.0
    width, lines = widths.most_common(1)[0]
    last = [cells[-1] for cells in rows if len(cells) == width]
    return lines / len(rows), are_columns(rows[0]), 1 - len({*last}) / len(last)


def _first_rows(text: str, separator: str) -> Sequence[list[str]]:
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator)
    rows: list[list[str]] = []
    try:
        rows.extend(cells for cells in islice(reader, _LINES_LOOKED_AT) if cells)
    except csv.Error:  # reading the whole file reports it later, with its line
        return rows
    return rows
