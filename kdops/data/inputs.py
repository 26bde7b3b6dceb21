"""The inputs of a model: a text, the words of one, or a pair of either."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

Side = str | Sequence[str]
"""A text, or for tasks of words its words."""


class Pair(TypedDict):
    """Two texts that are read together; where words get tags, they are those of the second."""

    text: Side
    text_pair: Side


Text = str | Sequence[str] | Pair
"""One input: a text, for tasks of words its words, or a pair of either."""


def sides(text: Text) -> tuple[Side, ...]:
    """The text itself, or both texts of a pair."""
    return (text["text"], text["text_pair"]) if isinstance(text, Mapping) else (text,)


def joined(text: Text) -> str:
    """The input as one string: words, and the texts of a pair, are joined by blanks."""
    return " ".join(side if isinstance(side, str) else " ".join(side) for side in sides(text))


def words_tagged(text: Text) -> Sequence[str]:
    """The words that have a tag each: those of the only text, or of the second of a pair."""
    return sides(text)[-1]
