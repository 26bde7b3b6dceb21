"""What is looked at before any training: faults that stop it, and facts about the data that are worth logging."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kdops.data.parsers import Example
from kdops.data.schemes import marks_spans, orphans
from kdops.errors import UserError

if TYPE_CHECKING:
    from kdops.data.corpus import Corpus

_WORD = re.compile(r"\w+|[^\w\s]")
_NO_LETTERS = re.compile(r"[\W_]+")
# They choose how the character before them is drawn, as a letter's own marks do not.
_VARIATION_SELECTORS = range(0xFE00, 0xFE10)


@dataclass(frozen=True)
class Report:
    """Facts about a data set that passed the checks, for logging.

    Texts count as the same when they have the same letters and digits, whatever their case: see `content_key`.

    Attributes:
        rows: a split's number of texts.
        class_shares: of each split, each label's share of the texts, or of the words.
        duplicates_train_validation: validation texts that stand in train too.
        duplicates_train_test: test texts that stand in train too.
        duplicates_validation_test: test texts that stand in validation too.
        duplicates_in_train: train texts beyond the first of their kind.
        conflicting_in_train: different train texts that carry more than one labeling.
        repaired_tags: of each split, the I- tags that no B- or I- of their type stands before. Each counts as the
            beginning of a span, as IndoNLU's scorer and seqeval's default do; the tag itself stays as it is.
            None among plain tags.
    """

    rows: Mapping[str, int]
    class_shares: Mapping[str, Mapping[str, float]]
    duplicates_train_validation: int
    duplicates_train_test: int
    duplicates_validation_test: int
    duplicates_in_train: int
    conflicting_in_train: int
    repaired_tags: Mapping[str, int]


def words_of_text(text: str) -> list[str]:
    """The words and marks of a text: runs of letters and digits, and every other visible character."""
    return _WORD.findall(text)


def text_key(text: str | Sequence[str]) -> str:
    """What two inputs share when they are the same text, apart from case and spacing."""
    return " ".join(words_of_text(_folded(text)))


def content_key(text: str | Sequence[str]) -> str:
    """What two inputs share when a model that has read one of them knows the other: their letters and digits.

    Neither marks nor spacing hide a text, since they often come from how it was cut into words or cleaned. A text that
    has no letters or digits is told by its marks, as `text_key` does.
    """
    return _NO_LETTERS.sub(_letter_marks, _folded(text)) or text_key(text)


def sorted_labels(rows: Sequence[Example]) -> tuple[str, ...]:
    """All labels of the rows, sorted; O first, so that class 0 is no entity."""
    return tuple(sorted({name for row in rows for name in _names(row)}, key=lambda name: (name != "O", name)))


def check_split(
    split: str, rows: Sequence[Example], train: Sequence[Example], labels: Sequence[str], path: Path
) -> None:
    """Stop at the first fault that training could not survive, or that would make its score a lie.

    Rows were checked one by one when they were read, and tags when they were brought to one scheme.

    Args:
        split: the split's name.
        rows: its rows.
        train: the rows of the train split.
        labels: the labels that the data set may have.
        path: where the rows come from.

    Raises:
        UserError: naming file and line.
    """
    if not rows:
        raise UserError(f"{path}: no rows in {split}")
    trained = {name for row in train for name in _names(row)} & set(labels)
    for row in rows:
        place = f"{path}:{row.line}"
        if row.task is not train[0].task:
            raise UserError(f"{place}: a row for {row.task}, but the first row of train is for {train[0].task}")
        for name in _names(row):
            if name not in trained:
                raise UserError(f"{place}: {_unseen(name, labels, trained)}")
    found = {name for row in rows for name in _names(row)}
    if len(found) == 1:
        raise UserError(f"{path}: every label of {split} is {found.pop()!r}; are its real labels masked?")


def inspect(corpus: Corpus) -> Report:
    """Count what is worth knowing of a loaded data set: sizes, shares, duplicates, repaired tags."""
    keys = {split: [content_key(text) for text in corpus.inputs(split)] for split in corpus.splits}
    gold = {split: corpus.gold(split) for split in corpus.splits}
    labelings: dict[str, set[tuple[str, ...]]] = {}
    for key, labeling in zip(keys["train"], gold["train"], strict=True):
        labelings.setdefault(key, set()).add((labeling,) if isinstance(labeling, str) else tuple(labeling))
    return Report(
        rows={split: len(rows) for split, rows in keys.items()},
        class_shares={split: _shares(rows, corpus.labels) for split, rows in gold.items()},
        duplicates_train_validation=_shared(keys["train"], keys["validation"]),
        duplicates_train_test=_shared(keys["train"], keys["test"]),
        duplicates_validation_test=_shared(keys["validation"], keys["test"]),
        duplicates_in_train=len(keys["train"]) - len(labelings),
        conflicting_in_train=sum(len(different) > 1 for different in labelings.values()),
        repaired_tags={split: _repaired(rows, corpus.labels) for split, rows in gold.items()},
    )


def _folded(text: str | Sequence[str]) -> str:
    return (text if isinstance(text, str) else " ".join(text)).casefold()


def _letter_marks(found: re.Match[str]) -> str:
    """What of a run without letters still belongs to one: vowel signs and accents, which tell words apart."""
    run = found[0]
    if run.isascii():
        return ""
    return "".join(
        mark for mark in run if unicodedata.category(mark) in ("Mn", "Mc") and ord(mark) not in _VARIATION_SELECTORS
    )


def _names(row: Example) -> Sequence[str]:
    return [row.gold] if isinstance(row.gold, str) else row.gold


def _unseen(name: str, labels: Sequence[str], trained: set[str]) -> str:
    if name in labels:
        return f"label {name!r} never stands in train, which has: {', '.join(sorted(trained))}"
    return f"unknown label {name!r}; choose one of: {', '.join(labels)}"


def _shared(known: Sequence[str], asked: Sequence[str]) -> int:
    seen = set(known)
    return sum(key in seen for key in asked)


def _shares(rows: Sequence[str] | Sequence[Sequence[str]], labels: Sequence[str]) -> dict[str, float]:
    counts = Counter(name for row in rows for name in ([row] if isinstance(row, str) else row))
    return {label: counts[label] / counts.total() for label in labels}


def _repaired(rows: Sequence[str] | Sequence[Sequence[str]], labels: Sequence[str]) -> int:
    return sum(orphans(row) for row in rows if not isinstance(row, str)) if marks_spans(labels) else 0
