"""Readers of tables, one row a text and its label: CSV, TSV and Parquet files."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from kdops.data.raw import Example
from kdops.data.readers.columns import are_columns, duplicate
from kdops.data.readers.parsers import examples_of, read_conll, read_lines, read_text
from kdops.errors import UserError

Lines = Sequence[tuple[int, list[str]]]
"""The cells of each line that is not empty, with its number."""


def read_csv(path: Path, text_column: str | None = None, label_column: str | None = None) -> Iterator[Example]:
    """Rows of a CSV file with quoting, separated by commas, or by semicolons where its first line has no comma.

    Its columns are found as `_rows` says.

    Raises:
        UserError: naming the line that is not such a row.
    """
    text = read_text(path)
    delimiter = "," if "," in text.lstrip().split("\n", 1)[0] else ";"
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    lines = []
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            long = f"a cell of more than {csv.field_size_limit():,} characters"
            fault = long if "field limit" in str(error) else f"not CSV: {error}"
            hint = "; is a quote that opens there never closed?" if reader.line_num > line else ""
            raise UserError(f"{path}:{line}: {fault}{hint}") from None
        if cells is None:
            break
        if len(cells) > 1 or "".join(cells).strip():
            lines.append((line, cells))
    return examples_of(_rows(lines, path, text_column, label_column), path, text_column, label_column)


def read_tsv(path: Path, text_column: str | None = None, label_column: str | None = None) -> Iterator[Example]:
    """Rows of a file with tabs between its columns: a text and its label a line, or a word and its tag a line.

    It is read as words and tags, by `read_conll`, if it has no tabs at all, or if empty lines stand between its lines
    and most of its first columns hold no space, unless its first line names a text and a label column.
    Otherwise each line is a text and its label. There is no quoting: quotes are part of the text.
    The columns of texts are found as `_rows` says.

    Raises:
        UserError: naming the line that is not such a row.
    """
    lines = [(line, content.split("\t")) for line, content in read_lines(path) if content.strip()]
    if _one_word_a_line(lines):
        return read_conll(path, text_column, label_column)
    return examples_of(_rows(lines, path, text_column, label_column), path, text_column, label_column)


def read_parquet(path: Path, text_column: str | None = None, label_column: str | None = None) -> Iterator[Example]:
    """Rows of a Parquet file, numbered from 1; its columns named or found as `find_columns` does.

    Raises:
        UserError: naming the row that is not a text and a label, or words and tags.
    """
    return examples_of(_parquet_rows(path), path, text_column, label_column)


def _rows(
    lines: Lines, path: Path, text_column: str | None, label_column: str | None
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows of a table by column, with their lines.

    The first line names the columns. It is a row like the others in two cases: where `text_column` or `label_column` is
    a number, so that columns go by their numbers; and where none is given, there are two columns, the first line does
    not name a text and a label column, and what stands in its second column stands there again below, as labels do.
    """
    if not lines:
        return
    line, first = lines[0]
    chosen = [column for column in (text_column, label_column) if column is not None]
    names = [name.strip() for name in first]
    header = True
    if any(column.isdecimal() and column not in names for column in chosen):
        header = are_columns(names)
        names = [str(number) for number in range(1, len(first) + 1)]
    elif not chosen and len(first) == 2 and not are_columns(names) and _recurs(lines):
        header = False
        names = ["text", "label"]
    if twice := duplicate([name for name in names if name]):
        raise UserError(f"{path}:{line}: column {twice!r} stands there twice")
    for number, cells in lines[header:]:
        if len(cells) != len(names):
            raise UserError(f"{path}:{number}: expected {len(names)} columns as in line {line}, found {len(cells)}")
        yield number, dict(zip(names, cells, strict=True))


def _recurs(lines: Lines) -> bool:
    label = lines[0][1][1]
    return any(len(cells) == 2 and cells[1] == label for _, cells in lines[1:])


def _one_word_a_line(lines: Lines) -> bool:
    if all(len(cells) == 1 for _, cells in lines):
        return True
    gaps = lines[-1][0] - lines[0][0] >= len(lines)
    single = sum(" " not in cells[0] for _, cells in lines)
    return gaps and 2 * single > len(lines) and not are_columns(lines[0][1])


def _parquet_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            if twice := duplicate(names):
                raise UserError(f"{path}: column {twice!r} stands there twice")
            row = 0
            for batch in file.iter_batches():
                columns = [_values(column, path, row) for column in batch.columns]
                for values in zip(*columns, strict=True):
                    row += 1
                    yield row, dict(zip(names, values, strict=True))
    except (pa.ArrowException, OSError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: not a Parquet file that can be read: {reason}") from None


def _values(column: Any, path: Path, rows_before: int) -> list[Any]:
    try:
        values: list[Any] = column.to_pylist()
    except UnicodeDecodeError:
        row = rows_before + next(place for place, value in enumerate(column, 1) if not _is_readable(value))
        raise UserError(f"{path}:{row}: not UTF-8 text; save the file as UTF-8") from None
    return values


def _is_readable(value: Any) -> bool:
    try:
        value.as_py()
    except UnicodeDecodeError:
        return False
    return True
