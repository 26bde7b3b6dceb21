"""The tasks, by their Hugging Face names.

What else differs by task stands once in each layer, in a table: scores in `metrics.py`, predictions in
`training/scoring.py`, answers in `deploy/predictor.py` and their columns in `tracking/registry/signature.py`.
Losses follow from the heads: see `head_sizes`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

ASPECT_MARK = ":"
"""Stands between an aspect and its value in a label: `price:negative`."""


class Task(StrEnum):
    """The kind of prediction: one label per text, any number of them, one for each of several aspects, or one per word.

    A *unit* is what gets an answer: a text, or a word of it.
    """

    TEXT = "text-classification"
    MULTI_LABEL = "multi-label-classification"
    ASPECTS = "aspect-classification"
    TOKEN = "token-classification"

    @property
    def unit(self) -> str:
        """The name of a unit: `text` or `word`."""
        return _FACTS[self].unit

    @property
    def of_words(self) -> bool:
        """Whether each word is a unit; else the text as a whole."""
        return self.unit == "word"

    @property
    def several(self) -> bool:
        """Whether a text as a whole has several labels, or none: its gold is a list."""
        return not (self.of_words or self is Task.TEXT)

    @property
    def input_column(self) -> str:
        """The column of its texts, or of their words."""
        return "tokens" if self.of_words else "text"

    @property
    def pair_column(self) -> str:
        """The column of the second text of a pair, or of its words."""
        return f"{self.input_column}_pair"

    @property
    def gold_column(self) -> str:
        """The column of its labels."""
        return _FACTS[self].gold_column

    @property
    def row(self) -> str:
        """How a row reads, for messages."""
        return _FACTS[self].row


@dataclass(frozen=True)
class _Facts:
    unit: str
    gold_column: str
    row: str


_FACTS: Mapping[Task, _Facts] = {
    Task.TEXT: _Facts("text", "label", "a text and its label"),
    Task.MULTI_LABEL: _Facts("text", "labels", "a text and any number of labels"),
    Task.ASPECTS: _Facts("text", "aspects", "a text and a value of each aspect"),
    Task.TOKEN: _Facts("word", "tags", "words and their tags"),
}


def aspect_of(label: str) -> str:
    """The aspect of a label such as `price:negative`."""
    return label.partition(ASPECT_MARK)[0]


def value_of(label: str) -> str:
    """The value of a label such as `price:negative`."""
    return label.partition(ASPECT_MARK)[2]


def head_sizes(task: Task, labels: Sequence[str]) -> tuple[int, ...]:
    """How the logits of a unit divide into heads, by the number of labels of each, in the order of the labels.

    The labels of a head exclude each other. A head of one label says yes or no to it. Labels of one aspect stand
    together.
    """
    if task is Task.MULTI_LABEL:
        return (1,) * len(labels)
    if task is Task.ASPECTS:
        return tuple(len(list(those)) for _, those in groupby(labels, key=aspect_of))
    return (len(labels),)
