"""Data sets of the Hugging Face hub, by their id."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, DatasetDict, load_dataset, load_from_disk
from huggingface_hub import dataset_info
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

from kdops.data.raw import DataOptions, FileRows
from kdops.data.readers.classes import with_names
from kdops.data.readers.columns import find_columns
from kdops.data.readers.records import examples_of
from kdops.errors import UserError

_TIMEOUT_S = 5.0


def read_hub(name: str, splits: Mapping[str, str], options: DataOptions, choices: str) -> dict[str, FileRows]:
    """The rows of a data set of the hub, or of the hub's cache on this machine, numbered from 1 in each split.

    Classes have the names that the data set gives them. Data sets that need a script of their own are refused.

    Args:
        name: its id.
        splits: what its splits may be called, and what they are called here; others are left out.
        options: name its columns.
        choices: what else the user could give, for messages.

    Raises:
        UserError: when it cannot be had, or naming the row that cannot be used.
    """
    offline = os.environ.get("HF_HUB_OFFLINE") == "1"
    if not offline:
        _check(name, choices)  # because loading from a hub that does not answer fails after half a minute
    try:
        loaded = load_dataset(name)
    except Exception as error:  # whatever its HTTP client, its file readers and the hub raise
        if offline and isinstance(error, OSError):
            raise UserError(
                f"unknown dataset {name!r}: it is not on this machine and HF_HUB_OFFLINE is set; {choices}"
            ) from error
        raise UserError(f"dataset {name!r} cannot be loaded from the hub: {_reason(error)}") from error
    if not isinstance(loaded, DatasetDict):
        raise UserError(f"dataset {name!r} has no splits")
    return _splits(loaded, name, splits, options)


def read_saved(folder: Path, splits: Mapping[str, str], options: DataOptions) -> dict[str, FileRows]:
    """The rows of a folder that `save_to_disk` wrote; one without splits is train.

    Raises:
        UserError: when it cannot be loaded, or naming the row that cannot be used.
    """
    try:
        loaded = load_from_disk(str(folder))
    except Exception as error:  # whatever its file readers raise
        raise UserError(f"{folder}: cannot be loaded as a data set that was saved to disk: {_reason(error)}") from error
    return _splits(loaded if isinstance(loaded, DatasetDict) else {"train": loaded}, str(folder), splits, options)


def _splits(
    loaded: Mapping[Any, Dataset], name: str, splits: Mapping[str, str], options: DataOptions
) -> dict[str, FileRows]:
    rows: dict[str, FileRows] = {}
    for split, data in loaded.items():
        here = splits.get(str(split))
        if here in rows:
            raise UserError(f"dataset {name!r} has several splits for {here}: {', '.join(map(str, loaded))}")
        if here is not None:
            rows[here] = _examples(data, Path(name) / here, options)
    return rows


def _check(name: str, choices: str) -> None:
    try:
        dataset_info(name, timeout=_TIMEOUT_S)
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise UserError(f"unknown dataset {name!r}: the hub has no such data set; {choices}") from error
    except Exception as error:  # whatever its HTTP client raises for a hub that does not answer
        raise UserError(
            f"unknown dataset {name!r}: the hub does not answer ({_reason(error)}); "
            f"set HF_HUB_OFFLINE=1 to read a copy on this machine, or {choices}"
        ) from error


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _examples(data: Dataset, place: Path, options: DataOptions) -> FileRows:
    if not len(data):
        return FileRows([])
    classes = {name: names for name, feature in data.features.items() if (names := _class_names(feature))}
    # the other columns may be large
    columns = find_columns(data[0], options.text_column, options.label_column, f"{place}:1", options.task)
    names = (*columns.texts, *columns.labels)
    rows = zip(*(data[name][:] for name in names), strict=True)
    named = ((row, with_names(dict(zip(names, values, strict=True)), classes)) for row, values in enumerate(rows, 1))
    texts, labels = ",".join(columns.texts), ",".join(columns.labels)
    return examples_of(named, place, replace(options, text_column=texts, label_column=labels))


def _class_names(feature: Any) -> Sequence[str] | None:
    named = feature if isinstance(feature, ClassLabel) else getattr(feature, "feature", None)
    return named.names if isinstance(named, ClassLabel) else None
