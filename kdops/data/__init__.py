"""The data room: named data sets and the user's own, checked, as `datasets` objects."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import DatasetDict


def load_dataset(name_or_path: str) -> DatasetDict:
    """The train, validation and test splits of a catalogue name, of your own files, or of a hub data set.

    Raises:
        UserError: for an unknown name, or files that cannot be had or used.
    """
    from kdops.data.corpus import load_corpus  # here, so that importing the room stays cheap

    return load_corpus(name_or_path).splits
