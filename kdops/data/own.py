"""The user's own data: a folder or a file on this machine, or a data set of the Hugging Face hub."""

import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from kdops.data.card import INDOBERT
from kdops.data.catalog import CATALOG
from kdops.data.labels import check_labels
from kdops.data.parsers import Example, read_conll, read_jsonl, visible
from kdops.data.raw import DataOptions, RawDataset
from kdops.data.tables import read_csv, read_parquet, read_tsv
from kdops.errors import UserError

logger = logging.getLogger(__name__)

Reader = Callable[[Path, str | None, str | None], Iterator[Example]]

_READERS: Mapping[str, Reader] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".txt": read_tsv,
    ".parquet": read_parquet,
    ".conll": read_conll,
    ".iob": read_conll,
}
_SPLITS = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
_UNLABELED = ("unlabeled.jsonl", "unlabeled.ndjson", "unlabeled.txt")


def read_own(name_or_path: str, options: DataOptions) -> RawDataset:
    """The rows of a folder, of a file, or of a data set of the hub.

    A folder holds one file a split: train, and if there are such validation (or valid, val, dev) and test; further
    unlabeled.jsonl, unlabeled.ndjson or unlabeled.txt, the first of them that there is. A single file is train. How
    files of each kind are read: `read_jsonl` (.jsonl and .ndjson), `read_csv`, `read_tsv` (.tsv and .txt),
    `read_parquet` and `read_conll` (.conll and .iob).

    Args:
        name_or_path: a path, or the hub's id of a data set where no such path exists.
        options: name the data set and its columns.

    Raises:
        UserError: when there is no such data set, or it cannot be used, naming file and line.
    """
    path = Path(name_or_path).expanduser()
    if path.exists():
        places = _files(path) if path.is_dir() else {"train": path}
        rows: Mapping[str, Sequence[Example]] = {split: _read(place, options) for split, place in places.items()}
    elif is_path(name_or_path):
        raise UserError(f"{path}: no such file or folder")
    else:
        # here, because it is slow to import and most data does not come from there
        from kdops.data.hub import read_hub

        choices = (
            f"choose one of: {', '.join(CATALOG)}, or give a folder or file of your own, or the id of a hub data set"
        )
        rows = read_hub(name_or_path, _SPLITS, options, choices)
        places = {split: Path(name_or_path) / split for split in rows}
        if "train" not in rows:
            raise UserError(f"dataset {name_or_path!r} has no train split")
    for split, found in rows.items():
        if not found:
            raise UserError(f"{places[split]}: no rows")
        _check_words(found, places[split])
    check_labels(rows, places)
    return RawDataset(
        name=own_name(name_or_path, options.name),
        rows=rows,
        places=places,
        labels=(),
        licence="the user's own",
        citation=name_or_path,
        default_teacher=INDOBERT,
        unlabeled=_unlabeled(path) if path.is_dir() else None,
    )


def _files(folder: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        split = _SPLITS.get(file.stem.lower())
        if split is None or not file.is_file():
            continue
        if split in found:
            raise UserError(f"{folder}: {found[split].name} and {file.name} are both {split}; keep one of them")
        found[split] = file
    if "train" not in found:
        names = ", ".join(f"train{kind}" for kind in _READERS)
        raise UserError(f"{folder}: no train file ({names})")
    return {split: found[split] for split in ("train", "validation", "test") if split in found}


def _unlabeled(folder: Path) -> Path | None:
    found = next((file for file in (folder / name for name in _UNLABELED) if file.is_file()), None)
    files = [file for file in sorted(folder.iterdir()) if file.stem.lower() == "unlabeled" and file.is_file()]
    if ignored := [file.name for file in files if file != found]:
        taken = f"{found.name} is" if found else f"the first of {', '.join(_UNLABELED)} would be"
        logger.warning("%s: %s is not read; for texts without labels %s", folder, ", ".join(ignored), taken)
    return found


def _check_words(rows: Sequence[Example], place: Path) -> None:
    """Stop at words that nobody sees: they are leftovers of cleaning, and no tokenizer gives them a piece."""
    for row in rows:
        for word in row.input if isinstance(row.input, list) else ():
            if not visible(word):
                raise UserError(f"{place}:{row.line}: an empty token ({word!a} has no character that is seen)")


def _read(path: Path, options: DataOptions) -> list[Example]:
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UserError(f"{path}: cannot read {path.suffix or 'a file without a suffix'!r}; use {', '.join(_READERS)}")
    return list(reader(path, options.text_column, options.label_column))


def own_name(name_or_path: str, chosen: str | None) -> str:
    """What a data set of the user's is called, whether it is still there or not; lower case, digits, hyphens.

    Args:
        name_or_path: as `read_own` takes it.
        chosen: the user's choice; None: after its folder, file or id.

    Raises:
        UserError: for a choice that is the name of a public data set.
    """
    path = Path(name_or_path).expanduser()
    is_file = path.is_file() or (path.suffix in _READERS and not path.is_dir())
    if path.exists() or is_path(name_or_path):
        base = path.resolve().stem if is_file else path.resolve().name
    else:
        base = name_or_path
    name = re.sub(r"[^a-z0-9]+", "-", (chosen or base).lower()).strip("-") or "dataset"
    if name not in CATALOG:
        return name
    if chosen is not None:
        raise UserError(f"name={chosen} is the name of a public data set; choose another")
    # a folder called smsa must not pass for the public one in the registry
    return f"{name}-{'file' if is_file else 'folder'}"


def is_path(name_or_path: str) -> bool:
    """Whether this can only be a path on this machine, by the look of it: no hub id."""
    deep = name_or_path.count("/") > 1
    return deep or name_or_path.startswith((".", "/", "~")) or Path(name_or_path).suffix in _READERS
