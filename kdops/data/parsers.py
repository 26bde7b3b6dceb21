"""Readers of labeled files: each turns one file into examples, and names the line that it cannot read."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kdops.errors import UserError
from kdops.task import Task


@dataclass(frozen=True, slots=True)
class Example:
    """One labeled row of a file.

    Attributes:
        input: the text, or the words of a token task.
        gold: its label, or one tag a word.
        line: where the row begins in its file, from 1.
    """

    input: str | list[str]
    gold: str | list[str]
    line: int

    @property
    def task(self) -> Task:
        """The task that this row is for."""
        return Task.TEXT if isinstance(self.input, str) else Task.TOKEN


def read_jsonl(path: Path) -> Iterator[Example]:
    """Rows of a JSONL file with the columns text and label, or tokens and tags.

    Raises:
        UserError: naming the line that is not such a row.
    """
    for line, content in _lines(path):
        if content.strip():
            yield _example(parse_json(content, path, line), path, line)


def read_text_tsv(path: Path) -> Iterator[Example]:
    """Rows of IndoNLU's text files: a text, a tab, a label; no header and no quoting.

    Raises:
        UserError: naming the line that does not have two columns.
    """
    for line, content in _lines(path):
        if not content:
            continue
        columns = content.split("\t")
        if len(columns) != 2:
            raise UserError(f"{path}:{line}: expected a text, a tab and a label, found {len(columns)} column(s)")
        yield _checked(columns[0], columns[1], path, line)


def read_conll(path: Path) -> Iterator[Example]:
    """Sentences of IndoNLU's tag files: a word, a tab and a tag a line, an empty line after each sentence.

    Raises:
        UserError: naming the line that does not have two columns.
    """
    words: list[str] = []
    tags: list[str] = []
    start = 1
    for line, content in _lines(path):
        if content.strip():
            columns = content.split("\t")
            if len(columns) != 2:
                raise UserError(f"{path}:{line}: expected a word, a tab and a tag, found {len(columns)} column(s)")
            start = start if words else line
            words.append(columns[0])
            tags.append(columns[1])
        elif words:
            yield _checked(words, tags, path, start)
            words, tags = [], []
    if words:
        yield _checked(words, tags, path, start)


def parse_json(content: str, path: Path, line: int) -> dict[str, Any]:
    """The JSON object on one line of a file.

    Raises:
        UserError: when it is not JSON, or not an object.
    """
    try:
        row = json.loads(content)
    except json.JSONDecodeError as error:
        raise UserError(f"{path}:{line}: not JSON: {error.msg} at column {error.colno}") from None
    if not isinstance(row, dict):
        raise UserError(f"{path}:{line}: expected a JSON object, found {content.strip()[:40]!r}")
    return row


def decode(content: bytes, path: Path, line: int) -> str:
    """Bytes of a file, from `line` on, as UTF-8 text; a byte order mark at its start is left out.

    Raises:
        UserError: naming the line that is not UTF-8.
    """
    try:
        return content.decode("utf-8-sig" if line == 1 else "utf-8")
    except UnicodeDecodeError as error:
        line += content.count(b"\n", 0, error.start)
        raise UserError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from None


def words_of(row: dict[str, Any], column: str, path: Path, line: int) -> list[str]:
    """A column of a JSON row that must be a list of words or tags.

    Raises:
        UserError: when it is anything else.
    """
    value = row[column]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise UserError(f"{path}:{line}: column {column!r} must be a list of strings, found {json.dumps(value)[:40]}")
    return value


def text_of(row: dict[str, Any], path: Path, line: int) -> str:
    """The text column of a JSON row.

    Raises:
        UserError: when it is not a string.
    """
    if not isinstance(row["text"], str):
        raise UserError(f"{path}:{line}: column 'text' must be a string, found {json.dumps(row['text'])[:40]}")
    return row["text"]


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    text = decode(path.read_bytes(), path, 1)
    if not text.strip():
        raise UserError(f"{path}: the file is empty")
    # not splitlines: it also breaks at characters that stand inside texts, such as U+2028
    for line, content in enumerate(text.split("\n"), 1):
        yield line, content.removesuffix("\r")


def _example(row: dict[str, Any], path: Path, line: int) -> Example:
    found = f"found: {', '.join(map(repr, row)) or 'none'}"
    if "tokens" in row:
        if "tags" not in row:
            raise UserError(f"{path}:{line}: no column 'tags' beside 'tokens' ({found})")
        return _checked(words_of(row, "tokens", path, line), words_of(row, "tags", path, line), path, line)
    if "text" not in row:
        raise UserError(f"{path}:{line}: no column 'text' (or 'tokens' and 'tags'; {found})")
    if "label" not in row:
        raise UserError(f"{path}:{line}: no column 'label' beside 'text' ({found})")
    label = row["label"]
    # numbers are names of classes too, but true, null and 0.5 are more likely mistakes
    if isinstance(label, bool) or not isinstance(label, str | int):
        raise UserError(f"{path}:{line}: column 'label' must be a name, found {json.dumps(label)[:40]}")
    return _checked(text_of(row, path, line), str(label), path, line)


def _checked(read: str | list[str], gold: str | list[str], path: Path, line: int) -> Example:
    if isinstance(read, list) and len(read) != len(gold):
        raise UserError(f"{path}:{line}: {len(read)} tokens but {len(gold)} tags")
    if not read or not all(word.strip() for word in ([read] if isinstance(read, str) else read)):
        raise UserError(
            f"{path}:{line}: the text is empty" if isinstance(read, str) else f"{path}:{line}: an empty token"
        )
    if not all(name.strip() for name in ([gold] if isinstance(gold, str) else gold)):
        raise UserError(f"{path}:{line}: an empty label")
    return Example(read, gold, line)
