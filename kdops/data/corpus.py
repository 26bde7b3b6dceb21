"""One labeled data set of any source, ready for training."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from kdops.data.catalog import CATALOG
from kdops.data.catalog.card import DatasetCard
from kdops.data.catalog.reading import read_card
from kdops.data.checks import check_split, sorted_labels
from kdops.data.inputs import Pair, sides
from kdops.data.names import own_name
from kdops.data.raw import AS_FOUND, SPLITS, DataOptions, Example, RawDataset
from kdops.data.schemes import to_iob2
from kdops.data.splits import drop_leaks, make_missing
from kdops.data.tag_spellings import usual_spelling
from kdops.data.user_data import read_own
from kdops.data.words import WordRule, learn_word_rule
from kdops.errors import UserError
from kdops.metrics import main_metric, score
from kdops.task import Task

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

Inputs = list[str] | list[list[str]] | list[Pair]
Gold = list[str] | list[list[str]]

# The test split of a public data set is the same for every seed.
_CATALOGUE_SEED = 1


@dataclass(frozen=True)
class Corpus:
    """A labeled data set.

    Attributes:
        name: safe in file names and in the registry.
        task: what its labels are for.
        labels: all labels in the order of the model's classes.
        rows: of train, validation and test.
        fingerprint: 16 hexadecimal digits over task, labels, whose they are, and all rows.
        licence: under which the data may be used.
        citation: whom to name.
        default_teacher: the encoder to fine-tune when the user names none.
        unlabeled: a JSONL file of more texts of the same kind, if there is one.
        notes: what was repaired or made when it was loaded, in plain sentences.
        columns: which columns of the user's files hold what, for people.
        labeled_by: the teacher whose labels stand for gold labels, so that scores are agreement with it; empty: none.
    """

    name: str
    task: Task
    labels: tuple[str, ...]
    rows: Mapping[str, Sequence[Example]]
    fingerprint: str
    licence: str
    citation: str
    default_teacher: str
    unlabeled: Path | None
    notes: tuple[str, ...] = ()
    columns: str = ""
    labeled_by: str = ""

    @cached_property
    def splits(self) -> DatasetDict:
        """The rows as `datasets` objects, labels as numbers.

        Columns: text and label, labels or aspects; or tokens and tags; of pairs also text_pair, or tokens_pair.
        """
        from datasets import DatasetDict  # here, because it is slow to import, and most of kdops needs the rows alone

        return DatasetDict({split: self._dataset(split) for split in self.rows})

    @property
    def main_metric(self) -> str:
        """The metric that models are selected and compared by."""
        return main_metric(self.task, self.labels, agreement=bool(self.labeled_by))

    def score(self, split: str, predicted: Sequence[str] | Sequence[Sequence[str]]) -> dict[str, float]:
        """All metrics of what is predicted for a split."""
        return score(self.task, self.labels, self.gold(split), predicted, agreement=bool(self.labeled_by))

    @property
    def pairs(self) -> bool:
        """Whether its inputs are pairs."""
        return len(sides(self.rows["train"][0].input)) > 1

    @property
    def compared(self) -> bool:
        """Whether its inputs are pairs of texts with one answer for both."""
        return self.pairs and not self.task.of_words

    def word_rule(self) -> WordRule:
        """The rule by which the words of train were cut; for tasks of texts the default, since nothing is cut there."""
        if not self.task.of_words:
            return WordRule()
        return learn_word_rule(side for text in self.inputs("train") for side in sides(text))

    def inputs(self, split: str) -> Inputs:
        """The texts of a split, for token tasks their words, or pairs of either."""
        return cast(Inputs, [row.input for row in self.rows[split]])

    def gold(self, split: str) -> Gold:
        """The label names of a split: one per text, or a list: the text's labels, one per aspect, or one per word."""
        return cast(Gold, [row.gold for row in self.rows[split]])

    def gold_classes(self, split: str) -> list[int] | list[list[int]]:
        """The labels of a split as numbers, which are their places in `labels`."""
        number = {name: place for place, name in enumerate(self.labels)}
        numbered = [
            number[row.gold] if isinstance(row.gold, str) else [number[name] for name in row.gold]
            for row in self.rows[split]
        ]
        return cast(list[int] | list[list[int]], numbered)

    def _dataset(self, split: str) -> Dataset:
        from datasets import ClassLabel, Dataset, Features, Value
        from datasets import List as ListOf

        label = ClassLabel(names=list(self.labels))
        texts = ListOf(Value("string")) if self.task.of_words else Value("string")
        golds = label if self.task is Task.TEXT else ListOf(label)
        columns = (self.task.input_column, *([self.task.pair_column] if self.pairs else []))
        inputs = zip(*(sides(row.input) for row in self.rows[split]), strict=True)
        table = dict(zip(columns, map(list, inputs), strict=True)) | {self.task.gold_column: self.gold_classes(split)}
        features = {**dict.fromkeys(columns, texts), self.task.gold_column: golds}
        return Dataset.from_dict(table, features=Features(features))


def load_corpus(name_or_path: str, options: DataOptions = AS_FOUND) -> Corpus:
    """A data set of the catalogue, or the user's own: read, brought to one scheme of tags, split, checked.

    Args:
        name_or_path: a name of the catalogue; else what `read_own` takes.
        options: how the user's own data is read, and whether leaks are dropped.

    Raises:
        UserError: for an unknown name, or files that cannot be had or used, naming file and line.
    """
    card = CATALOG.get(name_or_path)
    raw = read_own(name_or_path, options) if card is None else _read_card(card, options)
    scheme = options.scheme if card is None else card.scheme
    spelled, respelled = usual_spelling(raw.rows) if card is None and scheme != "plain" else (raw.rows, ())
    rows, _ = to_iob2(spelled, scheme, raw.places)
    place, labels = raw.places["train"], raw.labels or sorted_labels(rows["train"])
    check_split("train", rows["train"], rows["train"], labels, place)
    split_rows, notes = make_missing(rows, place, _CATALOGUE_SEED if card is not None else options.seed)
    if options.drop_leaks:
        split_rows, dropped = drop_leaks(split_rows, place)
        notes += dropped
    for split in SPLITS:
        check_split(split, split_rows[split], split_rows["train"], labels, raw.places.get(split, place))
    task = rows["train"][0].task
    return Corpus(
        name=raw.name,
        task=task,
        labels=labels,
        rows={split: split_rows[split] for split in SPLITS},
        fingerprint=_fingerprint(task, labels, split_rows, raw.labeled_by),
        licence=raw.licence,
        citation=raw.citation,
        default_teacher=raw.default_teacher,
        unlabeled=raw.unlabeled,
        notes=raw.notes + respelled + notes,
        columns=raw.columns,
        labeled_by=raw.labeled_by,
    )


def corpus_name(name_or_path: str, options: DataOptions = AS_FOUND) -> str:
    """The name that the data set would have; none of its files is read.

    Raises:
        UserError: for options that do not fit, or an unfit name.
    """
    card = CATALOG.get(name_or_path)
    if card is None:
        return own_name(name_or_path, options.name)
    _check_options(card, options)
    return card.name


def _read_card(card: DatasetCard, options: DataOptions) -> RawDataset:
    _check_options(card, options)
    return read_card(card)


def _check_options(card: DatasetCard, options: DataOptions) -> None:
    if options.task not in (None, card.task):
        raise UserError(f"task={options.task}, but dataset {card.name!r} is for {card.task}")
    for field in ("name", "text_column", "label_column", "scheme", "separator"):
        given = getattr(options, field)
        if given != getattr(AS_FOUND, field):
            raise UserError(f"{field}={given} is for data of your own; kdops knows how dataset {card.name!r} is read")


def _fingerprint(task: Task, labels: Sequence[str], rows: Mapping[str, Sequence[Example]], labeled_by: str) -> str:
    # The source of the labels decides the names of scores.
    whose = [labeled_by] if labeled_by else []
    digest = hashlib.sha256(json.dumps([task, list(labels), *whose]).encode())
    for split in SPLITS:
        digest.update(split.encode())
        for row in rows[split]:
            digest.update(json.dumps([row.input, row.gold]).encode())
    return digest.hexdigest()[:16]
