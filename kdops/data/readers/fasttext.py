"""Files as fastText reads them: `__label__positive the text`, one a line."""

import re
from collections.abc import Sequence
from pathlib import Path

from kdops.data.raw import FileRows
from kdops.data.readers.examples import checked
from kdops.errors import UserError

_MARK = "__label__"
_LINE = re.compile(rf"\s*{_MARK}(\S+)\s*,?\s*(.*)", re.DOTALL)


def is_fasttext(lines: Sequence[str]) -> bool:
    """Whether every line begins with a label as fastText writes it."""
    return bool(lines) and all(line.lstrip().startswith(_MARK) for line in lines)


def read_fasttext(lines: Sequence[tuple[int, str]], path: Path) -> FileRows:
    """Texts and their labels.

    Raises:
        UserError: naming the line with several labels, or without a text.
    """
    rows = []
    for line, content in lines:
        found = _LINE.fullmatch(content)
        if found is None:
            raise UserError(f"{path}:{line}: expected {_MARK}NAME and a text, found {content!r:.50}")
        label, text = found.groups()
        if text.startswith(_MARK):
            raise UserError(f"{path}:{line}: several labels a text are not supported")
        rows.append(checked(text, label.rstrip(","), path, line))
    return FileRows(rows, columns=f"label after {_MARK}, text after it")
