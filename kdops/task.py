"""The two tasks, by their Hugging Face names."""

from enum import StrEnum


class Task(StrEnum):
    """What a model predicts: one label a text, or one tag a word."""

    TEXT = "text-classification"
    TOKEN = "token-classification"
