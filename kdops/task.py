"""The tasks, by their Hugging Face names: what a model predicts, and of what.

What else differs by task stands once in each layer, in a table: scores in `metrics.py`, predictions in
`training/scoring.py`, answers in `deploy/predictor.py` and what is said of them in `tracking/registry/signature.py`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Task(StrEnum):
    """What a model predicts: one label per text, or one tag per word.

    A *unit* is what gets an answer: a text, or a word of it.
    """

    TEXT = "text-classification"
    TOKEN = "token-classification"

    @property
    def unit(self) -> str:
        """What a unit is called."""
        return _FACTS[self].unit

    @property
    def of_words(self) -> bool:
        """Whether each word is a unit; else the text as a whole."""
        return self.unit == "word"

    @property
    def input_column(self) -> str:
        """The column of its texts, or of their words."""
        return "tokens" if self.of_words else "text"

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
    Task.TOKEN: _Facts("word", "tags", "words and their tags"),
}
