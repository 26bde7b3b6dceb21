"""The two tasks, by their Hugging Face names."""

from enum import StrEnum


class Task(StrEnum):
    """What a model predicts: one label per text, or one tag per word."""

    TEXT = "text-classification"
    TOKEN = "token-classification"
