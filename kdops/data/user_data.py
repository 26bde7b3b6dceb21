"""The user's own data: a folder or a file on this machine, or a data set of the Hugging Face hub."""

from pathlib import Path

from kdops.data.catalog import CATALOG
from kdops.data.catalog.card import MULTILINGUAL
from kdops.data.names import own_name
from kdops.data.raw import DataOptions, FileRows, RawDataset
from kdops.data.readers.by_suffix import (
    SPLIT_NAMES,
    check_words,
    is_path,
    is_saved_folder,
    place_of,
    read_files,
    split_files,
    unlabeled_file,
)
from kdops.data.readers.labels import split_labels, tidy_labels
from kdops.data.teacher_labels import teacher_labels_of
from kdops.errors import UserError


def read_own(name_or_path: str, options: DataOptions) -> RawDataset:
    """The rows of a folder, of a file, or of a data set of the hub.

    A folder holds one file per split: train, and if there are such validation (or valid, val, dev) and test; further
    unlabeled.jsonl, unlabeled.ndjson or unlabeled.txt, the first of them that there is. A single file is train. Folders
    are also read as the hub lays them out, as `save_to_disk` writes them, with a folder of texts per class, and as brat
    keeps them. `kdops.data.readers.by_suffix.READERS` has the reader of each kind of file.

    Args:
        name_or_path: a path, or the hub's id of a data set where no such path exists.
        options: name the data set and its columns.

    Raises:
        UserError: when there is no such data set, or it cannot be used, naming file and line.
    """
    path = Path(name_or_path).expanduser()
    read, places = _read_here(path, options) if path.exists() else _read_hub(name_or_path, path, options)
    for split, part in read.items():
        if not part.rows:
            raise UserError(f"{places[split]}: no rows")
        check_words(part.rows, places[split])
    marked = teacher_labels_of(name_or_path)
    named = {name: part.rows for name, part in read.items()}
    # A teacher's label is one, whatever marks stand in its name.
    rows, parted = (named, ()) if marked else split_labels(named, options.task, places)
    rows, tidied = tidy_labels(rows, places)
    return RawDataset(
        name=own_name(name_or_path, options.name),
        rows=rows,
        places=places,
        labels=marked.labels if marked else (),
        licence="the user's own",
        citation=name_or_path,
        default_teacher=MULTILINGUAL,
        unlabeled=unlabeled_file(path) if path.is_dir() else None,
        notes=tuple(note for part in read.values() for note in part.notes) + parted + tidied,
        columns=read["train"].columns,
        labeled_by=marked.teacher if marked else "",
    )


def _read_here(path: Path, options: DataOptions) -> tuple[dict[str, FileRows], dict[str, Path]]:
    if path.is_dir() and is_saved_folder(path):
        from kdops.data.readers.hub import read_saved  # here, because it is slow to import

        read = read_saved(path, SPLIT_NAMES, options)
        if "train" not in read:
            raise UserError(f"{path}: no train split")
        return read, {split: path / split for split in read}
    files = split_files(path) if path.is_dir() else {"train": (path,)}
    return {split: read_files(those, options) for split, those in files.items()}, {
        split: place_of(those) for split, those in files.items()
    }


def _read_hub(name: str, path: Path, options: DataOptions) -> tuple[dict[str, FileRows], dict[str, Path]]:
    if is_path(name):
        searched = "" if path.is_absolute() else f" in {Path.cwd()}"
        raise UserError(f"{path}: no such file or folder{searched}")
    # here, because it is slow to import and most data does not come from there
    from kdops.data.readers.hub import read_hub

    choices = f"choose one of: {', '.join(CATALOG)}, or give the path of your own data, or the id of a hub data set"
    read = read_hub(name, SPLIT_NAMES, options, choices)
    if "train" not in read:
        raise UserError(f"dataset {name!r} has no train split")
    return read, {split: Path(name) / split for split in read}
