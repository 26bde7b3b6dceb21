"""Reading a data set of the catalogue: fetched, parsed, repaired."""

from dataclasses import replace

from kdops.data.catalog.card import Cleaning, DatasetCard, RemoteFile
from kdops.data.catalog.downloads import fetch
from kdops.data.raw import Example, RawDataset


def read_card(card: DatasetCard) -> RawDataset:
    """All rows that the card's files have, with what was repaired in its notes.

    Raises:
        UserError: when a file cannot be had.
    """
    places = {split: fetch(file) if isinstance(file, RemoteFile) else file for split, file in card.files.items()}
    rows = {split: list(card.parser(path))[card.parts.get(split, slice(None))] for split, path in places.items()}
    notes = card.notes
    if card.cleaning is not None:
        rows, note = _clean(rows, card.cleaning)
        notes += (note,)
    return RawDataset(
        name=card.name,
        rows=rows,
        places=places,
        labels=card.labels,
        licence=card.licence,
        citation=card.citation,
        default_teacher=card.default_teacher,
        unlabeled=card.unlabeled,
        notes=notes,
    )


def _clean(rows: dict[str, list[Example]], cleaning: Cleaning) -> tuple[dict[str, list[Example]], str]:
    cleaned: dict[str, list[Example]] = {
        split: [replace(row, input=cleaning.apply(row.input)) for row in examples if isinstance(row.input, str)]
        for split, examples in rows.items()
    }
    changed = sum(
        new.input != old.input for split in rows for new, old in zip(cleaned[split], rows[split], strict=True)
    )
    return cleaned, f"{cleaning.what}: {changed} texts"
