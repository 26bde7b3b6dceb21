"""One labeled data set, whatever it came from, ready for training."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from datasets import ClassLabel, Dataset, DatasetDict, Features, Value
from datasets import List as ListOf

from kdops.data.catalog import CATALOG, OUT_OF_SCOPE
from kdops.data.catalog.card import DatasetCard
from kdops.data.catalog.public import read_card
from kdops.data.checks import check_split, sorted_labels
from kdops.data.names import own_name
from kdops.data.own import read_own
from kdops.data.raw import AS_FOUND, SPLITS, DataOptions, Example, RawDataset
from kdops.data.schemes import to_iob2
from kdops.data.splits import drop_leaks, make_missing
from kdops.data.tag_spellings import usual_spelling
from kdops.data.words import WordRule, learn_word_rule
from kdops.errors import UserError
from kdops.metrics import main_metric
from kdops.task import Task

Inputs = list[str] | list[list[str]]
Gold = list[str] | list[list[str]]

# Whatever else the user's seed draws, the test split of a public data set is the same for everybody.
_CATALOGUE_SEED = 1


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
        notes: what was repaired or made when it was loaded, in plain sentences.
        columns: which columns of the user's files hold what, for people.
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
    notes: tuple[str, ...] = ()
    columns: str = ""

    @property
    def main_metric(self) -> str:
        """The metric that models are selected and compared by."""
        return main_metric(self.task, self.labels)

    def word_rule(self) -> WordRule:
        """How the words of train were cut; for text classification the default, as nothing is cut there."""
        return learn_word_rule(cast(list[list[str]], self.inputs("train"))) if self.task.of_words else WordRule()

    def inputs(self, split: str) -> Inputs:
        """The texts of a split, or for token tasks their words."""
        return cast(Inputs, self.splits[split][self.task.input_column][:])

    def gold(self, split: str) -> Gold:
        """The label names of a split: one a text, or one a word."""
        column = self.splits[split][self.task.gold_column][:]
        return cast(Gold, [self._named(one) for one in column])

    def _named(self, classes: int | list[int]) -> str | list[str]:
        return self.labels[classes] if isinstance(classes, int) else [self.labels[index] for index in classes]


def load_corpus(name_or_path: str, options: DataOptions = AS_FOUND) -> Corpus:
    """A data set of the catalogue, or the user's own: read, brought to one scheme of tags, split, checked.

    Args:
        name_or_path: a name of the catalogue; else what `read_own` takes.
        options: how the user's own data is read, and whether leaks are dropped.

    Raises:
        UserError: for an unknown name, or files that cannot be had or used, naming file and line.
    """
    card = CATALOG.get(name_or_path)
    raw = _read_own(name_or_path, options) if card is None else _read_card(card, options)
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
        splits=DatasetDict({split: _dataset(split_rows[split], task, labels) for split in SPLITS}),
        fingerprint=_fingerprint(task, labels, split_rows),
        licence=raw.licence,
        citation=raw.citation,
        default_teacher=raw.default_teacher,
        unlabeled=raw.unlabeled,
        notes=raw.notes + respelled + notes,
        columns=raw.columns,
    )


def corpus_name(name_or_path: str, options: DataOptions = AS_FOUND) -> str:
    """What the data set would be called, which needs none of its files.

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


def _read_own(name_or_path: str, options: DataOptions) -> RawDataset:
    reason = OUT_OF_SCOPE.get(name_or_path)
    if reason is not None and not Path(name_or_path).exists():
        raise UserError(f"dataset {name_or_path!r} is out of scope: {reason}")
    return read_own(name_or_path, options)


def _dataset(rows: Sequence[Example], task: Task, labels: Sequence[str]) -> Dataset:
    label = ClassLabel(names=list(labels))
    texts, golds = (ListOf(Value("string")), ListOf(label)) if task.of_words else (Value("string"), label)
    columns = task.input_column, task.gold_column
    features = dict(zip(columns, (texts, golds), strict=True))
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
