"""The user's own data: a folder or a file on this machine, or a data set of the Hugging Face hub."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from kdops.data.catalog import CATALOG
from kdops.data.catalog.card import INDOBERT
from kdops.data.raw import DataOptions, Example, RawDataset
from kdops.data.readers.files import READERS, SPLIT_NAMES, check_words, is_path, read_file, split_files, unlabeled_file
from kdops.data.readers.labels import check_labels
from kdops.errors import UserError


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
        places = split_files(path) if path.is_dir() else {"train": path}
        rows: Mapping[str, Sequence[Example]] = {split: read_file(place, options) for split, place in places.items()}
    elif is_path(name_or_path):
        raise UserError(f"{path}: no such file or folder")
    else:
        # here, because it is slow to import and most data does not come from there
        from kdops.data.readers.hub import read_hub

        choices = (
            f"choose one of: {', '.join(CATALOG)}, or give a folder or file of your own, or the id of a hub data set"
        )
        rows = read_hub(name_or_path, SPLIT_NAMES, options, choices)
        places = {split: Path(name_or_path) / split for split in rows}
        if "train" not in rows:
            raise UserError(f"dataset {name_or_path!r} has no train split")
    for split, found in rows.items():
        if not found:
            raise UserError(f"{places[split]}: no rows")
        check_words(found, places[split])
    check_labels(rows, places)
    return RawDataset(
        name=own_name(name_or_path, options.name),
        rows=rows,
        places=places,
        labels=(),
        licence="the user's own",
        citation=name_or_path,
        default_teacher=INDOBERT,
        unlabeled=unlabeled_file(path) if path.is_dir() else None,
    )


def own_name(name_or_path: str, chosen: str | None) -> str:
    """What a data set of the user's is called, whether it is still there or not; lower case, digits, hyphens.

    Args:
        name_or_path: as `read_own` takes it.
        chosen: the user's choice; None: after its folder, file or id.

    Raises:
        UserError: for a choice that is the name of a public data set.
    """
    path = Path(name_or_path).expanduser()
    is_file = path.is_file() or (path.suffix in READERS and not path.is_dir())
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
