"""Lines and JSON objects of text files, each with its place for messages."""

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kdops.data.readers.columns import duplicate
from kdops.errors import UserError


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


def read_bytes(path: Path) -> bytes:
    """The bytes of a file; those of a .gz file unpacked.

    Raises:
        UserError: when it cannot be unpacked.
    """
    content = path.read_bytes()
    if path.suffix.lower() != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path}: not a gzip file that can be unpacked: {error}") from None


def read_text(path: Path) -> str:
    """The text of a file that must not be empty.

    Raises:
        UserError: when the file is missing, is empty, or is not UTF-8.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    text = decode(read_bytes(path), path, 1)
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


def stream_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a file that are not blank, with their numbers from 1; never all of them in memory.

    Raises:
        UserError: naming the line that is not UTF-8.
    """
    with path.open("rb") as file:
        for line, content in enumerate(file, 1):
            text = decode(content, path, line).strip("\r\n")
            if text.strip():
                yield line, text


class _DuplicateColumnError(ValueError):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise _DuplicateColumnError(duplicate([name for name, _ in pairs]))
    return row
