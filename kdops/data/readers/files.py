"""Files of the user's on this machine: one file, or a folder with one file per split."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from kdops.data.raw import DataOptions, Example
from kdops.data.readers.parsers import read_conll, read_jsonl, visible
from kdops.data.readers.tables import read_csv, read_parquet, read_tsv
from kdops.errors import UserError

logger = logging.getLogger(__name__)

Reader = Callable[[Path, str | None, str | None], Iterator[Example]]

READERS: Mapping[str, Reader] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".txt": read_tsv,
    ".parquet": read_parquet,
    ".conll": read_conll,
    ".iob": read_conll,
}
SPLIT_NAMES = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
_UNLABELED = ("unlabeled.jsonl", "unlabeled.ndjson", "unlabeled.txt")


def split_files(folder: Path) -> dict[str, Path]:
    """The file of each split in a folder; others are left out.

    Raises:
        UserError: when there is none for train, or several for one split.
    """
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        split = SPLIT_NAMES.get(file.stem.lower())
        if split is None or not file.is_file():
            continue
        if split in found:
            raise UserError(f"{folder}: {found[split].name} and {file.name} are both {split}; keep one of them")
        found[split] = file
    if "train" not in found:
        names = ", ".join(f"train{kind}" for kind in READERS)
        raise UserError(f"{folder}: no train file ({names})")
    return {split: found[split] for split in ("train", "validation", "test") if split in found}


def unlabeled_file(folder: Path) -> Path | None:
    """The file of texts without labels in a folder, if there is one; files that look like one are warned of."""
    found = next((file for file in (folder / name for name in _UNLABELED) if file.is_file()), None)
    files = [file for file in sorted(folder.iterdir()) if file.stem.lower() == "unlabeled" and file.is_file()]
    if ignored := [file.name for file in files if file != found]:
        taken = f"{found.name} is" if found else f"the first of {', '.join(_UNLABELED)} would be"
        logger.warning("%s: %s is not read; for texts without labels %s", folder, ", ".join(ignored), taken)
    return found


def check_words(rows: Sequence[Example], place: Path) -> None:
    """Stop at words that nobody sees: they are leftovers of cleaning, and no tokenizer gives them a token.

    Raises:
        UserError: naming the line.
    """
    for row in rows:
        for word in row.input if isinstance(row.input, list) else ():
            if not visible(word):
                raise UserError(f"{place}:{row.line}: an empty token ({word!a} has no character that is seen)")


def read_file(path: Path, options: DataOptions) -> list[Example]:
    """All rows of a file, by the reader of its suffix.

    Raises:
        UserError: when there is no reader for it, or naming the line that cannot be used.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path}: cannot read {path.suffix or 'a file without a suffix'!r}; use {', '.join(READERS)}")
    return list(reader(path, options.text_column, options.label_column))


def is_path(name_or_path: str) -> bool:
    """Whether this can only be a path on this machine, by the look of it: no hub id."""
    deep = name_or_path.count("/") > 1
    return deep or name_or_path.startswith((".", "/", "~")) or Path(name_or_path).suffix in READERS
