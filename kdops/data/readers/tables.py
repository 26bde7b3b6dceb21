"""Tables of texts and labels: CSV, TSV, Excel and Parquet files."""

import csv
import io
import json
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kdops.data.raw import AS_FOUND, DataOptions, FileRows
from kdops.data.readers.classes import ClassNames, with_names
from kdops.data.readers.columns import are_columns, duplicate
from kdops.data.readers.conll import read_conll
from kdops.data.readers.fasttext import is_fasttext, read_fasttext
from kdops.data.readers.lines import read_lines, read_text
from kdops.data.readers.records import examples_of
from kdops.data.readers.separators import NAME_OF, find_separator, separator_of
from kdops.errors import UserError
from kdops.task import Task

Lines = Sequence[tuple[int, list[str]]]
"""The cells of each line that is not empty, with its number."""

_SINGLE_WORDS = (0.3, 0.7)
_EXCEL = re.compile(r"sep=(.)\r?\n")  # the first line of some tables, for Excel


def read_csv(path: Path, options: DataOptions = AS_FOUND) -> FileRows:
    """Rows of a CSV file with quoting; its separator is named, or found as `find_separator` does.

    Its columns are found as `_rows` says. A first line `sep=;`, as Excel wants it, names the separator too.

    Raises:
        UserError: naming the line that is not such a row.
    """
    named = _EXCEL.match(text := read_text(path))
    text = text[named.end() :] if named else text
    separator = separator_of(options.separator) or (named[1] if named else find_separator(text))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    above = 1 if named else 0
    lines = []
    while True:
        line = reader.line_num + 1 + above
        try:
            cells = next(reader, None)
        except csv.Error as error:
            long = f"a cell of more than {csv.field_size_limit():,} characters"
            fault = long if "field limit" in str(error) else f"not CSV: {error}"
            hint = "; is a quote that opens there never closed?" if reader.line_num + above > line else ""
            raise UserError(f"{path}:{line}: {fault}{hint}") from None
        if cells is None:
            break
        if len(cells) > 1 or "".join(cells).strip():
            lines.append((line, cells))
    between = f" between {NAME_OF.get(separator, repr(separator))}s (separator=... names another)"
    return examples_of(_rows(lines, path, options, between), path, options)


def read_tsv(path: Path, options: DataOptions = AS_FOUND) -> FileRows:
    """Rows of a file with tabs between its columns: a text and its label per line, or a word and its tag per line.

    It is read as words and tags, by `read_conll`, if it has no tabs at all, or if empty lines stand between its lines
    and most of its first columns hold no space, unless its first line names a text and a label column; `task` decides
    where it is given. Files whose lines begin with `__label__` are read as fastText does.
    Otherwise each line is a text and its label. There is no quoting: quotes are part of the text.
    The columns of texts are found as `_rows` says.

    Raises:
        UserError: naming the line that is not such a row; or when it may as well be texts as words.
    """
    content = [(line, text) for line, text in read_lines(path) if text.strip()]
    if is_fasttext([text for _, text in content]):
        return read_fasttext(content, path)
    separator = separator_of(options.separator) or "\t"
    lines = [(line, text.split(separator)) for line, text in content]
    if options.task.of_words if options.task else _one_word_a_line(lines, path):
        return read_conll(path, options)
    return examples_of(_rows(lines, path, options, ""), path, options)


def read_parquet(path: Path, options: DataOptions = AS_FOUND) -> FileRows:
    """Rows of a Parquet file, numbered from 1; its columns named or found as `find_columns` does.

    Classes that `datasets` wrote as numbers have the names that it wrote beside them.

    Raises:
        UserError: naming the row that is not a text and a label, or words and tags.
    """
    return examples_of(_parquet_rows(path), path, options)


def read_excel(path: Path, options: DataOptions = AS_FOUND) -> FileRows:
    """Rows of the first sheet of an Excel workbook; its columns are found as `_rows` says.

    Raises:
        UserError: naming the row that is not a text and a label.
    """
    from openpyxl import load_workbook  # here, because it is slow to import and few files need it
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, data_only=True)
        cells = list(book.worksheets[0].iter_rows(values_only=True))
        sheets = len(book.worksheets)
        book.close()
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise UserError(f"{path}: not an Excel workbook that can be read: {error}") from None
    width = max((place for row in cells for place, value in enumerate(row, 1) if value is not None), default=0)
    filled = [(line, row[:width]) for line, row in enumerate(cells, 1) if any(value is not None for value in row)]
    lines = [(line, ["" if value is None else _cell(value) for value in row]) for line, row in filled]
    read = examples_of(_rows(lines, path, options, ""), path, options)
    more = (f"the first of {sheets} sheets is read",) if sheets > 1 else ()
    return FileRows(read.rows, columns=read.columns, notes=read.notes + more)


def _cell(value: object) -> str:
    # Excel keeps every number as a fraction
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _rows(lines: Lines, path: Path, options: DataOptions, between: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows of a table by column, with their lines.

    The first line names the columns. It is a row like the others in two cases: where `text_column` or `label_column` is
    a number, so that columns go by their numbers; and where none is given, there are two columns, the first line does
    not name a text and a label column, and what stands in one of its columns stands there again below, as labels do.
    Where that is so of both, labels are in the column with fewer different ones.
    """
    if not lines:
        return
    line, first = lines[0]
    given = [column for column in (options.text_column, options.label_column) if column is not None]
    chosen = [one.strip() for column in given for one in column.split(",")]
    names = [name.strip() for name in first]
    header = True
    if any(column.isdecimal() and column not in names for column in chosen):
        header = are_columns(names)
        names = [str(number) for number in range(1, len(first) + 1)]
    elif not chosen and len(first) == 2 and not are_columns(names) and (unnamed := _unnamed(lines)):
        header = False
        names = unnamed
    if twice := duplicate([name for name in names if name]):
        raise UserError(f"{path}:{line}: column {twice!r} stands there twice")
    for number, cells in lines[header:]:
        if len(cells) != len(names):
            raise UserError(
                f"{path}:{number}: expected {len(names)} columns as in line {line}, found {len(cells)}{between}"
            )
        yield number, dict(zip(names, cells, strict=True))


def _unnamed(lines: Lines) -> list[str] | None:
    """The names of two columns that have none; None where the first line may be their names."""
    columns = [[cells[place] for _, cells in lines if len(cells) == 2] for place in (0, 1)]
    first, second = (values[0] in values[1:] for values in columns)
    if first and (not second or len({*columns[0]}) < len({*columns[1]})):
        return ["label", "text"]
    return ["text", "label"] if second else None


def _one_word_a_line(lines: Lines, path: Path) -> bool:
    if all(len(cells) == 1 for _, cells in lines):
        return True
    if are_columns(lines[0][1]) or lines[-1][0] - lines[0][0] < len(lines):
        return False
    single = sum(" " not in cells[0] for _, cells in lines) / len(lines)
    least, most = _SINGLE_WORDS
    if least < single < most:
        raise UserError(
            f"{path}: empty lines stand between its lines, and {single:.0%} of these begin with a single word: "
            f"give task={Task.TOKEN} if each line is a word and its tag, or task={Task.TEXT} if it is a text"
        )
    return single >= most


def _parquet_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    from pyarrow import ArrowException, parquet  # here, because it is slow to import and few files need it

    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            classes = _class_names(file.schema_arrow.metadata)
            if twice := duplicate(names):
                raise UserError(f"{path}: column {twice!r} stands there twice")
            row = 0
            for batch in file.iter_batches():
                columns = [_values(column, path, row) for column in batch.columns]
                for values in zip(*columns, strict=True):
                    row += 1
                    yield row, with_names(dict(zip(names, values, strict=True)), classes)
    except (ArrowException, OSError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"{path}: not a Parquet file that can be read: {reason}") from None


def _class_names(metadata: Mapping[bytes, bytes] | None) -> ClassNames:
    """The names of classes by column, as `datasets` writes them into a schema."""
    try:
        features = json.loads((metadata or {}).get(b"huggingface", b"{}"))["info"]["features"]
        found = {
            name: feature.get("names") or feature.get("feature", {}).get("names") for name, feature in features.items()
        }
    except (ValueError, KeyError, AttributeError, TypeError):
        return {}
    return {name: tuple(map(str, names)) for name, names in found.items() if names}


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
