"""`list_datasets`: the data sets of the catalogue, without reading or downloading any of them."""

import textwrap
from collections.abc import Iterator

from kdops.data.catalog import CATALOG, SPLITS, DatasetCard, RemoteFile
from kdops.errors import unknown
from kdops.steps.parameters import NONE, StepConfig, parameter
from kdops.steps.tables import aligned

_HEADER = ("dataset", "task", "classes", *SPLITS, "main metric", "licence")
_TEXTS = [place for place, title in enumerate(_HEADER) if title not in ("classes", *SPLITS)]
_WIDTH = 110
_LICENCE_WIDTH = 25


class ListConfig(StepConfig):
    """The parameters of `list_datasets`: one data set in full, or None: a table of all."""

    dataset: str | None = parameter(
        None, "Data set to show in full, with citation and notes; none: a table of all.", shown=NONE
    )


def list_datasets(config: ListConfig) -> str:
    """The catalogue as a table, or one of its cards.

    Raises:
        UserError: for a name that is not in the catalogue.
    """
    if config.dataset is None:
        table = aligned([_HEADER, *map(_row, CATALOG.values())], _TEXTS)
        return f"{table}\n\nOne in full, with its notes: dataset=NAME"
    if config.dataset not in CATALOG:
        raise unknown("dataset", config.dataset, CATALOG)
    return "\n".join(_lines(CATALOG[config.dataset]))


def _row(card: DatasetCard) -> tuple[str, ...]:
    return (
        card.name,
        card.task,
        str(len(card.labels)),
        *map(str, card.rows),
        card.main_metric,
        textwrap.shorten(card.licence, _LICENCE_WIDTH, placeholder=" ..."),
    )


def _lines(card: DatasetCard) -> Iterator[str]:
    made = [split for split in SPLITS if split not in card.files]
    facts = dict(zip(_HEADER, _row(card), strict=True)) | {
        "classes": ", ".join(card.labels),
        "unlabeled": "texts of its own" if card.unlabeled else "texts of the catalogue's other data sets",
        "teacher": card.default_teacher,
        "licence": card.licence,
        "citation": card.citation,
        "made here": f"{' and '.join(made)}, from the one file there is" if made else "",
    }
    files = dict.fromkeys(_address(file) for file in card.files.values() if isinstance(file, RemoteFile))
    width = max(map(len, facts)) + 2
    for title, text in (*facts.items(), *(("file", file) for file in files), *(("note", note) for note in card.notes)):
        if text:
            first = title.ljust(width)
            # addresses have no place to break at
            yield (
                f"{first}{text}"
                if title == "file"
                else textwrap.fill(
                    text, _WIDTH, initial_indent=first, subsequent_indent=" " * width, break_on_hyphens=False
                )
            )


def _address(file: RemoteFile) -> str:
    return f"https://github.com/{file.repository}/blob/{file.commit}/{file.path}".replace(" ", "%20")
