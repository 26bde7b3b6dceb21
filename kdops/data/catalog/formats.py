"""Readers of the formats that single public data sets come in, and repairs of their texts."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kdops.data.raw import DataOptions, Example
from kdops.data.readers.conll import read_conll
from kdops.data.readers.examples import checked
from kdops.data.readers.lines import read_lines
from kdops.errors import UserError

_LINE_BREAK = re.compile(r"\\[nr]")
_BYTES = re.compile(r"(?:\\x[0-9a-fA-F]{2})+")
_CHARACTERS = re.compile(r"(?:\\u[0-9a-fA-F]{4})+")
_MARK = re.compile(r"\\(['\"/])")
# Tweets were cut after escaping, so that the last escape may have lost its end.
_CUT_OFF = re.compile(r"\\(?:x[0-9a-fA-F]?)?(?='?$)")


def read_text_tsv(path: Path) -> Iterator[Example]:
    """Rows of IndoNLU's text files: a text, a tab, a label; no header and no quoting.

    Raises:
        UserError: naming the line that does not have two columns.
    """
    for line, content in read_lines(path):
        if not content:
            continue
        columns = content.split("\t")
        if len(columns) != 2:
            raise UserError(f"{path}:{line}: expected a text, a tab and a label, found {len(columns)} column(s)")
        yield checked(columns[0], columns[1], path, line)


def read_word_lines(path: Path, *, label_column: str | None = None) -> Sequence[Example]:
    """Sentences of files with one word per line, as `kdops.data.readers.conll.read_conll` reads them."""
    return read_conll(path, DataOptions(label_column=label_column)).rows


def read_table(path: Path, *, text: str, label: str) -> Sequence[Example]:
    """Rows of a CSV file with a header, as one of the user's with these columns is read."""
    from kdops.data.readers.tables import read_csv as read_own_csv  # here, because it is slow to import

    return read_own_csv(path, DataOptions(text_column=text, label_column=label, separator=",")).rows


def with_type(name: str, rows: Iterable[Example]) -> Iterator[Example]:
    """Rows whose tags are B, I and O alone, with the type of their spans."""
    for row in rows:
        yield replace(row, gold=[tag if tag == "O" else f"{tag}-{name}" for tag in row.names])


def read_marks(path: Path, *, text: str, encoding: str) -> Iterator[Example]:
    """Rows of a CSV file with a text and columns of 0 and 1 for its labels.

    Raises:
        UserError: naming the line with another value.
    """
    with path.open(encoding=encoding, newline="") as file:
        rows = csv.DictReader(file, strict=True)
        line = 2
        for row in rows:
            marks = {name: value for name, value in row.items() if name != text}
            if wrong := [name for name, value in marks.items() if value not in ("0", "1")]:
                raise UserError(f"{path}:{line}: column {wrong[0]!r} holds {marks[wrong[0]]!r}, not 0 or 1")
            yield Example(row[text], [name for name, value in marks.items() if value == "1"], line)
            line = rows.line_num + 1


def read_csv(
    path: Path, *, text: str, label: str, names: Mapping[str, str] | None = None, encoding: str = "utf-8"
) -> Iterator[Example]:
    """Rows of a CSV file with a header and quoted texts.

    Args:
        path: the file.
        text: the column of the texts.
        label: the column of the labels.
        names: the name of each label in the file; None: labels are lowercased, and are names already.
        encoding: of the file.

    Raises:
        UserError: naming the line without a known label.
    """
    with path.open(encoding=encoding, newline="") as file:
        rows = csv.DictReader(file, strict=True)
        line = 2
        for row in rows:
            gold = row[label].lower() if names is None else names.get(row[label])
            if gold is None:
                raise UserError(f"{path}:{line}: unknown label {row[label]!r}")
            yield Example(row[text], gold, line)
            line = rows.line_num + 1


def read_click_id(path: Path) -> Iterator[Example]:
    """Rows of CLICK-ID's workbook: below an empty row and a header, a headline and its label."""
    from openpyxl import load_workbook  # here, because only one data set needs it

    sheet = load_workbook(path, read_only=True).worksheets[0]
    for line, (headline, label) in enumerate(sheet.iter_rows(min_row=3, max_col=2, values_only=True), 3):
        yield Example(headline, label, line)


def decode_escapes(text: str) -> str:
    r"""The text without the escapes of a printed Python bytes object: \n as a space, \xf0\x9f\x98\x82 as its emoji."""
    if "\\" not in text:
        return text
    text = _BYTES.sub(lambda found: bytes.fromhex(found[0].replace("\\x", "")).decode("utf-8", "ignore"), text)
    text = _CHARACTERS.sub(lambda found: str(json.loads(f'"{found[0]}"')), text)
    return _CUT_OFF.sub("", _MARK.sub(r"\1", _LINE_BREAK.sub(" ", text))).strip()
