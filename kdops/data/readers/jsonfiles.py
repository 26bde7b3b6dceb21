"""JSON files: one object per line, or one list of objects."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from kdops.data.raw import AS_FOUND, DataOptions, FileRows
from kdops.data.readers.annotations import spacy_row
from kdops.data.readers.examples import shown
from kdops.data.readers.lines import parse_json, read_lines, read_text
from kdops.data.readers.records import examples_of
from kdops.errors import UserError

Rows = Iterator[tuple[int, Mapping[str, Any]]]


def read_jsonl(path: Path, options: DataOptions = AS_FOUND) -> FileRows:
    """Rows of a JSONL file: one object per line, its columns named or found as `find_columns` does.

    Raises:
        UserError: naming the line that is not such a row.
    """
    return examples_of(_lines(path), path, options)


def read_json(path: Path, options: DataOptions = AS_FOUND) -> FileRows:
    """Rows of a JSON file: a list of objects, numbered from 1; or one object per line, as in JSONL.

    The list may stand alone, or be the only list of objects in an object.

    Raises:
        UserError: when it holds neither, or naming the row that cannot be used.
    """
    text = read_text(path)
    try:
        whole = json.loads(text)
    except RecursionError:
        raise UserError(f"{path}: not JSON that can be read: {text.strip()[:40]!r}") from None
    except ValueError as error:
        if text.lstrip().startswith("{") and isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            return read_jsonl(path, options)
        raise UserError(f"{path}: not JSON: {error}") from None
    return examples_of(_elements(_list_of(whole, path), path), path, options)


def _lines(path: Path) -> Rows:
    for line, content in read_lines(path):
        if not content.strip():
            continue
        pair = _pair(content)
        yield line, parse_json(content, path, line) if pair is None else pair


def _pair(content: str) -> Mapping[str, Any] | None:
    if not content.lstrip().startswith('["'):
        return None
    try:
        return spacy_row(json.loads(content))
    except (ValueError, RecursionError):
        return None


def _list_of(whole: Any, path: Path) -> list[Any]:
    if isinstance(whole, list):
        return whole
    if isinstance(whole, dict):
        lists = [value for value in whole.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
        is_row = bool({"text", "tokens", "annotations"} & whole.keys())
        return lists[0] if len(lists) == 1 and not is_row else [whole]
    raise UserError(f"{path}: expected a list of JSON objects, found {shown(whole)}")


def _elements(elements: list[Any], path: Path) -> Rows:
    for number, element in enumerate(elements, 1):
        row = spacy_row(element) if isinstance(element, list) else element
        if not isinstance(row, Mapping):
            raise UserError(f"{path}:{number}: expected a JSON object, found {shown(element)}")
        yield number, row
