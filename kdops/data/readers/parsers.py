"""Readers of labeled files: each turns one file into examples, and names the line that it cannot read."""

import json
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from kdops.data.raw import Example
from kdops.data.readers.columns import Columns, duplicate, find_columns
from kdops.errors import UserError

LONGEST_TEXT = 100_000
"""Most characters of one text: no encoder reads a hundredth of it, and more is a mistake in the file."""

# Scores, ratings and probabilities; whole numbers are names of classes too.
_FRACTION = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?")


def read_jsonl(path: Path, text_column: str | None = None, label_column: str | None = None) -> Iterator[Example]:
    """Rows of a JSONL file: one object a line, its columns named or found as `find_columns` does.

    Raises:
        UserError: naming the line that is not such a row.
    """
    rows = ((line, parse_json(content, path, line)) for line, content in read_lines(path) if content.strip())
    return examples_of(rows, path, text_column, label_column)


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


def read_conll(path: Path, text_column: str | None = None, label_column: str | None = None) -> Iterator[Example]:
    """Sentences of a file with one word a line and an empty line after each sentence.

    The columns of a line are separated by tabs, if its first line has one, otherwise by spaces. Left out are
    `-DOCSTART-` lines and, where tabs separate, lines without a tab that begin with # before a sentence; between spaces
    such a line may as well be a word.

    Args:
        path: the file.
        text_column: the number of the words' column, from 1; None: the first.
        label_column: the number of the tags' column, from 1; None: the last.

    Raises:
        UserError: naming the line that has not as many columns as the first, or an empty one; or when words and tags
            would be the same column.
    """
    word, tag = _position("text_column", text_column, 0), _position("label_column", label_column, -1)
    lines = [(line, "" if content.startswith("-DOCSTART-") else content) for line, content in read_lines(path)]
    filled = [content for _, content in lines if content.strip()]
    separator = "\t" if "\t" in next((content for content in filled if not content.startswith("#")), "") else " "
    words: list[str] = []
    tags: list[str] = []
    start = width = 0
    for line, content in [*lines, (0, "")]:
        if not content.strip():
            if words:
                yield checked(words, tags, path, start)
            words, tags = [], []
            continue
        if separator == "\t" and not words and content.startswith("#") and "\t" not in content:
            continue
        cells = [cell for cell in content.split(separator) if cell or separator == "\t"]
        start = start if words else line
        width = width or _width(cells, word, tag, f"{path}:{line}")
        if len(cells) != width:
            raise UserError(f"{path}:{line}: expected {width} columns as before, found {len(cells)}")
        for what, cell in (("token", cells[word]), ("label", cells[tag])):
            if not cell.strip():
                raise UserError(f"{path}:{line}: an empty {what}")
        words.append(cells[word])
        tags.append(cells[tag])


def _position(parameter: str, column: str | None, default: int) -> int:
    if column is None:
        return default
    if not column.isdecimal() or int(column) < 1:
        raise UserError(f"{parameter}={column}: the columns of words and tags have no names; give a number from 1")
    return int(column) - 1


def _width(cells: Sequence[str], word: int, tag: int, place: str) -> int:
    needed = max(word + 1, tag + 1, 2)
    if len(cells) < needed:
        raise UserError(f"{place}: expected {needed} columns or more, found {len(cells)}")
    if tag % len(cells) == word:
        raise UserError(
            f"{place}: column {word + 1} of {len(cells)} would hold both the words and the tags; "
            "choose two with text_column and label_column"
        )
    return len(cells)


def examples_of(
    rows: Iterable[tuple[int, Mapping[str, Any]]],
    path: Path,
    text_column: str | None = None,
    label_column: str | None = None,
) -> Iterator[Example]:
    """Examples from numbered rows of named columns.

    A row is a text and a name, or a list of words and a list of tags; see `find_columns` for how they are found.

    Raises:
        UserError: naming the line that is neither.
    """
    known: dict[tuple[str, ...], Columns] = {}
    for line, row in rows:
        names = tuple(row)
        if names not in known:
            known[names] = find_columns(row, text_column, label_column, f"{path}:{line}")
        yield _example(row, known[names], path, line)


def parse_json(content: str, path: Path, line: int) -> dict[str, Any]:
    """The JSON object on one line of a file.

    Raises:
        UserError: when it is not JSON, not an object, or has a column twice.
    """
    try:
        row = json.loads(content, object_pairs_hook=_object)
    except _DuplicateColumnError as error:
        raise UserError(f"{path}:{line}: column {str(error)!r} stands there twice") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{line}: not JSON: {error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError):  # a number of thousands of digits, or thousands of brackets
        raise UserError(f"{path}:{line}: not JSON that can be read: {content.strip()[:40]!r}") from None
    if not isinstance(row, dict):
        raise UserError(f"{path}:{line}: expected a JSON object, found {content.strip()[:40]!r}")
    return row


def decode(content: bytes, path: Path, line: int) -> str:
    """Bytes of a file, from `line` on, as UTF-8 text; a byte order mark at its start is left out.

    Raises:
        UserError: naming the line that is not UTF-8, or holds a NUL byte, as UTF-16 and files of no text do.
    """
    if (nul := content.find(b"\0")) >= 0:
        line += content.count(b"\n", 0, nul)
        raise UserError(f"{path}:{line}: a NUL byte; save the file as UTF-8 text")
    try:
        return content.decode("utf-8-sig" if line == 1 else "utf-8")
    except UnicodeDecodeError as error:
        line += content.count(b"\n", 0, error.start)
        raise UserError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from None


def read_text(path: Path) -> str:
    """The text of a file that must not be empty.

    Raises:
        UserError: when the file is missing, is empty, or is not UTF-8.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    text = decode(path.read_bytes(), path, 1)
    if not text.strip():
        raise UserError(f"{path}: the file is empty")
    return text


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers, from 1.

    Raises:
        UserError: as `read_text`.
    """
    # not splitlines: it also breaks at characters that stand inside texts, such as U+2028
    for line, content in enumerate(read_text(path).split("\n"), 1):
        yield line, content.removesuffix("\r")


def words_of(row: Mapping[str, Any], column: str, path: Path, line: int) -> list[str]:
    """A column of a row that must be a list of words or tags.

    Raises:
        UserError: when it is anything else.
    """
    value = row[column]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UserError(f"{path}:{line}: column {column!r} must be a list of strings, found {_shown(value)}")
    return value


def text_of(row: Mapping[str, Any], path: Path, line: int, column: str = "text") -> str:
    """The text column of a row.

    Raises:
        UserError: when it is not a string.
    """
    value = row[column]
    if not isinstance(value, str):
        raise UserError(f"{path}:{line}: column {column!r} must be a string, found {_shown(value)}")
    return value


def visible(text: str) -> bool:
    """Whether a text has any character that is drawn: not space, control or format ones such as U+200B alone."""
    return any(not one.isspace() and unicodedata.category(one) not in ("Cc", "Cf") for one in text)


def checked(read: str | list[str], gold: str | list[str], path: Path, line: int) -> Example:
    """An example that can be trained on: text and words that are not empty, names, and one tag a word.

    Raises:
        UserError: when it cannot, naming its line.
    """
    place = f"{path}:{line}"
    if isinstance(read, list) and len(read) != len(gold):
        raise UserError(f"{place}: {len(read)} tokens but {len(gold)} tags")
    words = [read] if isinstance(read, str) else read
    names = [gold] if isinstance(gold, str) else gold
    # public files have zero-width spaces among the words of a sentence
    if not any(map(visible, words)) or not all(word.strip() for word in words):
        raise UserError(f"{place}: the text is empty" if isinstance(read, str) else f"{place}: an empty token")
    if not all(name.strip() for name in names):
        raise UserError(f"{place}: an empty label")
    if any("\0" in part for part in (*words, *names)):
        raise UserError(f"{place}: a NUL character")
    characters = sum(map(len, words))
    if characters > LONGEST_TEXT:
        raise UserError(f"{place}: a text of {characters:,} characters; the most is {LONGEST_TEXT:,}")
    try:
        "".join([*words, *names]).encode()
    except UnicodeEncodeError as error:  # JSON can escape one half of a character, UTF-8 cannot hold it
        raise UserError(f"{place}: half a character ({error.object[error.start]!r}); was a text cut off?") from None
    return Example(read, gold, line)


class _DuplicateColumnError(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise _DuplicateColumnError(duplicate([name for name, _ in pairs]))
    return row


def _example(row: Mapping[str, Any], columns: Columns, path: Path, line: int) -> Example:
    if columns.words or isinstance(row[columns.text], list):
        words, tags = words_of(row, columns.text, path, line), words_of(row, columns.label, path, line)
        return checked(words, tags, path, line)
    label = row[columns.label]
    if isinstance(label, list):
        raise UserError(f"{path}:{line}: column {columns.label!r} is a list: several labels a text are not supported")
    # numbers are names of classes too, but true, null and 0.5 are more likely mistakes
    fraction = isinstance(label, str) and _FRACTION.fullmatch(label.strip())
    if fraction or isinstance(label, bool) or not isinstance(label, str | int):
        raise UserError(f"{path}:{line}: column {columns.label!r} must be a name, found {_shown(label)}")
    return checked(text_of(row, path, line, columns.text), str(label), path, line)


def _shown(value: object) -> str:
    return json.dumps(value, default=repr)[:40]
