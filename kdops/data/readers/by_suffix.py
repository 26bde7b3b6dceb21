"""Files of the user's on this machine: one file, or a folder with one file per split."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kdops.data.inputs import sides
from kdops.data.raw import DataOptions, Example, FileRows
from kdops.data.readers.brat import is_brat, read_brat
from kdops.data.readers.conll import read_conll
from kdops.data.readers.examples import checked, visible
from kdops.data.readers.jsonfiles import read_json, read_jsonl
from kdops.data.readers.lines import read_text
from kdops.data.readers.tables import read_csv, read_excel, read_parquet, read_tsv
from kdops.errors import UserError
from kdops.task import Task

logger = logging.getLogger(__name__)

Reader = Callable[[Path, DataOptions], FileRows]

READERS: Mapping[str, Reader] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".txt": read_tsv,
    ".parquet": read_parquet,
    ".conll": read_conll,
    ".iob": read_conll,
    ".bio": read_conll,
    ".iob2": read_conll,
    ".conllu": read_conll,
    ".json": read_json,
    ".xlsx": read_excel,
}
_PACKED = ".gz"
_NOT_PACKED = (".parquet", ".xlsx")
SPLIT_NAMES = {
    "train": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
}
_UNLABELED = ("unlabeled.jsonl", "unlabeled.ndjson", "unlabeled.txt")
# As the hub keeps data sets: data/train-00000-of-00002.parquet
_SHARD = re.compile(r"(.+?)-(\d{5})-of-(\d{5})")


def split_files(folder: Path) -> dict[str, tuple[Path, ...]]:
    """The files of each split in a folder, or in its folder `data`; others are left out.

    A split is one file; several files where their names number them, as the hub does; or a folder with a folder per
    class, or of brat's files. A folder that is itself of the last two kinds is train.

    Raises:
        UserError: when there is none for train, several for one split, or one of several is missing.
    """
    found = _splits_in(folder)
    if "train" not in found and (folder / "data").is_dir():
        found = _splits_in(folder / "data")
    if not found and _is_data_folder(folder):
        return {"train": (folder,)}
    if "train" not in found:
        names = ", ".join(f"train{kind}" for kind in READERS)
        raise UserError(f"{folder}: no train file ({names})")
    return {split: found[split] for split in ("train", "validation", "test") if split in found}


def place_of(files: Sequence[Path]) -> Path:
    """The name of a split's files in messages."""
    if len(files) == 1:
        return files[0]
    return files[0].with_name(_SHARD.sub(r"\1-*-of-\3", files[0].name))


def unlabeled_file(folder: Path) -> Path | None:
    """The file of texts without labels in a folder, if there is one; files that look like one are warned of."""
    found = next((file for file in (folder / name for name in _UNLABELED) if file.is_file()), None)
    files = [file for file in sorted(folder.iterdir()) if file.stem.lower() == "unlabeled" and file.is_file()]
    if ignored := [file.name for file in files if file != found]:
        taken = f"{found.name} is" if found else f"the first of {', '.join(_UNLABELED)} would be"
        logger.warning("%s: %s is not read; for texts without labels %s", folder, ", ".join(ignored), taken)
    return found


def check_words(rows: Sequence[Example], place: Path) -> None:
    """Stop at words without a visible character: they are leftovers of cleaning, and tokenizers give them no token.

    Raises:
        UserError: naming the line.
    """
    for row in rows:
        for word in [word for side in sides(row.input) if not isinstance(side, str) for word in side]:
            if not visible(word):
                raise UserError(f"{place}:{row.line}: an empty token ({word!a} has no character that is seen)")


def read_files(files: Sequence[Path], options: DataOptions) -> FileRows:
    """All rows of a split, by the reader of its files' suffix.

    Raises:
        UserError: when there is no reader for it, or it is for another task, naming the line that cannot be used.
    """
    read = [_read_folder(path) if path.is_dir() else _reader(path)(path, options) for path in files]
    for path, part in zip(files, read, strict=True):
        _check_task(part.rows, path, options.task)
    return FileRows(
        [row for part in read for row in part.rows],
        columns=read[0].columns,
        notes=tuple(f"{path.name}: {note}" for path, part in zip(files, read, strict=True) for note in part.notes),
    )


def _read_folder(folder: Path) -> FileRows:
    """The rows of a folder of brat's files, or of one with a folder of .txt files per class, named by the class.

    Raises:
        UserError: when it is neither, or naming the file that cannot be used.
    """
    if is_brat(folder):
        return read_brat(folder)
    classes = _class_folders(folder)
    if not classes:
        raise UserError(f"{folder}: neither a folder of .txt files per class, nor brat's .txt and .ann files")
    rows = [
        checked(read_text(file).strip(), one.name, file, 1) for one in classes for file in sorted(one.glob("*.txt"))
    ]
    return FileRows(rows, columns="text a file, label its folder")


def is_saved_folder(folder: Path) -> bool:
    """Whether a folder is what `save_to_disk` of `datasets` writes."""
    return (folder / "dataset_dict.json").is_file() or (folder / "dataset_info.json").is_file()


def is_file_name(path: Path) -> bool:
    """Whether a name ends as those of files that can be read do."""
    return _suffix(path) in READERS


def is_path(name_or_path: str) -> bool:
    """Whether this can only be a path on this machine, by the look of it: no hub id."""
    deep = name_or_path.count("/") > 1
    return deep or name_or_path.startswith((".", "/", "~")) or is_file_name(Path(name_or_path))


def _splits_in(folder: Path) -> dict[str, tuple[Path, ...]]:
    found: dict[str, tuple[Path, ...]] = {}
    shards: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()):
        stem = file.name.removesuffix(_PACKED).rpartition(".")[0] if file.is_file() else file.name
        shard = _SHARD.fullmatch(stem)
        split = SPLIT_NAMES.get((shard[1] if shard else stem).lower())
        if split is None or (file.is_dir() and not _is_data_folder(file)):
            continue
        if shard:
            shards.setdefault(split, []).append(file)
        elif split in found:
            raise UserError(f"{folder}: {found[split][0].name} and {file.name} are both {split}; keep one of them")
        else:
            found[split] = (file,)
    for split, files in shards.items():
        if split in found:
            raise UserError(f"{folder}: {found[split][0].name} and {files[0].name} are both {split}; keep one of them")
        expected = int(files[0].name.partition("-of-")[2][:5])
        if len(files) != expected:
            raise UserError(f"{folder}: {len(files)} of {expected} files of {split} are there ({files[0].name}, ...)")
        found[split] = tuple(files)
    return found


def _is_data_folder(folder: Path) -> bool:
    """Whether a folder holds the rows of one split by itself."""
    return is_brat(folder) or bool(_class_folders(folder))


def _class_folders(folder: Path) -> list[Path]:
    """The folders with .txt files in a folder, if there are several and it has no data of its own."""
    folders = [one for one in sorted(folder.iterdir()) if one.is_dir() and not one.name.startswith(".")]
    filled = [one for one in folders if one.name != "unsup" and next(one.glob("*.txt"), None)]
    return filled if len(filled) > 1 else []


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    inner = path.with_suffix("").suffix.lower()
    return inner if suffix == _PACKED and inner not in _NOT_PACKED else suffix


def _reader(path: Path) -> Reader:
    reader = READERS.get(_suffix(path))
    if reader is None:
        raise UserError(f"{path}: cannot read {path.suffix or 'a file without a suffix'!r}; use {', '.join(READERS)}")
    return reader


def _check_task(rows: Sequence[Example], path: Path, task: Task | None) -> None:
    # Whether a cell holds one label or several is found out once all are known.
    several = (Task.TEXT, Task.MULTI_LABEL)
    fitting = several if task in several else (task,)
    wrong = next((row for row in rows if task is not None and row.task not in fitting), None)
    if wrong is not None:
        raise UserError(f"{path}:{wrong.line}: task={task}, but this row is {wrong.task.row}")
