"""Sources of texts without labels: a file of the user's, or the texts of all public data sets of a task."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kdops.data.catalog import CATALOG
from kdops.data.catalog.card import DatasetCard
from kdops.data.catalog.reading import read_card
from kdops.data.inputs import Pair, Side, Text
from kdops.data.readers.examples import text_of, visible, words_of
from kdops.data.readers.lines import parse_json, stream_lines
from kdops.data.words import WordRule
from kdops.errors import UserError
from kdops.fingerprint import content_fingerprint
from kdops.task import Task

_JSON_SUFFIXES = (".jsonl", ".json", ".ndjson")
_SUFFIXES = (*_JSON_SUFFIXES, ".txt")


@dataclass(frozen=True)
class TextSource:
    """Texts that can be read again and again, one at a time.

    Attributes:
        description: where they come from, for people.
        key: stands for their content.
        read: starts to read them.
    """

    description: str
    key: str
    read: Callable[[], Iterator[Text]]


def file_source(
    path: Path, task: Task, rule: WordRule | None = None, *, pairs: bool = False, column: str | None = None
) -> TextSource:
    """The texts of a JSONL file whose rows have a `text`, or `tokens`; or of a .txt file, one a line.

    For pairs the rows of a JSONL file have a `text_pair`, or `tokens_pair`, too.

    For token tasks a text is cut into words; for the others words are joined by spaces.

    Args:
        path: the file.
        task: whether texts or words are wanted.
        rule: how texts are cut into words; None: the default `WordRule`.
        pairs: whether pairs are wanted.
        column: where a JSONL file has the texts, or their words; None: `text` or `tokens`.

    Raises:
        UserError: if there is no such file; later, while reading, naming the line that cannot be read.
    """
    if path.is_dir():
        raise UserError(f"{path}: a folder; unlabeled text is read from one file")
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    if path.suffix.lower() not in _SUFFIXES:
        raise UserError(f"{path}: unlabeled text is read from files that end in {', '.join(_SUFFIXES)}")
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return TextSource(
        str(path),
        f"{content}{path.suffix.lower()}",
        lambda: _read_file(path, task, rule or WordRule(), pairs=pairs, column=column),
    )


def catalogue_source(task: Task, *, pairs: bool = False) -> TextSource:
    """The texts of all splits of all public data sets of the catalogue, for tasks of words or for those of texts.

    The study's pool of unlabeled text (arXiv:2201.00558, section 3).

    Raises:
        UserError: if the files of one of them cannot be had.
    """
    public = (card for card in CATALOG.values() if card.public)
    cards = [card for card in public if (card.task.of_words, card.pairs) == (task.of_words, pairs)]
    texts = [text for card in cards for text in _read_public(card)]
    names = ", ".join(card.name for card in cards)
    return TextSource(f"catalogue ({names})", content_fingerprint(texts), lambda: iter(texts))


def _read_public(card: DatasetCard) -> Iterator[Text]:
    try:
        raw = read_card(card)
    except UserError as error:
        raise UserError(f"{error}; the unlabeled texts of the catalogue need it; recipe=kd needs none") from None
    for rows in raw.rows.values():
        for row in rows:
            yield row.input


def _read_file(path: Path, task: Task, rule: WordRule, *, pairs: bool, column: str | None) -> Iterator[Text]:
    is_json = path.suffix.lower() in _JSON_SUFFIXES
    if column and not is_json:
        raise UserError(f"text_column={column}: {path} has a text per line, and no columns")
    for line, text in stream_lines(path):
        row = parse_json(text, path, line) if is_json else {"text": text.strip()}
        if column:
            row = _named(row, column, path, line)
        first = _side(row, task, rule, path, line)
        second = _side(row, task, rule, path, line, "_pair") if pairs else None
        yield first if second is None else Pair(text=first, text_pair=second)


def _named(row: dict[str, Any], column: str, path: Path, line: int) -> dict[str, Any]:
    """A row whose texts or words are in a column of another name."""
    if column not in row:
        raise UserError(f"{path}:{line}: no column {column!r} (found: {', '.join(map(repr, row)) or 'none'})")
    return {"tokens" if isinstance(row[column], list) else "text": row[column]}


def _side(row: dict[str, Any], task: Task, rule: WordRule, path: Path, line: int, suffix: str = "") -> Side:
    tokens, column = f"tokens{suffix}", f"text{suffix}"
    if tokens in row:
        words = [_encodable(word) for word in words_of(row, tokens, path, line) if visible(word)]
        return words if task.of_words else " ".join(words)
    if column in row:
        text = _encodable(text_of(row, path, line, column))
        text = text if visible(text) else ""
        return rule.cut(text) if task.of_words else text
    raise UserError(f"{path}:{line}: no column {column!r} or {tokens!r} (found: {', '.join(map(repr, row)) or 'none'})")


def _encodable(text: str) -> str:
    # JSON can write half of a surrogate pair, which has no UTF-8 form
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
