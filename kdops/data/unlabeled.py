"""Texts without labels: read once, cleaned, kept on disk as memory-mapped Arrow."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from datasets import Dataset, Features, Value
from datasets import List as ListOf
from datasets.arrow_writer import ArrowWriter

from kdops.data.checks import text_key, words_of_text
from kdops.data.parsers import decode, parse_json, text_of, words_of
from kdops.errors import UserError
from kdops.home import home
from kdops.task import Task

_VERSION = 1


def load_unlabeled(path: Path, task: Task, *, exclude: Iterable[str | Sequence[str]]) -> Dataset:
    """The different texts of a JSONL file whose rows have a `text`, or `tokens`.

    The cleaned texts are kept below `home()`: a large file is read once, and RAM does not grow with it.

    Args:
        path: the JSONL file.
        task: decides the column of the result: `text`, or `tokens`.
        exclude: the inputs of validation and test, which no training may see, not even without their labels.

    Returns:
        The rows, in the order of the file, without repetitions and without the excluded texts.

    Raises:
        UserError: naming the line that cannot be read, or when no text is left.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    excluded = {_digest(text) for text in exclude}
    target = home() / "unlabeled" / f"{_content_key(path, task, excluded)}.arrow"
    if not target.is_file():
        _write(path, task, excluded, target)
    return Dataset.from_file(str(target))


def _write(path: Path, task: Task, seen: set[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    column = Value("string") if task is Task.TEXT else ListOf(Value("string"))
    name = "text" if task is Task.TEXT else "tokens"
    try:
        with ArrowWriter(path=str(part), features=Features({name: column})) as writer:
            for text in _inputs(path, task):
                digest = _digest(text)
                if digest not in seen:
                    seen.add(digest)
                    writer.write({name: text})
            rows, _ = writer.finalize()
        if not rows:
            raise UserError(f"{path}: no text is left after dropping repetitions and the texts of validation and test")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _inputs(path: Path, task: Task) -> Iterator[str | list[str]]:
    with path.open("rb") as file:
        for line, content in enumerate(file, 1):
            text = decode(content, path, line)
            if not text.strip():
                continue
            row = parse_json(text, path, line)
            if "tokens" in row:
                words = words_of(row, "tokens", path, line)
                read: str | list[str] = words if task is Task.TOKEN else " ".join(words)
            elif "text" in row:
                read = text_of(row, path, line)
                read = words_of_text(read) if task is Task.TOKEN else read
            else:
                raise UserError(
                    f"{path}:{line}: no column 'text' or 'tokens' (found: {', '.join(map(repr, row)) or 'none'})"
                )
            if text_key(read):  # nothing can be learned from an empty text
                yield read


def _digest(text: str | Sequence[str]) -> bytes:
    # 16 bytes a text instead of the text: this set is all that grows with the file
    return hashlib.blake2b(text_key(text).encode(), digest_size=16).digest()


def _content_key(path: Path, task: Task, excluded: set[bytes]) -> str:
    with path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256")
    content.update(f"{_VERSION} {task}".encode())
    content.update(b"".join(sorted(excluded)))
    return content.hexdigest()[:32]
