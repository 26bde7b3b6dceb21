"""Data sets of the Hugging Face hub, by their id."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from datasets import ClassLabel, Dataset, DatasetDict, load_dataset
from huggingface_hub import dataset_info
from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError

from kdops.data.raw import DataOptions, Example
from kdops.data.readers.columns import find_columns
from kdops.data.readers.parsers import examples_of
from kdops.errors import UserError

_TIMEOUT_S = 5.0


def read_hub(name: str, splits: Mapping[str, str], options: DataOptions, choices: str) -> dict[str, list[Example]]:
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
    rows: dict[str, list[Example]] = {}
    for split, data in loaded.items():
        here = splits.get(str(split))
        if here in rows:
            raise UserError(f"dataset {name!r} has several splits for {here}: {', '.join(map(str, loaded))}")
        if here is not None:
            rows[here] = list(_examples(data, Path(name) / here, options))
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


def _examples(data: Dataset, place: Path, options: DataOptions) -> Iterator[Example]:
    if not len(data):
        return iter(())
    columns = find_columns(data[0], options.text_column, options.label_column, f"{place}:1")
    feature = data.features[columns.label]
    named = feature if isinstance(feature, ClassLabel) else getattr(feature, "feature", None)
    gold = data[columns.label][:]
    if isinstance(named, ClassLabel):
        gold = [_name(value, named) for value in gold]
    rows = zip(data[columns.text][:], gold, strict=True)
    numbered = ((row, {columns.text: text, columns.label: label}) for row, (text, label) in enumerate(rows, 1))
    return examples_of(numbered, place, columns.text, columns.label)


def _name(value: Any, classes: ClassLabel) -> Any:
    if isinstance(value, list):
        return [_name(item, classes) for item in value]
    # a test split without labels has -1; it is refused with its row, as any label that is no name
    return classes.names[value] if isinstance(value, int) and value >= 0 else None
