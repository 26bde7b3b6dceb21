"""Rows of named columns as examples: a text and its label, words and their tags, or a text and its spans."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from kdops.data.raw import DataOptions, Example, FileRows
from kdops.data.readers.annotations import plain_row
from kdops.data.readers.columns import Columns, find_columns
from kdops.data.readers.examples import checked, shown, text_of, words_of
from kdops.data.readers.spans import SpanError, is_spans, spans_of, tag_words
from kdops.data.readers.tag_strings import split_tag_strings
from kdops.data.readers.word_rows import find_word_rows, join_word_rows
from kdops.errors import UserError

# Scores, ratings and probabilities; whole numbers are names of classes too.
_FRACTION = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")
_NOTES = {
    "inside": "spans that begin or end inside a word, which was cut there",
    "overlapping": "spans left out: a longer one has some of their characters",
    "lists": "rows whose cells hold Python lists of words and of tags: read as these",
}


def examples_of(rows: Iterable[tuple[int, Mapping[str, Any]]], path: Path, options: DataOptions) -> FileRows:
    """Examples from numbered rows of named columns.

    A row is a text and a name; a list of words and a list of tags; a text and a list of spans, as annotation tools
    write them; or a word, its tag and a number of its sentence.

    Args:
        rows: each with its line.
        path: the file, for messages.
        options: name the columns, if they are not to be found.

    Raises:
        UserError: naming the line that is none of these.
    """
    noted: Counter[str] = Counter()
    plain = _plain_rows(rows, noted)
    first = next(plain, None)
    if first is None:
        return FileRows([], notes=_counted(noted))
    again = chain([first], plain)
    word_rows = find_word_rows(first[1], options, f"{path}:{first[0]}")
    if word_rows is not None:
        return join_word_rows(again, word_rows, path)
    reader = _Reader(path, options)
    examples = [reader.read(line, row) for line, row in again]
    reader.check_unmarked(examples)
    examples, tag_notes = split_tag_strings(examples, path, options.task)
    notes = _counted(noted) + _counted({_NOTES[name]: count for name, count in reader.counts.items()})
    return FileRows(examples, columns=reader.described(), notes=notes + tag_notes)


def _plain_rows(
    rows: Iterable[tuple[int, Mapping[str, Any]]], noted: Counter[str]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for line, row in rows:
        plain = plain_row(row)
        noted[plain.note] += bool(plain.note)
        if plain.row is not None:
            yield line, plain.row


def _counted(counts: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(f"{count} {what}" for what, count in counts.items() if count)


class _Reader:
    """Reads the rows of one file; knows their columns and counts what it does to them."""

    def __init__(self, path: Path, options: DataOptions) -> None:
        self._path, self._options = path, options
        self._known: dict[tuple[str, ...], Columns] = {}
        self._first_empty: tuple[int, str] | None = None
        self.counts: Counter[str] = Counter()

    def read(self, line: int, row: Mapping[str, Any]) -> Example:
        """The example of a row."""
        names = tuple(row)
        if names not in self._known:
            self._known[names] = find_columns(
                row, self._options.text_column, self._options.label_column, f"{self._path}:{line}"
            )
        columns = self._known[names]
        read, label = row[columns.text], row[columns.label]
        lists = _python_lists(read, label)
        if lists is not None:
            self.counts["lists"] += 1
            return checked(*lists, self._path, line)
        if columns.words or isinstance(read, list):
            return self._words(row, columns, line)
        label = _spans_in(label)
        if isinstance(label, list) and is_spans(label):
            return self._spans(row, columns, label, line)
        return self._text(row, columns, label, line)

    def check_unmarked(self, examples: Sequence[Example]) -> None:
        """Stop at a row without any span, unless it is among others that have some."""
        if self._first_empty is None:
            return
        if not all(row.task.of_words for row in examples) or all(tag == "O" for row in examples for tag in row.names):
            line, column = self._first_empty
            raise UserError(f"{self._path}:{line}: column {column!r} is an empty list: a text without a label")

    def described(self) -> str:
        """Which columns hold what."""
        return "; ".join(
            dict.fromkeys(
                f"{'words' if columns.words else 'text'} {columns.text!r}, "
                f"{'tags' if columns.words else 'label'} {columns.label!r}"
                for columns in self._known.values()
            )
        )

    def _words(self, row: Mapping[str, Any], columns: Columns, line: int) -> Example:
        tags = row[columns.label]
        if isinstance(tags, list) and tags and all(type(tag) is int for tag in tags):
            raise UserError(
                f"{self._path}:{line}: column {columns.label!r} holds numbers of tags, but not their names; "
                "write the names, such as B-PER and O"
            )
        words = words_of(row, columns.text, self._path, line)
        return checked(words, words_of(row, columns.label, self._path, line), self._path, line)

    def _spans(self, row: Mapping[str, Any], columns: Columns, label: Sequence[Any], line: int) -> Example:
        text = text_of(row, self._path, line, columns.text)
        if not label and self._first_empty is None:
            self._first_empty = (line, columns.label)
        try:
            tagged = tag_words(text, spans_of(label))
        except SpanError as error:
            raise UserError(f"{self._path}:{line}: {error}") from None
        self.counts["inside"] += tagged.inside
        self.counts["overlapping"] += tagged.overlapping
        if not tagged.words:
            checked(text, "O", self._path, line)  # says that the text is empty
        return checked(tagged.words, tagged.tags, self._path, line)

    def _text(self, row: Mapping[str, Any], columns: Columns, label: Any, line: int) -> Example:
        place = f"{self._path}:{line}"
        if isinstance(label, list):
            if len(label) != 1:
                raise UserError(f"{place}: column {columns.label!r} is a list: several labels a text are not supported")
            (label,) = label
        # numbers are names of classes too, but true, null and 0.5 are more likely mistakes
        fraction = isinstance(label, str) and _FRACTION.fullmatch(label.strip())
        if fraction or isinstance(label, bool) or not isinstance(label, str | int):
            raise UserError(f"{place}: column {columns.label!r} must be a name, found {shown(label)}")
        return checked(text_of(row, self._path, line, columns.text), str(label), self._path, line)


def _spans_in(label: Any) -> Any:
    """The spans of a cell that holds them as JSON, as Label Studio's CSV does; any other label as it is."""
    if not (isinstance(label, str) and label.startswith("[{")):
        return label
    try:
        found = json.loads(label)
    except (ValueError, RecursionError):
        return label
    return found if is_spans(found) else label


def _python_lists(read: Any, gold: Any) -> tuple[list[str], list[str]] | None:
    """The lists that two cells hold as pandas writes them, if both do and are of one length."""
    if not (isinstance(read, str) and isinstance(gold, str) and read.startswith("[") and gold.startswith("[")):
        return None
    try:
        lists = [ast.literal_eval(cell.strip()) for cell in (read, gold)]
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not all(isinstance(one, list) and one and all(isinstance(part, str) for part in one) for one in lists):
        return None
    return (lists[0], lists[1]) if len(lists[0]) == len(lists[1]) else None
