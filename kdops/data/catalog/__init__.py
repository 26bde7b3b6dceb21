"""The data sets that are known by name."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from kdops.data.catalog.card import INDOBERT, SCRATCH, DatasetCard, RemoteFile, iob2
from kdops.data.catalog.text_cards import TEXT_CARDS
from kdops.data.catalog.token_cards import TOKEN_CARDS
from kdops.data.raw import SPLITS, Example
from kdops.data.readers.jsonfiles import read_jsonl
from kdops.task import Task

__all__ = ["CATALOG", "INDOBERT", "SCRATCH", "SPLITS", "DatasetCard", "RemoteFile"]

_SAMPLE_FOLDER = Path(__file__).parents[1] / "sample"


def _read_jsonl(path: Path) -> Sequence[Example]:
    return read_jsonl(path).rows


def _sample(name: str, task: Task, folder: str, labels: tuple[str, ...]) -> DatasetCard:
    return DatasetCard(
        name=name,
        task=task,
        files={split: _SAMPLE_FOLDER / folder / f"{split}.jsonl" for split in SPLITS},
        parser=_read_jsonl,
        labels=labels,
        rows=(1500, 400, 500),
        licence="Apache-2.0",
        citation="kdops: synthetic, written by tests/data/sample/generate.py",
        default_teacher=SCRATCH,
        unlabeled=_SAMPLE_FOLDER / folder / "unlabeled.jsonl",
        scheme="iob2" if task.of_words else "plain",
    )


_SAMPLES = (
    _sample("sample", Task.TEXT, "text", ("negative", "neutral", "positive")),
    _sample("sample-tags", Task.TOKEN, "tags", iob2("PERSON", "PLACE", "ORGANISATION")),
)
CATALOG: Mapping[str, DatasetCard] = {card.name: card for card in (*_SAMPLES, *TEXT_CARDS, *TOKEN_CARDS)}
