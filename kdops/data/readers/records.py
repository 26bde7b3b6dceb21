"""Rows of named columns as examples: a text and its label, words and their tags, or a text and its spans."""

import ast
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from kdops.data.inputs import Pair, Side, Text, joined
from kdops.data.raw import DataOptions, Example, FileRows
from kdops.data.readers.annotations import plain_row
from kdops.data.readers.columns import Columns, find_columns, is_mark
from kdops.data.readers.examples import checked, shown, text_of, words_of
from kdops.data.readers.spans import SpanError, is_spans, spans_of, tag_words
from kdops.data.readers.tag_strings import split_tag_strings
from kdops.data.readers.word_rows import find_word_rows, join_word_rows
from kdops.errors import UserError
from kdops.task import ASPECT_MARK, Task

# Scores, ratings and probabilities; whole numbers are names of classes too.
_FRACTION = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")
_NOTES = {
    "inside": "spans that begin or end inside a word, which was cut there",
    "overlapping": "spans left out: a longer one has some of their characters",
    "lists": "rows whose cells hold Python lists of words and of tags: read as these",
}


def examples_of(rows: Iterable[tuple[int, Mapping[str, Any]]], path: Path, options: DataOptions) -> FileRows:
    """Examples from numbered rows of named columns.

    A row is a text and a name, several names, or a value for each aspect; a list of words and a list of tags; a text
    and a list of spans, as annotation tools write them; or a word, its tag and a number of its sentence.

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
    examples = reader.settled(examples)
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
        self._empty: dict[int, Columns] = {}
        self._marks: bool | None = None
        self.counts: Counter[str] = Counter()

    def read(self, line: int, row: Mapping[str, Any]) -> Example:
        """The example of a row."""
        names = tuple(row)
        if names not in self._known:
            self._known[names] = find_columns(
                row, self._options.text_column, self._options.label_column, f"{self._path}:{line}", self._options.task
            )
        columns = self._known[names]
        if columns.several:
            return self._beside(row, columns, line)
        read, label = row[columns.text], row[columns.label]
        lists = _python_lists([*(row[name] for name in columns.texts), label])
        if lists is not None:
            self.counts["lists"] += 1
            *texts, tags = lists
            return checked(_together(texts), tags, self._path, line)
        if columns.words or isinstance(read, list):
            return self._words(row, columns, line)
        label = _spans_in(label)
        if label == [] and not (self._options.task and self._options.task.of_words):
            self._empty[line] = columns
            return checked(self._input(row, columns, line), [], self._path, line)
        if isinstance(label, list) and label and columns.pair is None and is_spans(label):
            return self._spans(row, columns, label, line)
        return self._text(row, columns, label, line)

    def settled(self, examples: Sequence[Example]) -> list[Example]:
        """The examples, once all are known: whether lists of one label are a label each, and what empty lists mean.

        An empty list is a sentence without spans among others that have some, and a text without labels among others
        that have several. Where no text has several, an empty list says too little.
        """
        wanted = self._options.task
        full = [row for row in examples if row.line not in self._empty]
        if self._empty and any(row.task.of_words for row in full):
            return [self._unmarked(row) if row.line in self._empty else row for row in examples]
        several = wanted is Task.MULTI_LABEL or any(row.task is Task.MULTI_LABEL and len(row.names) > 1 for row in full)
        if self._empty and not several:
            line, columns = next(iter(self._empty.items()))
            raise UserError(
                f"{self._path}:{line}: column {columns.label!r} is an empty list: a text without a label; "
                f"task={Task.MULTI_LABEL} lets texts have none"
            )
        if self._marks:
            return list(examples)
        if several:
            return [replace(row, gold=list(row.names)) if row.task is Task.TEXT else row for row in examples]
        return [replace(row, gold=row.names[0]) if row.task is Task.MULTI_LABEL else row for row in examples]

    def _unmarked(self, row: Example) -> Example:
        words = tag_words(joined(row.input), []).words
        return checked(words, ["O"] * len(words), self._path, row.line)

    def _beside(self, row: Mapping[str, Any], columns: Columns, line: int) -> Example:
        """Labels in columns of their own: marked by 0 and 1, or a value for each aspect."""
        text, values = self._input(row, columns, line), {name: row[name] for name in columns.several}
        self._marks = self._marks if self._marks is not None else self._are_marks(values)
        if not self._marks:
            return self._aspects(text, values, line)
        for name, value in values.items():
            if not is_mark(value):
                raise UserError(
                    f"{self._path}:{line}: column {name!r} holds {shown(value)} where the others hold 0 and 1; "
                    "name the columns of labels with label_column=first,second,..."
                )
        return checked(text, [name for name, value in values.items() if str(value).strip() == "1"], self._path, line)

    def _are_marks(self, values: Mapping[str, Any]) -> bool:
        if self._options.task in (Task.MULTI_LABEL, Task.ASPECTS):
            return self._options.task is Task.MULTI_LABEL
        return any(map(is_mark, values.values()))

    def _aspects(self, text: Text, values: Mapping[str, Any], line: int) -> Example:
        for aspect, value in values.items():
            place = f"{self._path}:{line}: aspect {aspect!r}"
            if ASPECT_MARK in aspect or not aspect.strip():
                raise UserError(f"{place}: the name of an aspect must not be empty or hold {ASPECT_MARK!r}")
            if isinstance(value, bool) or not isinstance(value, str | int) or not str(value).strip():
                raise UserError(f"{place} has no value, found {shown(value)}")
        gold = [f"{aspect.strip()}{ASPECT_MARK}{str(value).strip()}" for aspect, value in values.items()]
        return checked(text, sorted(gold), self._path, line, aspects=True)

    def described(self) -> str:
        """Which columns hold what."""
        return "; ".join(
            dict.fromkeys(
                f"{'words' if columns.words else 'text'} {' and '.join(map(repr, columns.texts))}, "
                f"{'tags' if columns.words else 'label'} {', '.join(map(repr, columns.labels))}"
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
        words = [words_of(row, name, self._path, line) for name in columns.texts]
        return checked(_together(words), words_of(row, columns.label, self._path, line), self._path, line)

    def _input(self, row: Mapping[str, Any], columns: Columns, line: int) -> Text:
        return _together([text_of(row, self._path, line, name) for name in columns.texts])

    def _spans(self, row: Mapping[str, Any], columns: Columns, label: Sequence[Any], line: int) -> Example:
        text = text_of(row, self._path, line, columns.text)
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
        if isinstance(label, Mapping):
            return self._aspects(self._input(row, columns, line), label, line)
        if isinstance(label, list):
            names = [self._name(one, columns, place) for one in label]
            return checked(self._input(row, columns, line), list(dict.fromkeys(names)), self._path, line)
        if self._options.task is Task.MULTI_LABEL and isinstance(label, str) and not label.strip():
            return checked(self._input(row, columns, line), [], self._path, line)
        name = self._name(label, columns, place)
        return checked(self._input(row, columns, line), name, self._path, line)

    def _name(self, label: Any, columns: Columns, place: str) -> str:
        # numbers are names of classes too, but true, null and 0.5 are more likely mistakes
        fraction = isinstance(label, str) and _FRACTION.fullmatch(label.strip())
        if fraction or isinstance(label, bool) or not isinstance(label, str | int):
            raise UserError(f"{place}: column {columns.label!r} must be a name, found {shown(label)}")
        return str(label)


def _spans_in(label: Any) -> Any:
    """The spans of a cell that holds them as JSON, as Label Studio's CSV does; any other label as it is."""
    if not (isinstance(label, str) and label.startswith("[{")):
        return label
    try:
        found = json.loads(label)
    except (ValueError, RecursionError):
        return label
    return found if is_spans(found) else label


def _python_lists(cells: Sequence[Any]) -> list[list[str]] | None:
    """The lists that cells hold as pandas writes them, if all do, and the last two are of one length."""
    if not all(isinstance(cell, str) and cell.startswith("[") for cell in cells):
        return None
    try:
        lists = [ast.literal_eval(cell.strip()) for cell in cells]
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if not all(isinstance(one, list) and one and all(isinstance(part, str) for part in one) for one in lists):
        return None
    return lists if len(lists[-2]) == len(lists[-1]) else None


def _together(texts: Sequence[Side]) -> Text:
    """The only text, or both as a pair."""
    return texts[0] if len(texts) == 1 else Pair(text=texts[0], text_pair=texts[1])
