"""One labeled data set, whatever it came from, ready for training."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from datasets import List as ListOf

from kdops.data.catalog import CATALOG, INDOBERT, SPLITS, DatasetCard
from kdops.data.checks import check_split, sorted_labels
from kdops.data.parsers import Example, read_jsonl
from kdops.data.sources import fetch
from kdops.errors import UserError
from kdops.task import Task

Inputs = list[str] | list[list[str]]
Gold = list[str] | list[list[str]]


@dataclass(frozen=True)
class Corpus:
    """A labeled data set.

    Attributes:
        name: safe in file names and in the registry.
        task: what its labels are for.
        labels: all labels in the order of the model's classes.
        splits: train, validation and test, with the columns text and label, or tokens and tags.
        fingerprint: 16 hexadecimal digits over task, labels and all rows.
        licence: under which the data may be used.
        citation: whom to name.
        default_teacher: the encoder to fine-tune when the user names none.
        unlabeled: a JSONL file of more texts of the same kind, if there is one.
    """

    name: str
    task: Task
    labels: tuple[str, ...]
    splits: DatasetDict
    fingerprint: str
    licence: str
    citation: str
    default_teacher: str
    unlabeled: Path | None

    @property
    def main_metric(self) -> str:
        """The metric that models are selected and compared by."""
        return self.task.main_metric

    def inputs(self, split: str) -> Inputs:
        """The texts of a split, or for token tasks their words."""
        return cast(Inputs, self.splits[split]["text" if self.task is Task.TEXT else "tokens"][:])

    def gold(self, split: str) -> Gold:
        """The label names of a split: one a text, or one a word."""
        if self.task is Task.TEXT:
            return [self.labels[index] for index in self.splits[split]["label"][:]]
        return [[self.labels[index] for index in row] for row in self.splits[split]["tags"][:]]


def load_corpus(name_or_path: str) -> Corpus:
    """The data set of that catalogue name, or the folder of the user's own JSONL files.

    A folder holds train.jsonl, validation.jsonl and test.jsonl, and if there are more texts unlabeled.jsonl.

    Raises:
        UserError: for an unknown name, or files that cannot be had or used, naming file and line.
    """
    card = CATALOG.get(name_or_path) or _folder_card(name_or_path)
    paths = {split: file if isinstance(file, Path) else fetch(file) for split, file in card.files.items()}
    rows = {split: list(card.parser(path)) for split, path in paths.items()}
    task = rows["train"][0].task
    labels = card.labels or sorted_labels(rows["train"])
    for split in SPLITS:
        check_split(split, rows[split], rows["train"], labels, paths[split])
    return Corpus(
        name=card.name,
        task=task,
        labels=labels,
        splits=DatasetDict({split: _dataset(rows[split], task, labels) for split in SPLITS}),
        fingerprint=_fingerprint(task, labels, rows),
        licence=card.licence,
        citation=card.citation,
        default_teacher=card.default_teacher,
        unlabeled=card.unlabeled,
    )


def _folder_card(path: str) -> DatasetCard:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise UserError(
            f"unknown dataset {path!r}; choose one of: {', '.join(CATALOG)}, "
            "or a folder with train.jsonl, validation.jsonl and test.jsonl"
        )
    unlabeled = folder / "unlabeled.jsonl"
    return DatasetCard(
        name=_safe_name(folder),
        files={split: folder / f"{split}.jsonl" for split in SPLITS},
        parser=read_jsonl,
        labels=(),
        licence="the user's own",
        citation=str(folder),
        default_teacher=INDOBERT,
        unlabeled=unlabeled if unlabeled.is_file() else None,
    )


def _safe_name(folder: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-") or "dataset"
    # a folder called smsa must not pass for the public one in the registry
    return f"{name}-folder" if name in CATALOG else name


def _dataset(rows: Sequence[Example], task: Task, labels: Sequence[str]) -> Dataset:
    label = ClassLabel(names=list(labels))
    if task is Task.TEXT:
        columns, features = ("text", "label"), {"text": Value("string"), "label": label}
    else:
        columns, features = ("tokens", "tags"), {"tokens": ListOf(Value("string")), "tags": ListOf(label)}
    index = {name: place for place, name in enumerate(labels)}
    gold = [index[row.gold] if isinstance(row.gold, str) else [index[tag] for tag in row.gold] for row in rows]
    return Dataset.from_dict({columns[0]: [row.input for row in rows], columns[1]: gold}, features=Features(features))


def _fingerprint(task: Task, labels: Sequence[str], rows: Mapping[str, Sequence[Example]]) -> str:
    digest = hashlib.sha256(json.dumps([task, list(labels)]).encode())
    for split in SPLITS:
        digest.update(split.encode())
        for row in rows[split]:
            digest.update(json.dumps([row.input, row.gold]).encode())
    return digest.hexdigest()[:16]
