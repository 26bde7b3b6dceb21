"""The two tasks, by their Hugging Face names."""

from enum import StrEnum


class Task(StrEnum):
    """What a model predicts: one label a text, or one tag a word."""

    TEXT = "text-classification"
    TOKEN = "token-classification"

    @property
    def main_metric(self) -> str:
        """The metric that models are selected and compared by."""
        return "f1_macro" if self is Task.TEXT else "f1_entity_macro"
