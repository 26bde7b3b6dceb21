"""Files as fastText reads them: `__label__positive the text`, one per line."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kdops.data.raw import Example, FileRows
from kdops.data.readers.examples import checked
from kdops.errors import UserError

_MARK = "__label__"
_LINE = re.compile(rf"\s*((?:{_MARK}\S+\s*,?\s*)+)(.*)", re.DOTALL)


def is_fasttext(lines: Sequence[str]) -> bool:
    """Whether every line begins with a label as fastText writes it."""
    return bool(lines) and all(line.lstrip().startswith(_MARK) for line in lines)


def read_fasttext(lines: Sequence[tuple[int, str]], path: Path) -> FileRows:
    """Texts and their labels: one each, or a list each where any line has several.

    Raises:
        UserError: naming the line without a label or a text.
    """
    rows: list[Example] = []
    for line, content in lines:
        found = _LINE.fullmatch(content)
        if found is None:
            raise UserError(f"{path}:{line}: expected {_MARK}NAME and a text, found {content!r:.50}")
        marks, text = found.groups()
        labels = [mark.removeprefix(_MARK).rstrip(",") for mark in marks.split() if mark != ","]
        rows.append(checked(text, list(dict.fromkeys(labels)), path, line))
    if all(len(row.gold) == 1 for row in rows):
        rows = [replace(row, gold=row.names[0]) for row in rows]
    return FileRows(rows, columns=f"label after {_MARK}, text after it")
